/** How the sandbox writes down speech it cannot understand: a length in, `[1.5s of speech]` out, and back. Pure. */

/**
 * The transcript of speech of this length, in milliseconds.
 *
 * It names no words that were said, yet turn-taking reads it as words, so it has few, lest they need more voice than there
 * was, and ends in one that is no number, lest it be taken for a number that goes on.
 */
export const describeSpeech = (spokenMs: number): string =>
  `[${Math.max(1, Math.round(spokenMs / 100)) / 10}s of speech]`

const pattern = /\[(\d+(?:\.\d)?)s of speech\]/g

/** A turn's words, told apart into what was spoken and what was written. */
export interface TurnWords {
  /** Length of every stretch of speech in it, in seconds. */
  readonly speech: ReadonlyArray<number>
  /** What is left: words that did not come as speech. */
  readonly text: string
}

/** Reads a turn's words. */
export const readTurn = (words: string): TurnWords => ({
  speech: Array.from(words.matchAll(pattern), (match) => Number(match[1])),
  text: words.replaceAll(pattern, " ").replace(/\s+/g, " ").trim()
})
