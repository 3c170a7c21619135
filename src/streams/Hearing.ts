/** A call's media frames in, its windows with the probability that the caller speaks in them out: the voice model, and what it cannot know. Owns no turn and no model. */
import { Effect, type Scope } from "effect"
import { type VoiceWindow, WINDOW_MS } from "../schema/Audio.ts"
import { type Media } from "../schema/Twilio.ts"
import { type VoiceScorer } from "../services/VoiceActivity.ts"
import * as Background from "./Background.ts"
import { type EchoGate } from "./EchoGate.ts"
import * as EnergyScore from "./EnergyScore.ts"
import { decodeMulawBase64 } from "./Mulaw.ts"
import { scoreInOrder } from "./ScoreInOrder.ts"
import * as VoiceWindows from "./VoiceWindows.ts"

/** What a call's hearing stands on, and whom it tells. */
export interface HearingOptions {
  /** Scores windows; without one they are judged by their loudness. */
  readonly scorer: VoiceScorer | undefined
  /** Knows what the agent's own voice sounds like on its way back. */
  readonly echo: EchoGate
  /** Milliseconds of a monotonic clock. */
  readonly nowMs: () => number
  /** A window was scored: told in order, as soon as it is. */
  readonly onWindow: (window: VoiceWindow, probability: number) => void
  /** Something is to be run before what comes of the next window. */
  readonly onDue: (effect: Effect.Effect<void>) => void
  /** The model could not score a window; told once a call. */
  readonly failed: (error: { readonly message: string }) => Effect.Effect<void>
}

/** The ears of one call. Mutable. */
export interface Hearing {
  /**
   * Takes a frame in at once; the effect waits until there is room for more, and is `Effect.void` itself where nothing is
   * to be waited for.
   */
  readonly media: (frame: Media) => Effect.Effect<void>
  /** When audio last came, in milliseconds of the same clock. */
  readonly lastAudioMs: () => number
}

/** A window with what is known of it without the model: how much its loudness looks like a voice, how much of it is the caller's own. */
interface HeardWindow {
  readonly window: VoiceWindow
  readonly loudness: number
  readonly own: number
}

/** Longest gap that is believed, in milliseconds; a longer one is a carrier's clock that was set, or does not begin at 0. */
const MAX_GAP_MS = 60_000

/**
 * Windows with the carrier's times in, the same with the call's out, which begin at the call's beginning and never go
 * back: everything that waits for a time would else be waiting for hours, or be over at once. Mutable.
 */
const makeCallTime = (): ((window: VoiceWindow) => VoiceWindow) => {
  let shiftMs = 0
  let endsMs = 0
  return (window) => {
    const gapMs = window.atMs + shiftMs - endsMs
    if (gapMs < 0 || gapMs > MAX_GAP_MS) shiftMs -= gapMs
    const atMs = window.atMs + shiftMs
    endsMs = atMs + WINDOW_MS
    return shiftMs === 0 ? window : { ...window, atMs }
  }
}

/** Hearing for a new call, until the scope closes. */
export const makeHearing = Effect.fnUntraced(function* (
  options: HearingOptions
): Effect.fn.Return<Hearing, never, Scope.Scope> {
  const { echo, nowMs, onDue, onWindow, scorer } = options
  let windows = VoiceWindows.initial
  const inCallTime = makeCallTime()
  let energy = EnergyScore.initial
  let surroundings = Background.initial
  let lastAudioMs = nowMs()
  let scoringFailed = false

  /** A window the model could not score is judged by its loudness: the agent must not go deaf. */
  const tellFailure = (error: { readonly message: string }): Effect.Effect<void> => {
    if (scoringFailed) return Effect.void
    scoringFailed = true
    return options.failed(error)
  }

  const direct = scorer?.direct
  const inOrder =
    direct === undefined
      ? undefined
      : scoreInOrder<HeardWindow>(
          direct,
          ({ loudness, own, window }, failure, voice) => {
            if (failure !== undefined && !scoringFailed) onDue(tellFailure(failure))
            onWindow(window, (failure === undefined ? voice : loudness) * own)
          },
          (defect) => onDue(Effect.die(defect))
        )
  if (inOrder !== undefined) yield* Effect.addFinalizer(() => Effect.sync(inOrder.end))

  const score = ({ loudness, window }: HeardWindow): Effect.Effect<number> => {
    if (scorer === undefined) return Effect.succeed(loudness)
    const scored = scorer.score(window.samples).pipe(Effect.catch((error) => Effect.as(tellFailure(error), loudness)))
    return window.discontinuous ? Effect.andThen(scorer.reset, scored) : scored
  }

  const hear = (cut: VoiceWindow): Effect.Effect<void> => {
    const window = inCallTime(cut)
    const [floor, loudness] = EnergyScore.step(energy, window.samples)
    energy = floor
    // Neither the agent's own echo nor voices in the background are the caller's.
    const [learned, near] = Background.step(surroundings, window.samples)
    surroundings = learned
    const own = near * (1 - echo.explained(window, lastAudioMs))
    const heard = { window, loudness, own }
    if (inOrder === undefined) return Effect.map(score(heard), (voice) => onWindow(window, voice * own))
    inOrder.add(heard)
    return inOrder.room()
  }

  return {
    lastAudioMs: () => lastAudioMs,
    media: (frame) => {
      lastAudioMs = nowMs()
      const samples = decodeMulawBase64(frame.media.payload)
      const [next, complete] = VoiceWindows.step(windows, { atMs: frame.media.timestamp, samples })
      windows = next
      const [first] = complete
      if (first === undefined) return Effect.void
      return complete.length === 1 ? hear(first) : Effect.forEach(complete, hear, { discard: true })
    }
  }
})
