/** A stand-in for the voice detector: windows in, probabilities by loudness or by what the caller really said out, failing when it is told to. Needs no model. */
import { Clock, Effect, Layer } from "effect"
import { WINDOW_MS } from "../schema/Audio.ts"
import { VoiceActivityError } from "../schema/Errors.ts"
import { VoiceActivity } from "../services/VoiceActivity.ts"
import * as EnergyScore from "../streams/EnergyScore.ts"
import { type GroundTruth, type GroundTruthState, makeGroundTruth } from "./GroundTruth.ts"

/** What the detector does; data only. */
export interface VoiceActivityScript {
  /**
   * What it goes by: `energy` (the default), how loud a window is above the noise; `truth`, whether the caller is
   * speaking, which neither noise nor echo can disturb.
   */
  readonly source?: "energy" | "truth"
  /** No detector can be had for a call at all. */
  readonly unavailable?: boolean
  /** Windows that cannot be scored, by their position in the call from 0: `from` included, `to` not. */
  readonly failures?: ReadonlyArray<{ readonly from: number; readonly to: number }>
}

/** Probabilities of a detector that is certain, as models are: never quite. */
const VOICE = 0.97
const SILENCE = 0.03

/** The count of windows is believed while it is no further than this behind the Clock, in milliseconds. */
const COUNT_LAG_MS = 500

/** Whether the caller speaks during at least half of a window of line time. */
const isSpeaking = ({ utterances }: GroundTruthState, atMs: number): boolean =>
  utterances.some(({ endMs, startMs }) => Math.min(endMs, atMs + WINDOW_MS) - Math.max(startMs, atMs) >= WINDOW_MS / 2)

/**
 * Scores by what the caller really says. A window does not tell when it was recorded: they are counted, from the moment
 * that the first one comes and again after a gap.
 */
const scoreTruth = (truth: GroundTruth) => {
  let nextMs: number | undefined
  const score = Effect.gen(function* () {
    const state = yield* truth.current
    const nowMs = (yield* Clock.currentTimeMillis) - (state.originMs ?? 0)
    if (nextMs === undefined || nowMs - nextMs > COUNT_LAG_MS || nextMs > nowMs) {
      // A window is complete with a frame of 20 ms, on average in the middle of it.
      nextMs = Math.max(0, nowMs - WINDOW_MS - 10)
    }
    const atMs = nextMs
    nextMs += WINDOW_MS
    return isSpeaking(state, atMs) ? VOICE : SILENCE
  })
  return { score, reset: Effect.sync(() => void (nextMs = undefined)) }
}

/** A detector that follows a script; `truth` is what `placeCall` was given, for the source of that name. */
export const scriptedVoiceActivity = (
  script: VoiceActivityScript = {},
  truth?: GroundTruth
): Layer.Layer<VoiceActivity> =>
  Layer.succeed(VoiceActivity, {
    open: Effect.gen(function* () {
      if (script.unavailable === true) {
        return yield* new VoiceActivityError({ message: "no voice detector, as scripted" })
      }
      const known = scoreTruth(truth ?? (yield* makeGroundTruth))
      let energy = EnergyScore.initial
      let windows = 0
      const fails = (window: number): boolean =>
        script.failures?.some(({ from, to }) => window >= from && window < to) ?? false
      return {
        score: (window: Int16Array) =>
          Effect.suspend(() => {
            const number = windows++
            const [learned, probability] = EnergyScore.step(energy, window)
            energy = learned
            if (fails(number)) return new VoiceActivityError({ message: `window ${number} failed, as scripted` })
            return script.source === "truth" ? known.score : Effect.succeed(probability)
          }),
        reset: known.reset
      }
    })
  })
