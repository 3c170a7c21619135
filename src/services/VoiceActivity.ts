/** Contract: is there a voice in this window? Owns scores, not what they mean for the conversation. */
import { Context, type Effect, type Scope } from "effect"
import { type VoiceActivityError } from "../schema/Errors.ts"

/** Scores the windows of one call, in order. */
export interface VoiceScorer {
  /**
   * Probability (0 to 1) that the window holds a voice.
   *
   * Takes exactly `WINDOW_SAMPLES` samples of 8 kHz PCM; one window at a time. The samples are read before the effect
   * suspends and are not kept.
   */
  readonly score: (window: Int16Array) => Effect.Effect<number, VoiceActivityError>
  /** Forgets what came before: at the start of a call and after a gap in its audio. */
  readonly reset: Effect.Effect<void>
}

/** Voice activity detection, shared by all calls of the process. */
export class VoiceActivity extends Context.Service<
  VoiceActivity,
  {
    /** A scorer with its own recurrent state, for one call. */
    readonly open: Effect.Effect<VoiceScorer, VoiceActivityError, Scope.Scope>
  }
>()("parley/services/VoiceActivity") {}
