/** WAV in and out: synthesised speech that may or may not have a header to samples, and whole files; owns no file access. */
import { Effect, Result, Stream } from "effect"
import { type PcmAudio } from "../schema/Audio.ts"
import { WavError } from "../schema/WavError.ts"
import { type Stage } from "./Stage.ts"
import { readerEnd, readerInitial, readerStep, type WavPiece, type WavReaderState } from "./WavReader.ts"

/** How far the bytes of one item were read. */
export type WavState = WavReaderState

/** Before the first bytes of an item; without a header they are 16-bit little-endian mono PCM at `defaultRate`, in Hz. */
export const initial = (defaultRate: number): WavState =>
  readerInitial({ encoding: "pcm16", channels: 1, sampleRate: defaultRate })

const mono = ({ format, samples }: WavPiece): PcmAudio => {
  const { channels, sampleRate } = format
  if (channels === 1) return { samples, sampleRate }
  const mixed = new Int16Array(samples.length / channels)
  for (let i = 0; i < mixed.length; i++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++) sum += samples[i * channels + channel]!
    mixed[i] = Math.round(sum / channels)
  }
  return { samples: mixed, sampleRate }
}

/**
 * Adds bytes of an item, cut anywhere, and gives out the audio they complete, several channels mixed to one.
 *
 * Looks for a RIFF/WAVE header at the item's beginning, holding back no more than may belong to it, and takes rate,
 * channels and encoding (16-bit PCM or mu-law) from it. Other chunks are not played, before the audio or after it. A
 * data size of 0 or 0xFFFFFFFF means all that comes; audio that goes on after a size that was too small is played.
 */
export const step = (
  state: WavState,
  bytes: Uint8Array
): Result.Result<readonly [WavState, ReadonlyArray<PcmAudio>], WavError> =>
  Result.map(readerStep(state, bytes), ([next, pieces]) => [next, pieces.map(mono)])

/** Ends an item: a last sample that was held back, or a failure if its header had no audio after it. */
export const end = (state: WavState): Result.Result<ReadonlyArray<PcmAudio>, WavError> =>
  Result.map(readerEnd(state), (pieces) => pieces.map(mono))

/** Turns the bytes of one item into audio; see {@link step}. `defaultRate` (Hz) is for bytes without a header. */
export const wavStrip =
  (defaultRate: number): Stage<Uint8Array, PcmAudio, WavError> =>
  (self) =>
    self.pipe(
      // `undefined` stands for the end: unlike `onHalt`, a step on it may fail.
      Stream.concat(Stream.succeed(undefined)),
      Stream.mapAccumEffect(
        () => initial(defaultRate),
        (state, bytes: Uint8Array | undefined) =>
          Effect.fromResult(
            bytes === undefined ? Result.map(end(state), (last) => [state, last] as const) : step(state, bytes)
          )
      )
    )

/** Audio of a whole file, a track for each channel. */
export interface WavAudio {
  /** At least one; 16-bit samples, all of the same length when decoded. */
  readonly channels: ReadonlyArray<Int16Array>
  /** Hz. */
  readonly sampleRate: number
}

const HEADER_BYTES = 44

/**
 * A RIFF/WAVE file of 16-bit PCM. Channels shorter than the longest are filled up with silence.
 *
 * @throws RangeError if there is no channel, or the rate is not a whole number above 0
 */
export const encodeWav = ({ channels, sampleRate }: WavAudio): Uint8Array => {
  if (channels.length === 0) throw new RangeError("Cannot write WAV: found no channels, expected at least 1")
  if (!Number.isSafeInteger(sampleRate) || sampleRate <= 0) {
    throw new RangeError(`Cannot write WAV: found a rate of ${sampleRate}, expected a whole number of Hz above 0`)
  }
  const frameBytes = 2 * channels.length
  const dataBytes = frameBytes * Math.max(...channels.map(({ length }) => length))
  const file = new Uint8Array(HEADER_BYTES + dataBytes)
  const view = new DataView(file.buffer)
  const put = (at: number, id: string) => new TextEncoder().encodeInto(id, file.subarray(at))
  put(0, "RIFF")
  view.setUint32(4, file.length - 8, true)
  put(8, "WAVEfmt ")
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, channels.length, true)
  view.setUint32(24, sampleRate, true)
  view.setUint32(28, sampleRate * frameBytes, true)
  view.setUint16(32, frameBytes, true)
  view.setUint16(34, 16, true)
  put(36, "data")
  view.setUint32(40, dataBytes, true)
  for (const [channel, samples] of channels.entries()) {
    const first = HEADER_BYTES + 2 * channel
    for (let i = 0; i < samples.length; i++) view.setInt16(first + i * frameBytes, samples[i]!, true)
  }
  return file
}

/**
 * The audio of a RIFF/WAVE file of 16-bit PCM or mu-law.
 *
 * A file that was cut short gives what is there. Fails if there is no header, no audio chunk, or the encoding is another.
 */
export const decodeWav = (bytes: Uint8Array): Result.Result<WavAudio, WavError> =>
  Result.gen(function* () {
    const [state, pieces] = yield* readerStep(readerInitial(undefined), bytes)
    yield* readerEnd(state)
    const { format } = state
    if (format === undefined || pieces.some((piece) => piece.format !== format)) {
      return yield* Result.fail(new WavError({ found: "a second file behind the first", expected: "one file" }))
    }
    const frames = pieces.reduce((sum, { samples }) => sum + samples.length, 0) / format.channels
    const channels = Array.from({ length: format.channels }, () => new Int16Array(frames))
    let at = 0
    for (const { samples } of pieces) {
      for (const [channel, track] of channels.entries()) {
        for (let i = channel, to = at; i < samples.length; i += format.channels) track[to++] = samples[i]!
      }
      at += samples.length / format.channels
    }
    return { channels, sampleRate: format.sampleRate }
  })
