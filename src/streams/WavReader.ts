/** Bytes of RIFF/WAVE in pieces cut anywhere in, their samples out as they come; owns no mixing and no resampling. Pure. */
import { Result } from "effect"
import { WavError } from "../schema/WavError.ts"
import { decodeMulaw } from "./Mulaw.ts"

/** How the bytes of a data chunk are to be read. */
export interface WavFormat {
  readonly encoding: "pcm16" | "mulaw"
  readonly channels: number
  /** Hz. */
  readonly sampleRate: number
}

/** Some samples, at least one for each channel, interleaved. */
export interface WavPiece {
  readonly format: WavFormat
  readonly samples: Int16Array
}

/**
 * What the next bytes are: maybe a file's header, a chunk's id and size, a format chunk of `size` bytes, `left` bytes of
 * no interest, or `left` bytes of audio, `Infinity` for all that comes.
 */
type Place =
  | { readonly tag: "Start" }
  | { readonly tag: "Chunk"; readonly afterData: boolean }
  | { readonly tag: "Format"; readonly size: number }
  | { readonly tag: "Skip"; readonly left: number; readonly afterData: boolean }
  | { readonly tag: "Data"; readonly left: number; readonly padding: number; readonly format: WavFormat }

/** How far the reading has come. */
export interface WavReaderState {
  /** What bytes without a header are; undefined: a header is required. */
  readonly headless: WavFormat | undefined
  /** What the header says, once it was read. */
  readonly format: WavFormat | undefined
  /** Whether a data chunk has begun. */
  readonly audible: boolean
  readonly place: Place
  /** Bytes that cannot be understood before others have come: fewer than 40, or than one sample of each channel. */
  readonly held: Uint8Array
}

/** Before any bytes. */
export const readerInitial = (headless: WavFormat | undefined): WavReaderState => ({
  headless,
  format: undefined,
  audible: false,
  place: { tag: "Start" },
  held: new Uint8Array(0)
})

const MAX_RATE = 384_000

/** A chunk's id and size. */
const CHUNK_BYTES = 8

/** What a format chunk must have, and what is read of it: an extensible one says its encoding in the sub-format. */
const MIN_FORMAT_BYTES = 16
const FORMAT_BYTES = 40
const EXTENSIBLE = 0xfffe

/** No chunk between audio and audio is larger; used to tell a chunk from samples. */
const MAX_TRAILER = 2 ** 24

const encodingNames: ReadonlyMap<number, string> = new Map([
  [1, "PCM"],
  [2, "Microsoft ADPCM"],
  [3, "floating point"],
  [6, "A-law"],
  [7, "mu-law"],
  [0x11, "IMA ADPCM"],
  [0x55, "MP3"]
])

const parseFormat = (body: Uint8Array): Result.Result<WavFormat, WavError> => {
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const declared = view.getUint16(0, true)
  const code = declared === EXTENSIBLE && body.length >= 26 ? view.getUint16(24, true) : declared
  const channels = view.getUint16(2, true)
  const sampleRate = view.getUint32(4, true)
  const bits = view.getUint16(14, true)
  const encoding = code === 1 && bits === 16 ? "pcm16" : code === 7 && bits === 8 ? "mulaw" : undefined
  if (encoding === undefined) {
    const name = encodingNames.get(code) ?? `format ${code}`
    return Result.fail(new WavError({ found: `${bits}-bit ${name}`, expected: "16-bit PCM or 8-bit mu-law" }))
  }
  if (channels === 0) return Result.fail(new WavError({ found: "0 channels", expected: "at least 1" }))
  if (sampleRate === 0 || sampleRate > MAX_RATE) {
    return Result.fail(new WavError({ found: `a sample rate of ${sampleRate} Hz`, expected: `1 to ${MAX_RATE} Hz` }))
  }
  return Result.succeed({ encoding, channels, sampleRate })
}

/** Bytes of one sample of each channel. */
const frameBytes = ({ channels, encoding }: WavFormat): number => (encoding === "pcm16" ? 2 * channels : channels)

/** Whether samples are kept here as they come, the low byte first. */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

const decode = ({ encoding }: WavFormat, bytes: Uint8Array): Int16Array => {
  if (encoding === "mulaw") return decodeMulaw(bytes)
  const samples = new Int16Array(bytes.length / 2)
  // A copy as it is: the bytes may begin anywhere, samples only at an even place.
  if (isLittleEndian) new Uint8Array(samples.buffer).set(bytes)
  else for (let i = 0; i < samples.length; i++) samples[i] = bytes[2 * i]! | (bytes[2 * i + 1]! << 8)
  return samples
}

const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

const uint32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0

/** First bytes of a file; the question marks are its size, which says nothing of use. */
const HEADER = "RIFF????WAVE"

/** Whether these bytes, twelve at most, can be the beginning of a RIFF/WAVE header. */
const mayBeHeader = (bytes: Uint8Array): boolean =>
  bytes.every((byte, i) => HEADER[i] === "?" || HEADER.charCodeAt(i) === byte)

/** Whether these bytes, eight at most, can be the beginning of a chunk rather than samples. */
const mayBeChunk = (bytes: Uint8Array): boolean =>
  bytes.subarray(0, 4).every((byte) => byte >= 0x20 && byte < 0x7f) &&
  (bytes.length < 8 || text(bytes.subarray(0, 4)) === "RIFF" || uint32(bytes, 4) <= MAX_TRAILER)

/** One move through the bytes; undefined: more of them are needed first. */
type Move =
  | { readonly state: WavReaderState; readonly rest: Uint8Array; readonly piece?: WavPiece }
  | WavError
  | undefined

