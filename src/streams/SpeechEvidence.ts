/** A transcript and the voice behind it in, whether to believe it out. Recognisers invent stock phrases from noise. Pure. */

/** The voice that was heard while a transcript's audio was recorded. */
export interface VoiceEvidence {
  /** Time the voice detector took for speech, in milliseconds. */
  readonly voicedMs: number
  /** Highest voice probability of a window, 0 to 1. */
  readonly peak: number
}

/** What recognisers are known to write when they are given noise or silence. Source: reports on Whisper-family models. */
const stockPhrases: ReadonlySet<string> = new Set([
  "you",
  "thank you",
  "thank you so much",
  "thank you very much",
  "thanks",
  "thanks for watching",
  "thank you for watching",
  "please subscribe",
  "bye",
  "bye bye",
  "okay",
  "so",
  "sh",
  "hmm",
  "oh",
  "the"
])

/** Fastest anybody speaks: no word takes less voice than this, in milliseconds. */
const MIN_MS_PER_WORD = 50

/** Shortest voice that can be a word at all: two windows and a bit. */
const MIN_VOICED_MS = 96

/** What a stock phrase needs to be believed. */
const STOCK_VOICED_MS = 160
const STOCK_PEAK = 0.8

/** Whether a voice was heard that can have said these words. */
export const isSpoken = (text: string, evidence: VoiceEvidence): boolean => {
  const words = text
    .toLowerCase()
    .split(/[^\p{L}\p{N}']+/u)
    .filter((word) => word !== "")
  if (words.length === 0) return true
  if (evidence.voicedMs < Math.max(MIN_VOICED_MS, words.length * MIN_MS_PER_WORD)) return false
  return !stockPhrases.has(words.join(" ")) || (evidence.voicedMs >= STOCK_VOICED_MS && evidence.peak >= STOCK_PEAK)
}
