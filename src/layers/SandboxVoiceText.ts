/** A sentence of any text in, the pieces that an English synthesizer can say one after the other out. Pure; owns no sound. */

/** Longest piece, in characters; the longer a piece, the later its first sound. */
const MAX_PIECE = 120

/** Shortest beginning that is cut off at a clause, in characters. */
const MIN_PIECE = 30

/** More characters in a row than any word has: they are parted, so that no piece is all one word. */
const tooLong = /\S{40}(?=\S)/g

const typographic: ReadonlyArray<readonly [RegExp, string]> = [
  [/[\u2018\u2019\u201b\u2032]/g, "'"],
  [/[\u201c\u201d\u201f\u2033\u00ab\u00bb]/g, '"'],
  [/\s*[\u2013\u2014\u2015]\s*/g, ", "],
  [/\u2026/g, "..."],
  [/\u00df/g, "ss"],
  [/[\u00e6\u00c6]/g, "ae"],
  [/[\u0153\u0152]/g, "oe"],
  [/[\u00f8\u00d8]/g, "o"],
  [/\u00a3\s?(\d[\d,.]*\d|\d)/g, "$1 pounds"],
  [/\u20ac\s?(\d[\d,.]*\d|\d)/g, "$1 euros"],
  [/\u00b0/g, " degrees "]
]

/** The text in the characters the synthesizer knows, printable ASCII: accents go, and so does what has no such spelling. */
export const plainText = (text: string): string =>
  typographic
    .reduce((plain, [pattern, replacement]) => plain.replace(pattern, replacement), text)
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .replace(/[^\x20-\x7e]+/g, " ")
    .replace(tooLong, "$& ")
    .replace(/ {2,}/g, " ")
    .trim()

/** Where a text that is too long is cut: after its last clause, else after its last word. */
const cutAt = (text: string): number => {
  const start = text.slice(0, MAX_PIECE)
  const clause = Math.max(...[", ", "; ", ": ", ". ", "? ", "! "].map((mark) => start.lastIndexOf(mark)))
  return clause >= MIN_PIECE ? clause + 1 : start.lastIndexOf(" ")
}

/**
 * The pieces a sentence is said in: itself, if it is short; no piece has more than 120 characters. None if there is
 * nothing in it that can be said.
 */
export const spokenPieces = (sentence: string): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  let rest = plainText(sentence)
  while (rest.length > MAX_PIECE) {
    const end = cutAt(rest)
    pieces.push(rest.slice(0, end).trim())
    rest = rest.slice(end).trim()
  }
  return [...pieces, rest].filter((piece) => /[A-Za-z0-9]/.test(piece))
}
