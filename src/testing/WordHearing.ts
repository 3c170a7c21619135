/** Samples in, the words that `WordSound.ts` put into them out, each with its place; whole words only. Pure; guesses nothing. */
import { BYTES_PER_MS, PHONE_RATE } from "../schema/Audio.ts"
import { makeWindow, PERIOD, powerOf, read, vowelIn, WINDOW } from "./SoundWindow.ts"
import { codeOf, durationOf, EDGE_MS, END, type Lexicon, type Sound, START, VOWELS } from "./WordSound.ts"

/** A word and where it was heard, in milliseconds from the first sample. */
export interface HeardWord {
  readonly word: string
  readonly startMs: number
  readonly endMs: number
}

/** Hears one track, piece by piece. Mutable. */
export interface WordDecoder {
  /** Takes in the next samples; gives out the words that are complete now. */
  readonly push: (samples: Int16Array) => ReadonlyArray<HeardWord>
  /** The track is over: gives out what was still in doubt. */
  readonly end: () => ReadonlyArray<HeardWord>
}

/** How far apart beginnings of words are looked for, in samples; their marks are 200 samples long. */
const STRIDE = 32

const EDGE = EDGE_MS * BYTES_PER_MS

/** Whole periods of an edge, and what is left of it on each side. */
const EDGE_WINDOW = EDGE - (EDGE % PERIOD)

/** Softest word that is heard: 15 dB below what is said, so that an echo of 20 dB is not. Mean square. */
const SOFTEST = (32768 * 10 ** (-35 / 20)) ** 2

/** Least power of the mark that begins a word, relative to the one that ends it: about 6 ms of it may be missing. */
const LEAST_START = 0.6

/** How far from where it is expected the end of a word may be found, in samples. */
const SLACK = 8

/** Index of the lexicon: by duration in samples, by code. */
type Index = ReadonlyMap<number, ReadonlyMap<number, string>>

const indexOf = (lexicon: Lexicon): Index => {
  const index = new Map<number, Map<number, string>>()
  for (const word of lexicon) {
    const length = durationOf(word) * BYTES_PER_MS
    const words = index.get(length) ?? new Map<number, string>()
    const other = words.get(codeOf(word))
    if (other !== undefined && other !== word) {
      throw new RangeError(`The words "${other}" and "${word}" sound the same: say one of them differently`)
    }
    index.set(length, words.set(codeOf(word), word))
  }
  return new Map([...index].sort(([a], [b]) => a - b))
}

