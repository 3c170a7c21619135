/** How much of a reply was played in, the words the caller heard out; and how fast a voice speaks. Pure. */
import { BYTES_PER_MS } from "../schema/Audio.ts"

/** How a sentence ended before its end: for certain, or as far as can be told. */
export type BrokeOff = "surely" | "perhaps"

/** A sentence of a reply and how much audio of it there is, in bytes of mu-law. */
export interface SpokenSentence {
  readonly text: string
  /** Audio received so far. */
  readonly bytes: number
  /** Whether no more of its audio will come. */
  readonly complete: boolean
  /** Whether what came of it is not all of it; if it is left out, all of it came. */
  readonly brokeOff?: BrokeOff | undefined
}

/** Usual speed of synthetic speech, in characters a second; used while a sentence's length is not yet known. */
export const CHARACTERS_PER_SECOND = 15

/** What was learned of a voice's speed: characters, and the bytes of mu-law they took. */
export interface Pace {
  readonly characters: number
  readonly bytes: number
}

/** A voice that was not heard yet: the usual speed, which two sentences outweigh. */
export const usualPace: Pace = {
  characters: 30,
  bytes: (30 / CHARACTERS_PER_SECOND) * 1000 * BYTES_PER_MS
}

/** What was learned longer ago than this many characters counts for half or less: voices change. */
const MEMORY = 400

/** A sentence was spoken to its end. */
export const learnPace = (pace: Pace, text: string, bytes: number): Pace => {
  const kept = pace.characters > MEMORY ? 0.5 : 1
  return { characters: kept * pace.characters + text.length, bytes: kept * pace.bytes + bytes }
}

/** Bytes of mu-law that a text should take to say. */
const expectedBytes = (pace: Pace, text: string): number => (text.length * pace.bytes) / pace.characters

/** Share of its expected length from which on a sentence that perhaps broke off counts as whole. */
const WHOLE = 0.8

/** Whether this much audio may be all of a sentence. */
export const mayBeWhole = (pace: Pace, text: string, bytes: number): boolean =>
  bytes >= WHOLE * expectedBytes(pace, text)

/** How long a sentence is, or would have been. */
const lengthOf = (pace: Pace, { brokeOff, bytes, complete, text }: SpokenSentence): number => {
  if (brokeOff === "surely") return Math.max(bytes + 1, expectedBytes(pace, text))
  if (brokeOff === "perhaps") return mayBeWhole(pace, text, bytes) ? bytes : expectedBytes(pace, text)
  return complete ? bytes : Math.max(bytes, expectedBytes(pace, text))
}

const join = (texts: ReadonlyArray<string>): string => texts.filter((text) => text !== "").join(" ")

/** The part of a text that was heard, cut back to whole words. */
const cut = (text: string, fraction: number): string => {
  const length = Math.floor(text.length * fraction)
  if (length >= text.length) return text
  if (length <= 0) return ""
  const end = text.slice(0, length + 1).search(/\s\S*$/u)
  return end < 0 ? "" : text.slice(0, end).trimEnd()
}

/**
 * The words of the sentences that fit into `playedBytes` of audio from the reply's beginning.
 *
 * Of a sentence that broke off they are those that its audio has room for, at the voice's pace.
 */
export const heardText = (
  sentences: ReadonlyArray<SpokenSentence>,
  playedBytes: number,
  pace: Pace = usualPace
): string => {
  const heard: Array<string> = []
  let left = playedBytes
  for (const sentence of sentences) {
    const { bytes, complete, text } = sentence
    const over = complete && left >= bytes
    const played = over ? bytes : left
    if (played > 0) heard.push(cut(text, played / lengthOf(pace, sentence)))
    if (!over) break
    left -= bytes
  }
  return join(heard)
}
