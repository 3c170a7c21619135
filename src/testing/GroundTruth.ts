/** What the caller really said and when, written while the call goes on and open to anyone. Owns no audio. */
import { Effect } from "effect"

/** Something the caller said. Times are line milliseconds: the audio clock of `media.timestamp`. */
export interface Utterance {
  /** Position among the caller's utterances, from 0. */
  readonly index: number
  /** First audible sample. */
  readonly startMs: number
  /** The moment after the last audible sample, known as soon as the utterance begins. */
  readonly endMs: number
  /** The words; "" if the script did not tell. */
  readonly text: string
}

/** The truth so far. */
export interface GroundTruthState {
  /** Time of the Clock (`currentTimeMillis`) at which line time was 0; undefined before the stream has started. */
  readonly originMs: number | undefined
  /** In the order they began; an utterance is here before its first frame reaches the server. */
  readonly utterances: ReadonlyArray<Utterance>
}

/** What is known about the caller of one call: hand it to `placeCall`, and to whoever wants to know. */
export interface GroundTruth {
  readonly current: Effect.Effect<GroundTruthState>
  /** For the caller alone: replaces what is known. */
  readonly setUnsafe: (state: GroundTruthState) => void
}

/** A truth in which nothing was said yet. */
export const makeGroundTruth: Effect.Effect<GroundTruth> = Effect.sync(() => {
  let state: GroundTruthState = { originMs: undefined, utterances: [] }
  return {
    current: Effect.sync(() => state),
    setUnsafe: (next) => void (state = next)
  }
})

/**
 * The words spoken between two points of line time.
 *
 * An utterance is taken to be spoken evenly, character by character; a word belongs to the stretch its middle falls in.
 */
export const wordsBetween = (utterances: ReadonlyArray<Utterance>, fromMs: number, toMs: number): string =>
  utterances
    .filter((utterance) => utterance.endMs > fromMs && utterance.startMs < toMs)
    .flatMap(({ startMs, endMs, text }) =>
      [...text.matchAll(/\S+/gu)]
        .filter((word) => {
          const middle = startMs + ((word.index + word[0].length / 2) / text.length) * (endMs - startMs)
          return middle >= fromMs && middle < toMs
        })
        .map((word) => word[0])
    )
    .join(" ")
