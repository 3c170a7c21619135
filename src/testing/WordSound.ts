/** Words in, speech-like audio that carries them out; `WordHearing.ts` reads them back from the samples alone. Pure; says nothing that a person could understand. */
import { PHONE_RATE } from "../schema/Audio.ts"
import { type Speech } from "./CallerScript.ts"

/** How text is spoken. */
export interface SoundOptions {
  /** Samples a second: 8000, 16000 or 24000; 8000 by default. */
  readonly sampleRate?: number
  /** Pause after `.`, `?`, `!` and `…` within the text, in milliseconds; 250 by default. */
  readonly sentencePauseMs?: number
  /** Pause after `,`, `;` and `:` within the text, in milliseconds; 100 by default. */
  readonly clausePauseMs?: number
}

/**
 * The words that may be said, distinct and as they are written: what turns codes back into words.
 *
 * Plain data, made with {@link lexiconOf} from the same texts on every side.
 */
export type Lexicon = ReadonlyArray<string>

/** The words of a text as they are written, punctuation included; what has no letter and no digit is not spoken. */
export const wordsOf = (text: string): ReadonlyArray<string> =>
  text.split(/\s+/u).filter((word) => /[\p{L}\p{N}]/u.test(word))

/** The distinct words of some texts. */
export const lexiconOf = (...texts: ReadonlyArray<string>): Lexicon => [...new Set(texts.flatMap(wordsOf))]

// ---------------------------------------------------------------------------
// The code: a start mark, four vowels, an end mark
// ---------------------------------------------------------------------------

/**
 * Pitch in Hz. Every sound is a sum of its multiples, so that each repeats after 8 ms and all are told apart exactly by
 * correlating whole periods.
 */
export const PITCH_HZ = 125

/** The multiples of the pitch that stand out in a vowel, as the resonances of a mouth would: one of each row. */
export const FORMANTS = [
  [3, 4, 5, 6],
  [9, 11, 13, 15],
  [18, 20, 22, 24]
] as const

/** Share of each row in the power of a sound. */
export const FORMANT_SHARES = [0.45, 0.3, 0.2] as const

/** A sound: the multiple of the pitch that stands out in each row. */
export type Sound = readonly [number, number, number]

/** Begins a word. No vowel has its first resonance. */
export const START: Sound = [7, 13, 22]

/** Ends a word. */
export const END: Sound = [7, 9, 18]

/** Vowels in a word. */
export const VOWELS = 4

/** Duration of the sounds that begin and end a word, in milliseconds. */
export const EDGE_MS = 25

/** Duration of a word in milliseconds: 60 a letter or digit, 150 to 600 in all. */
export const durationOf = (word: string): number =>
  Math.min(600, Math.max(150, 60 * word.replace(/[^\p{L}\p{N}]/gu, "").length))

/** The 24 bits that stand for a word. */
export const codeOf = (word: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < word.length; i++) {
    hash = Math.imul(hash ^ word.charCodeAt(i), 0x5bd1e995)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  return (hash ^ (hash >>> 15)) >>> 8
}

const vowel = (bits: number): Sound => [
  FORMANTS[0][bits & 3] ?? 0,
  FORMANTS[1][(bits >> 2) & 3] ?? 0,
  FORMANTS[2][(bits >> 4) & 3] ?? 0
]

/** The sounds of a word. */
export const soundsOf = (code: number): ReadonlyArray<Sound> => [
  START,
  ...Array.from({ length: VOWELS }, (_, at) => vowel(code >> (6 * at))),
  END
]

// ---------------------------------------------------------------------------
// Samples
// ---------------------------------------------------------------------------

/** Level of a word in dB relative to full scale (RMS). */
export const SOUND_DB = -20

/** Silence between two words in milliseconds. */
const GAP_MS = 20

/** How long a word takes to swell and to die away, in milliseconds. */
const EDGE_RAMP_MS = 2

/** Share of the power that is in the rest of the voice: every multiple of the pitch up to 3.25 kHz. */
const REST_SHARE = 0.05
const REST_TOP = 26

/** What sounds of one sample rate are made of, a period each. */
interface Voice {
  readonly perMs: number
  /** Every multiple of the pitch, by its number, at full power. */
  readonly waves: ReadonlyArray<Float64Array>
  /** All of them as softly as they are when they do not stand out. */
  readonly rest: Float64Array
}

