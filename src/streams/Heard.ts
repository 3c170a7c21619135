/** How much of a reply was played in, the words the caller heard out. Pure. */
import { BYTES_PER_MS } from "../schema/Audio.ts"

/** A sentence of a reply and how much audio of it there is, in bytes of mu-law. */
export interface SpokenSentence {
  readonly text: string
  /** Audio received so far. */
  readonly bytes: number
  /** Whether all of its audio was received. */
  readonly complete: boolean
}

/** Usual speed of synthetic speech, in characters a second; used while a sentence's length is not yet known. */
export const CHARACTERS_PER_SECOND = 15

const join = (texts: ReadonlyArray<string>): string => texts.filter((text) => text !== "").join(" ")

/** The part of a text that was heard, cut back to whole words. */
const cut = (text: string, fraction: number): string => {
  const length = Math.floor(text.length * fraction)
  if (length >= text.length) return text
  if (length <= 0) return ""
  const end = text.slice(0, length + 1).search(/\s\S*$/u)
  return end < 0 ? "" : text.slice(0, end).trimEnd()
}

/** The words of the sentences that fit into `playedBytes` of audio from the reply's beginning. */
export const heardText = (sentences: ReadonlyArray<SpokenSentence>, playedBytes: number): string => {
  const heard: Array<string> = []
  let left = playedBytes
  for (const sentence of sentences) {
    if (sentence.complete && left >= sentence.bytes) {
      if (sentence.bytes > 0) heard.push(sentence.text)
      left -= sentence.bytes
      continue
    }
    const expected = (sentence.text.length / CHARACTERS_PER_SECOND) * 1000 * BYTES_PER_MS
    const total = sentence.complete ? sentence.bytes : Math.max(sentence.bytes, expected)
    if (total > 0 && left > 0) heard.push(cut(sentence.text, left / total))
    break
  }
  return join(heard)
}
