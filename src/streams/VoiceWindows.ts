/** Caller audio in chunks of any length in, windows for the voice-activity model out, in audio time; owns no scores. */
import { Stream } from "effect"
import { BYTES_PER_MS, type CallerAudio, type VoiceWindow, WINDOW_SAMPLES } from "../schema/Audio.ts"
import { type Stage } from "./Stage.ts"

/** How far a chunk's time may be from the end of the samples before it with nothing being wrong, in milliseconds. */
const JITTER_MS = 60

/** Longest stretch of lost audio that silence is put in for, in milliseconds; after a longer one the windows begin anew. */
const FILL_MS = 200

/** Most audio in a row that is dropped for lying in the past, in milliseconds; more of it is a carrier's clock set back. */
const DROP_MS = 1000

/** Shortest chunk that can be a repeat of the one before: shorter ones may share a time, which comes in milliseconds. */
const REPEAT_SAMPLES = BYTES_PER_MS

/** What is carried from chunk to chunk. */
export interface VoiceWindowsState {
  /** Time of the first sample since the windows last began anew. */
  readonly originMs: number
  /** Samples since then, pending ones included. */
  readonly count: number
  /** Samples after the last whole window, as they came, and how many: fewer than `WINDOW_SAMPLES`. */
  readonly pending: ReadonlyArray<Int16Array>
  readonly waiting: number
  /** Whether the next window is the first after a gap. */
  readonly discontinuous: boolean
  /** Audio dropped since the last that was used. */
  readonly droppedMs: number
  /** The last chunk that had samples. */
  readonly previous: CallerAudio | undefined
}

/** Before any audio. */
export const initial: VoiceWindowsState = {
  originMs: 0,
  count: 0,
  pending: [],
  waiting: 0,
  discontinuous: false,
  droppedMs: 0,
  previous: undefined
}

type Step = readonly [VoiceWindowsState, ReadonlyArray<VoiceWindow>]

/** Puts samples behind the pending ones and cuts off whole windows, each of which is copied once, when it is whole. */
const append = (state: VoiceWindowsState, chunk: CallerAudio, samples: Int16Array): Step => {
  const { discontinuous, originMs } = state
  const pending = state.pending.length === 0 ? [samples] : state.pending.concat([samples])
  const total = state.waiting + samples.length
  const count = state.count + samples.length
  if (total < WINDOW_SAMPLES)
    return [{ originMs, count, pending, waiting: total, discontinuous, droppedMs: 0, previous: chunk }, none]

  const waiting = total % WINDOW_SAMPLES
  const startMs = originMs + (count - total) / BYTES_PER_MS
  const windows: Array<VoiceWindow> = []
  let piece = 0
  let at = 0
  for (let done = 0; done < total - waiting; done += WINDOW_SAMPLES) {
    const window = new Int16Array(WINDOW_SAMPLES)
    for (let i = 0; i < WINDOW_SAMPLES; i++) {
      while (at === pending[piece]!.length) {
        piece++
        at = 0
      }
      window[i] = pending[piece]![at++]!
    }
    windows.push({ atMs: startMs + done / BYTES_PER_MS, samples: window, discontinuous: discontinuous && done === 0 })
  }
  const rest = waiting === 0 ? [] : [samples.subarray(samples.length - waiting)]
  return [{ originMs, count, pending: rest, waiting, discontinuous: false, droppedMs: 0, previous: chunk }, windows]
}

const none: ReadonlyArray<VoiceWindow> = []

const beginAnew = (chunk: CallerAudio, discontinuous: boolean): Step =>
  append({ ...initial, originMs: chunk.atMs, discontinuous }, chunk, chunk.samples)

const drop = (state: VoiceWindowsState, chunk: CallerAudio): Step => {
  const droppedMs = state.droppedMs + chunk.samples.length / BYTES_PER_MS
  return droppedMs > DROP_MS ? beginAnew(chunk, true) : [{ ...state, droppedMs, previous: chunk }, []]
}

const isRepeat = (previous: CallerAudio, { atMs, samples }: CallerAudio): boolean =>
  atMs === previous.atMs &&
  samples.length === previous.samples.length &&
  samples.length >= REPEAT_SAMPLES &&
  samples.every((sample, i) => sample === previous.samples[i])

/**
 * Adds a chunk and gives out the windows it completes, each in memory of its own.
 *
 * Time is counted in samples from the first chunk on. The chunks' own times only tell when that count is wrong:
 * - up to 60 ms off is jitter and changes nothing. It cannot add up: the distance is always to the count, so a drift
 *   ends in one of the next cases once it passes 60 ms, and these set the count right;
 * - later by up to 200 ms is lost audio, made up for by as much silence;
 * - later than that, the pending samples are dropped and the windows begin anew at the chunk's time, `discontinuous`;
 * - earlier by more than 60 ms, what was there already is dropped, which may be the whole chunk, and so is a chunk that
 *   repeats the one before. After a second of nothing but dropped audio the carrier's clock must have been set back: the
 *   windows begin anew, `discontinuous`, and their times go back with it.
 */
export const step = (state: VoiceWindowsState, chunk: CallerAudio): Step => {
  const { atMs, samples } = chunk
  if (samples.length === 0) return [state, []]
  if (state.previous === undefined) return beginAnew(chunk, false)
  if (isRepeat(state.previous, chunk)) return drop(state, chunk)
  const lateMs = atMs - (state.originMs + state.count / BYTES_PER_MS)
  if (lateMs > FILL_MS) return beginAnew(chunk, true)
  if (lateMs > JITTER_MS) {
    const filled = new Int16Array(Math.round(lateMs * BYTES_PER_MS) + samples.length)
    filled.set(samples, filled.length - samples.length)
    return append(state, chunk, filled)
  }
  if (lateMs < -JITTER_MS) {
    const known = Math.round(-lateMs * BYTES_PER_MS)
    return known < samples.length ? append(state, chunk, samples.subarray(known)) : drop(state, chunk)
  }
  return append(state, chunk, samples)
}

/**
 * Cuts caller audio into windows of `WINDOW_SAMPLES`, each with the audio time of its first sample; see {@link step} for
 * gaps and jitter. Samples that do not fill a window at the end of the stream are dropped: they cannot be scored.
 */
export const voiceWindows: Stage<CallerAudio, VoiceWindow> = Stream.mapAccum(() => initial, step)
