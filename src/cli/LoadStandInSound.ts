/** What the stand-in provider says and hears: words for a stretch of audio, and a voice of no cost. Pure. */
import { TTS_RATE } from "../schema/TogetherTts.ts"

/** Something callers may have said. */
export interface KnownUtterance {
  readonly text: string
  readonly durationMs: number
}

/** What is taken for the words of a caller whose words are not known. */
export const UNKNOWN_WORDS = "What time do you open tomorrow?"

/** Share of an utterance whose audio stands for all of its words. */
const WHOLE = 0.7

/**
 * The words of so much audio: those of the utterance whose length is nearest, all of them or, for a stretch that is clearly
 * shorter, as many as fit, without what ends a sentence.
 */
export const wordsFor = (known: ReadonlyArray<KnownUtterance>, audioMs: number): string => {
  let best: KnownUtterance | undefined
  for (const utterance of known) {
    if (best === undefined || Math.abs(utterance.durationMs - audioMs) < Math.abs(best.durationMs - audioMs)) {
      best = utterance
    }
  }
  if (best === undefined) return UNKNOWN_WORDS
  const text = best.text.trim() === "" ? UNKNOWN_WORDS : best.text.trim()
  if (audioMs >= best.durationMs * WHOLE) return text
  const words = text.split(/\s+/)
  const many = Math.max(1, Math.round((words.length * audioMs) / best.durationMs))
  return words
    .slice(0, Math.min(many, words.length - 1))
    .join(" ")
    .replace(/[.,!?;:]+$/, "")
}

/** What is answered, in turn. */
export const answers: readonly [string, ...ReadonlyArray<string>] = [
  "We open at nine in the morning, and at ten on Saturdays.",
  "Yes, you can. It will be ready for you the day after that.",
  "That would be twenty pounds. Shall I make a note of it?"
]

/** How long the voice takes to say a character, in milliseconds. */
const CHARACTER_MS = 55

/** Audio in one piece of speech, in milliseconds. */
export const PIECE_MS = 100

/** How many pieces a text has. */
export const piecesOf = (text: string): number => Math.max(2, Math.ceil((text.length * CHARACTER_MS) / PIECE_MS))

/** A second of a voice that is never silent, as base64 of 16-bit PCM in pieces of {@link PIECE_MS}; syllables rise and fall in it. */
export const makeVoicePieces = (): ReadonlyArray<string> => {
  const samples = new Int16Array(TTS_RATE)
  for (let i = 0; i < samples.length; i++) {
    const seconds = i / TTS_RATE
    const syllable = 0.55 - 0.45 * Math.cos(2 * Math.PI * 4 * seconds)
    let sound = 0
    for (let harmonic = 1; harmonic <= 12; harmonic++) {
      // Two broad peaks, about where an open vowel has them.
      const hertz = 120 * harmonic
      const level = 1 / (1 + ((hertz - 600) / 250) ** 2) + 0.5 / (1 + ((hertz - 1200) / 300) ** 2) + 0.05
      sound += level * Math.sin(2 * Math.PI * hertz * seconds)
    }
    samples[i] = Math.round(4500 * syllable * sound)
  }
  const length = (TTS_RATE * PIECE_MS) / 1000
  return Array.from({ length: samples.length / length }, (_, n) => {
    const piece = samples.subarray(n * length, (n + 1) * length)
    return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString("base64")
  })
}