/** Hears the words of a lexicon in 16-bit PCM of 8, 16 or 24 kHz. */
export const makeWordDecoder = (lexicon: Lexicon, sampleRate: number = PHONE_RATE): WordDecoder => {
  const step = sampleRate / PHONE_RATE
  if (!Number.isInteger(step) || step < 1) {
    throw new RangeError(`The sample rate is ${sampleRate}; a multiple of ${PHONE_RATE} Hz was expected`)
  }
  const index = indexOf(lexicon)
  const longest = Math.max(0, ...index.keys())
  const short = makeWindow(WINDOW)
  const edge = makeWindow(EDGE_WINDOW)

  let track = new Int16Array(0)
  /** Samples (at 8 kHz) before the track's first one, and how many of the input are left out before the next one. */
  let before = 0
  let skip = 0
  let at = 0

  const keep = (samples: Int16Array): void => {
    const taken = Math.max(0, Math.ceil((samples.length - skip) / step))
    const joined = new Int16Array(track.length - at + taken)
    joined.set(track.subarray(at))
    for (let n = 0; n < taken; n++) joined[track.length - at + n] = samples[skip + n * step]!
    skip += taken * step - samples.length
    before += at
    at = 0
    track = joined
  }

  const edgePower = (from: number, sound: Sound): number => {
    read(edge, track, from)
    return powerOf(edge, sound)
  }

  /** Where between two points, in steps, the mark that begins a word is strongest, and how strong it is there. */
  const strongest = (from: number, until: number, step: number): { readonly at: number; readonly power: number } => {
    let power = 0
    let first = from
    let last = from
    for (let at = Math.max(0, from); at <= until; at += step) {
      const here = edgePower(at, START)
      if (here > power * 1.02) first = at
      if (here > power * 0.98) last = at
      power = Math.max(power, here)
    }
    // All of it is heard in a window that is a little shorter than it, wherever that is.
    return { at: (first + last) / 2, power }
  }

  /** Where the mark that is heard at `found` begins, and how strong it is. */
  const locate = (found: number): { readonly start: number; readonly power: number } => {
    const { at: near } = strongest(found - EDGE, found + EDGE, STRIDE)
    const { at: exact, power } = strongest(Math.round(near) - STRIDE, Math.round(near) + STRIDE, SLACK)
    return { start: Math.round(exact - (EDGE - EDGE_WINDOW) / 2), power }
  }

  /** The sound that goes on from `from` to `until`, for six of every eight windows of it. */
  const vowelBetween = (from: number, until: number): number | undefined => {
    const windows = Math.max(1, Math.floor((until - from - 2 * SLACK) / WINDOW))
    const margin = (until - from - windows * WINDOW) / 2
    const counts = new Map<number, number>()
    for (let n = 0; n < windows; n++) {
      read(short, track, Math.round(from + margin + n * WINDOW))
      const bits = vowelIn(short)
      if (bits !== undefined) counts.set(bits, (counts.get(bits) ?? 0) + 1)
    }
    for (const [bits, count] of counts) if (count >= windows * 0.75) return bits
    return undefined
  }

  const codeBetween = (start: number, length: number): number | undefined => {
    const vowelLength = (length - 2 * EDGE) / VOWELS
    let code = 0
    for (let n = 0; n < VOWELS; n++) {
      const from = start + EDGE + n * vowelLength
      const bits = vowelBetween(from, from + vowelLength)
      if (bits === undefined) return undefined
      code |= bits << (6 * n)
    }
    return code
  }

  /** The word that begins at `start`; whether it is one at all may take more samples to know. */
  const wordAt = (start: number, power: number, ended: boolean): HeardWord | "none" | "unknown" => {
    for (const [length, words] of index) {
      if (start + length > track.length && !ended) return "unknown"
      const endPower = edgePower(start + length - EDGE_WINDOW - (EDGE - EDGE_WINDOW) / 2, END)
      if (endPower === 0 || power < LEAST_START * endPower) continue
      const word = words.get(codeBetween(start, length) ?? -1)
      if (word === undefined) continue
      const startMs = (before + start) / BYTES_PER_MS
      return { word, startMs, endMs: startMs + length / BYTES_PER_MS }
    }
    return "none"
  }

  const hear = (ended: boolean): ReadonlyArray<HeardWord> => {
    const words: Array<HeardWord> = []
    const room = ended ? WINDOW : 2 * EDGE + EDGE_WINDOW
    while (at + room <= track.length) {
      read(short, track, at)
      if (short.power < SOFTEST || powerOf(short, START) === 0) {
        at += STRIDE
        continue
      }
      const { power, start } = locate(at)
      const word = power === 0 ? "none" : wordAt(start, power, ended)
      if (word === "unknown") break
      if (word === "none") at += EDGE
      else {
        words.push(word)
        at = Math.max(at + EDGE, Math.round(word.endMs * BYTES_PER_MS - before - EDGE))
      }
    }
    return words
  }

  return {
    push: (samples) => {
      keep(samples)
      return longest === 0 ? [] : hear(false)
    },
    end: () => hear(true)
  }
}

/** The words in a track, with their places; while the track is not `complete`, those that are certain by then. */
export const hearWords = (
  samples: Int16Array,
  lexicon: Lexicon,
  sampleRate?: number,
  complete = true
): ReadonlyArray<HeardWord> => {
  const decoder = makeWordDecoder(lexicon, sampleRate)
  const heard = decoder.push(samples)
  return complete ? [...heard, ...decoder.end()] : heard
}

/** The words in a track, in order and as they are written; as {@link hearWords}. */
export const wordsIn = (
  samples: Int16Array,
  lexicon: Lexicon,
  sampleRate?: number,
  complete = true
): ReadonlyArray<string> => hearWords(samples, lexicon, sampleRate, complete).map(({ word }) => word)
