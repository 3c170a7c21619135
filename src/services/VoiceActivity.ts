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
  /** The same scorer for whoever has no fiber that waits for each window. Left out where there is no such way. */
  readonly direct?: DirectScorer
}

/** Scores as a {@link VoiceScorer} does, and tells the result by a call; to be used instead of its effects, not beside them. */
export interface DirectScorer {
  /** `settled` is called once, at once or later, unless the window is taken back. It must not throw. */
  readonly score: (window: Int16Array, settled: ScoreSettled) => void
  /** Takes back the window that is being scored, if there is one. */
  readonly cancel: () => void
  readonly reset: () => void
}

/** Told what came of a window: why there is no score, or its probability (0 to 1). */
export type ScoreSettled = (failure: VoiceActivityError | undefined, probability: number) => void

/** Voice activity detection, shared by all calls of the process. */
export class VoiceActivity extends Context.Service<
  VoiceActivity,
  {
    /** A scorer with its own recurrent state, for one call. */
    readonly open: Effect.Effect<VoiceScorer, VoiceActivityError, Scope.Scope>
  }
>()("parley/services/VoiceActivity") {}
