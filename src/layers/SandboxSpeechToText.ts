/** Recognition without a recogniser: speech in, a description of it out, such as `[1.5s of speech]`. Never makes up words. */
import { type Cause, Effect, Layer, Queue, type Scope, Stream } from "effect"
import { WINDOW_SAMPLES } from "../schema/Audio.ts"
import { type InterimTranscript, SpeechToText, type SpeechToTextSession } from "../services/SpeechToText.ts"
import { levelDb } from "../streams/EnergyScore.ts"
import { spokenMs } from "./SandboxSpeechMeter.ts"
import { describeSpeech } from "./SandboxTranscript.ts"

/** Speech after which it is told that there is some, in milliseconds. */
const INTERIM_AFTER_MS = 300

/** Speech after which its length is told again while it goes on, in milliseconds. */
const INTERIM_EVERY_MS = 500

/** Interim transcripts kept for whoever takes them; only the latest matter. */
const INTERIMS_KEPT = 16

/** What is kept of an open segment: no audio, only how loud it was. */
interface OpenSegment {
  readonly levels: Array<number>
  /** The window that is being filled, and how far. */
  readonly window: Int16Array
  filled: number
  /** Speech in it so far, and as it was told last, in milliseconds. */
  spokenMs: number
  toldMs: number
}

const empty = (): OpenSegment => ({
  levels: [],
  window: new Int16Array(WINDOW_SAMPLES),
  filled: 0,
  spokenMs: 0,
  toldMs: 0
})

/** Takes audio of any length in; true if it completed a window. */
const listen = (segment: OpenSegment, samples: Int16Array): boolean => {
  const before = segment.levels.length
  for (let from = 0; from < samples.length;) {
    const piece = samples.subarray(from, from + WINDOW_SAMPLES - segment.filled)
    segment.window.set(piece, segment.filled)
    segment.filled += piece.length
    from += piece.length
    if (segment.filled === WINDOW_SAMPLES) {
      segment.levels.push(levelDb(segment.window))
      segment.filled = 0
    }
  }
  return segment.levels.length > before
}

const openSession: Effect.Effect<SpeechToTextSession, never, Scope.Scope> = Effect.gen(function* () {
  const segments = new Map<number, OpenSegment>()
  const interims = yield* Effect.acquireRelease(Queue.sliding<InterimTranscript, Cause.Done>(INTERIMS_KEPT), (queue) =>
    Queue.end(queue)
  )

  const append = (id: number, samples: Int16Array): void => {
    const segment = segments.get(id) ?? empty()
    segments.set(id, segment)
    if (!listen(segment, samples)) return
    const before = segment.spokenMs
    segment.spokenMs = spokenMs(segment.levels)
    const told = segment.toldMs === 0 ? "" : describeSpeech(segment.toldMs)
    const text = describeSpeech(segment.spokenMs)
    // In a pause every change is told: what is guessed from the interim words is then right by the final ones.
    const pausing = segment.spokenMs === before
    const due = pausing || segment.spokenMs - segment.toldMs >= (told === "" ? INTERIM_AFTER_MS : INTERIM_EVERY_MS)
    if (!due || text === told || segment.spokenMs < INTERIM_AFTER_MS) return
    segment.toldMs = segment.spokenMs
    Queue.offerUnsafe(interims, { segment: id, text })
  }

  const commit = (id: number): string => {
    const spoken = segments.get(id)?.spokenMs ?? 0
    segments.delete(id)
    return spoken === 0 ? "" : describeSpeech(spoken)
  }

  return {
    append: (segment, samples) => Effect.sync(() => append(segment, samples)),
    commit: (segment) => Effect.sync(() => commit(segment)),
    discard: (segment) => Effect.sync(() => void segments.delete(segment)),
    interims: Stream.fromQueue(interims)
  }
})

/**
 * Recognition that tells how long somebody spoke, by loudness alone.
 *
 * Interim transcripts come from 0.3 s of speech on, every half second while it goes on and as soon as it pauses. In a pause
 * the latest of them is what the final one will be, so that an answer begun on it is not thrown away.
 */
export const layer: Layer.Layer<SpeechToText> = Layer.succeed(SpeechToText, { open: openSession })