const readStart = (state: WavReaderState, rest: Uint8Array): Move => {
  if (!mayBeHeader(rest.subarray(0, HEADER.length))) {
    if (state.headless === undefined) {
      return new WavError({ found: "no RIFF/WAVE header", expected: "one at the start" })
    }
    const place: Place = { tag: "Data", left: Infinity, padding: 0, format: state.headless }
    return { state: { ...state, audible: true, place }, rest }
  }
  if (rest.length < HEADER.length) return undefined
  return { state: { ...state, place: { tag: "Chunk", afterData: false } }, rest: rest.subarray(HEADER.length) }
}

const readChunk = (state: WavReaderState, afterData: boolean, rest: Uint8Array): Move => {
  const { format } = state
  if (afterData && format !== undefined && !mayBeChunk(rest.subarray(0, CHUNK_BYTES))) {
    return { state: { ...state, place: { tag: "Data", left: Infinity, padding: 0, format } }, rest }
  }
  if (rest.length < CHUNK_BYTES) return undefined
  const id = text(rest.subarray(0, 4))
  const size = uint32(rest, 4)
  const body = rest.subarray(CHUNK_BYTES)
  const padding = size % 2
  if (id === "fmt ") {
    return size < MIN_FORMAT_BYTES
      ? new WavError({ found: `a format chunk of ${size} bytes`, expected: `at least ${MIN_FORMAT_BYTES}` })
      : { state: { ...state, place: { tag: "Format", size } }, rest: body }
  }
  if (id === "data") {
    if (format === undefined) {
      return new WavError({ found: "audio before its format", expected: "a format chunk first" })
    }
    return { state: { ...state, audible: true, place: { tag: "Data", left: size, padding, format } }, rest: body }
  }
  if (id === "RIFF" && afterData) return { state: { ...state, format: undefined, place: { tag: "Start" } }, rest }
  return { state: { ...state, place: { tag: "Skip", left: size + padding, afterData: false } }, rest: body }
}

const readFormat = (state: WavReaderState, size: number, rest: Uint8Array): Move => {
  const needed = Math.min(size, FORMAT_BYTES)
  if (rest.length < needed) return undefined
  const format = parseFormat(rest.subarray(0, needed))
  if (Result.isFailure(format)) return format.failure
  const place: Place = { tag: "Skip", left: size + (size % 2) - needed, afterData: false }
  return { state: { ...state, format: format.success, place }, rest: rest.subarray(needed) }
}

const skip = (state: WavReaderState, { left, afterData }: Place & { tag: "Skip" }, rest: Uint8Array): Move => {
  const place: Place =
    left <= rest.length ? { tag: "Chunk", afterData } : { tag: "Skip", left: left - rest.length, afterData }
  return { state: { ...state, place }, rest: rest.subarray(Math.min(left, rest.length)) }
}

const readData = (state: WavReaderState, place: Place & { tag: "Data" }, rest: Uint8Array): Move => {
  const { format, left, padding } = place
  const frame = frameBytes(format)
  if (left < frame) return { state: { ...state, place: { tag: "Skip", left: left + padding, afterData: true } }, rest }
  const available = Math.min(left, rest.length)
  const whole = available - (available % frame)
  if (whole === 0) return undefined
  return {
    state: { ...state, place: { ...place, left: left - whole } },
    rest: rest.subarray(whole),
    piece: { format, samples: decode(format, rest.subarray(0, whole)) }
  }
}

const move = (state: WavReaderState, rest: Uint8Array): Move => {
  const { place } = state
  switch (place.tag) {
    case "Start":
      return readStart(state, rest)
    case "Chunk":
      return readChunk(state, place.afterData, rest)
    case "Format":
      return readFormat(state, place.size, rest)
    case "Skip":
      return skip(state, place, rest)
    case "Data":
      return readData(state, place, rest)
  }
}

const concat = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  if (a.length === 0) return b
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}

/**
 * Adds bytes and gives out the samples they complete.
 *
 * Writers that do not know how much will come give a data chunk the size 0 or 0xFFFFFFFF. The latter outlasts any item.
 * Behind a chunk that is over, an empty one as well, what reads as a chunk is one, another file's header among them, and
 * what does not is audio that the size left out.
 */
export const readerStep = (
  before: WavReaderState,
  bytes: Uint8Array
): Result.Result<readonly [WavReaderState, ReadonlyArray<WavPiece>], WavError> => {
  const pieces: Array<WavPiece> = []
  let state = before
  let rest = concat(before.held, bytes)
  while (rest.length > 0) {
    const moved = move(state, rest)
    if (moved === undefined) break
    if (moved instanceof WavError) return Result.fail(moved)
    state = moved.state
    rest = moved.rest
    if (moved.piece !== undefined) pieces.push(moved.piece)
  }
  // A copy, so as not to hold on to the producer's buffer.
  return Result.succeed([{ ...state, held: new Uint8Array(rest) }, pieces])
}

/**
 * No more bytes will come: gives out samples that were held because they might have begun a header, and fails if there
 * was a header but no audio chunk. Any other bytes still held are no whole sample.
 */
export const readerEnd = (state: WavReaderState): Result.Result<ReadonlyArray<WavPiece>, WavError> => {
  if (state.audible) return Result.succeed([])
  const { headless: format, held } = state
  if (state.place.tag === "Start" && format !== undefined && held.length < "RIFF".length) {
    const whole = held.length - (held.length % frameBytes(format))
    return Result.succeed(whole === 0 ? [] : [{ format, samples: decode(format, held.subarray(0, whole)) }])
  }
  const found = held.length === 0 && state.place.tag === "Start" ? "no bytes at all" : "the end of the bytes"
  return Result.fail(new WavError({ found, expected: "a header with an audio chunk after it" }))
}