const REST_EACH = Math.sqrt(REST_SHARE / (REST_TOP - FORMANTS.length))

const makeVoice = (sampleRate: number): Voice => {
  const length = sampleRate / PITCH_HZ
  const amplitude = 32768 * 10 ** (SOUND_DB / 20) * Math.SQRT2
  const waves = Array.from({ length: REST_TOP + 1 }, (_, multiple) => {
    // A phase that grows with the square of the frequency keeps the peaks of the sum low.
    const phase = (Math.PI * multiple * multiple) / REST_TOP
    return Float64Array.from({ length }, (_, n) => amplitude * Math.sin((2 * Math.PI * multiple * n) / length + phase))
  })
  const rest = new Float64Array(length)
  for (const wave of waves.slice(1)) for (let n = 0; n < length; n++) rest[n] = rest[n]! + REST_EACH * wave[n]!
  return { perMs: sampleRate / 1000, waves, rest }
}

const voices: ReadonlyMap<number, Voice> = new Map([8000, 16_000, 24_000].map((rate) => [rate, makeVoice(rate)]))

const voiceOf = (sampleRate: number): Voice => {
  const voice = voices.get(sampleRate)
  if (voice !== undefined) return voice
  throw new RangeError(
    `soundOf: the sample rate is ${sampleRate}; one of ${[...voices.keys()].join(", ")} was expected`
  )
}

/** One period of a sound. */
const periodOf = (sound: Sound, { rest, waves }: Voice): Float64Array => {
  const period = rest.slice()
  for (const [row, multiple] of sound.entries()) {
    const strength = Math.sqrt(FORMANT_SHARES[row] ?? 0) - REST_EACH
    const wave = waves[multiple] ?? rest
    for (let n = 0; n < period.length; n++) period[n] = period[n]! + strength * wave[n]!
  }
  return period
}

/** Writes a word at sample `at`. */
const addWord = (samples: Int16Array, at: number, word: string, voice: Voice): void => {
  const length = durationOf(word) * voice.perMs
  const edge = EDGE_MS * voice.perMs
  const vowelLength = (length - 2 * edge) / VOWELS
  const sounds = soundsOf(codeOf(word))
  let n = 0
  for (const [index, sound] of sounds.entries()) {
    const period = periodOf(sound, voice)
    const until = index === sounds.length - 1 ? length : Math.round(edge + index * vowelLength)
    for (; n < until; n++) samples[at + n] = period[n % period.length]!
  }
  const ramp = EDGE_RAMP_MS * voice.perMs
  for (let n = 0; n < ramp; n++) {
    const envelope = (n + 0.5) / ramp
    samples[at + n]! *= envelope
    samples[at + length - 1 - n]! *= envelope
  }
}

/** What comes between a word and the next one, in milliseconds. */
const pauseAfter = (word: string, options: SoundOptions): number => {
  if (/[.?!…]["')\]”’]*$/u.test(word)) return options.sentencePauseMs ?? 250
  if (/[,;:]["')\]”’]*$/u.test(word)) return options.clausePauseMs ?? 100
  return GAP_MS
}

/**
 * Says a text: 16-bit PCM that begins with its first word and ends with its last one.
 *
 * Anything that listens for energy takes it for a voice, and what is between sentences for silence.
 *
 * @throws RangeError if the sample rate is not one of those that are supported
 */
export const soundOf = (text: string, options: SoundOptions = {}): Int16Array => {
  const voice = voiceOf(options.sampleRate ?? PHONE_RATE)
  const words = wordsOf(text)
  const starts: Array<number> = []
  let length = 0
  for (const [index, word] of words.entries()) {
    starts.push(length)
    const pauseMs = index === words.length - 1 ? 0 : pauseAfter(word, options)
    length += Math.round((durationOf(word) + pauseMs) * voice.perMs)
  }
  const samples = new Int16Array(length)
  for (const [index, word] of words.entries()) addWord(samples, starts[index] ?? 0, word, voice)
  return samples
}

/** A text as the caller of a script says it: its sound at 8 kHz and its words. */
export const spoken = (text: string, options: Omit<SoundOptions, "sampleRate"> = {}): Required<Speech> => ({
  audio: soundOf(text, options),
  text
})
