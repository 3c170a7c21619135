/** The audio of one segment on its way out: 8 kHz PCM in, messages of 100 ms at 16 kHz out, the last 5 s kept; owns no connection. */
import { PHONE_RATE } from "../schema/Audio.ts"
import { STT_RATE } from "../schema/TogetherStt.ts"
import { makeResampler } from "../streams/Resample.ts"

/** Audio in one append, in milliseconds: few messages, and what is left at a commit is always less than this. */
export const APPEND_MS = 100

/** Audio of a segment that is kept for a connection that is not there yet or is lost, in milliseconds; older audio falls out. */
export const KEPT_MS = 5000

const APPEND_SAMPLES = (APPEND_MS * STT_RATE) / 1000
const KEPT_MESSAGES = KEPT_MS / APPEND_MS

/** The text frame that appends these samples (16 kHz): an `AppendAudio`, put together by hand since base64 needs no escapes. */
const encodeAppend = (samples: Int16Array): string => {
  const audio = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength).toString("base64")
  return `{"type":"input_audio_buffer.append","audio":"${audio}"}`
}

/** An append of one message's worth of digital silence. */
export const silence: string = encodeAppend(new Int16Array(APPEND_SAMPLES))

/** The messages of one segment; mutable. */
export interface SegmentAudio {
  /** Takes the next samples (8 kHz); they are not kept. */
  readonly push: (samples: Int16Array) => void
  /** No more samples will come: what is left becomes the last message, shorter than the others. */
  readonly end: () => void
  /** Gives away the messages that were not taken yet since the last `rewind`, oldest first. */
  readonly take: (send: (message: string) => void) => void
  /** Whether messages were taken since the last `rewind`. */
  readonly taken: () => boolean
  /** Makes every kept message be taken once more. */
  readonly rewind: () => void
  /** Audio at the beginning that fell out before it could be taken, in milliseconds. */
  readonly missingMs: () => number
}

/** Audio for a new segment. Holds at most {@link KEPT_MS} of it. */
export const makeSegmentAudio = (): SegmentAudio => {
  const resampler = makeResampler(PHONE_RATE, STT_RATE)
  const batch = new Int16Array(APPEND_SAMPLES)
  let filled = 0
  const kept: Array<string> = []
  /** How many of the kept messages were taken. */
  let taken = 0
  /** Messages that fell out, and those of them that were not taken since the last rewind. */
  let dropped = 0
  let missing = 0

  const flushBatch = () => {
    kept.push(encodeAppend(batch.subarray(0, filled)))
    filled = 0
    if (kept.length <= KEPT_MESSAGES) return
    kept.shift()
    dropped++
    if (taken > 0) taken--
    else missing++
  }

  const fill = (samples: Int16Array) => {
    for (let from = 0; from < samples.length;) {
      const count = Math.min(samples.length - from, APPEND_SAMPLES - filled)
      batch.set(samples.subarray(from, from + count), filled)
      from += count
      filled += count
      if (filled === APPEND_SAMPLES) flushBatch()
    }
  }

  return {
    push: (samples) => fill(resampler.push(samples)),
    end: () => {
      fill(resampler.flush())
      if (filled > 0) flushBatch()
    },
    take: (send) => {
      for (; taken < kept.length; taken++) send(kept[taken]!)
    },
    taken: () => taken > 0,
    rewind: () => {
      taken = 0
      missing = dropped
    },
    missingMs: () => missing * APPEND_MS
  }
}
