/** One character in, what it means for reading and for ending a sentence out. Pure; owns no text. */

/** What a character can be the beginning of. */
export type Mark = "None" | "Stop" | "WideStop" | "Clause" | "LineBreak"

const marks: ReadonlyMap<number, Mark> = new Map(
  (
    [
      ["Stop", ".!?…"],
      // Stops of scripts that put no space between sentences, or whose stops mean nothing else.
      ["WideStop", "。！？｡؟۔।॥։።፧။།༎៕"],
      ["Clause", ",;:—–，、；：،؛"],
      ["LineBreak", "\n\r\u2028\u2029"]
    ] as const
  ).flatMap(([mark, chars]) => [...chars].map((char) => [char.charCodeAt(0), mark] as const))
)

/** What the character with this code can be the beginning of. */
export const markOf = (code: number): Mark => {
  // Letters, of which text mostly consists: Latin, Chinese, Japanese, Korean.
  if ((code > 0x3f && code < 0x0589) || (code > 0x303f && code < 0xff01) || code === 0x20) return "None"
  return marks.get(code) ?? "None"
}

/** Whether a character is a line break. */
export const isBreak = (char: string): boolean => markOf(char.charCodeAt(0)) === "LineBreak"

/** Whether a character is white space; no character is not. */
export const isSpace = (char: string | undefined): boolean => {
  if (char === undefined || char === "") return false
  const code = char.charCodeAt(0)
  return code < 0x80 ? code === 0x20 || (code > 8 && code < 14) : /^\s/.test(char)
}

/** Whether a character is a decimal digit of any script. */
export const isDigit = (char: string | undefined): boolean => char !== undefined && /^\p{Nd}/u.test(char)

/** Whether a character is part of a word or a number. */
export const isWord = (char: string | undefined): boolean =>
  char !== undefined && (/^[a-zA-Z0-9]/.test(char) || /^[\p{L}\p{M}\p{N}]/u.test(char))

/** Whether a character is of a script that puts no spaces between words and whose characters take about twice as long to read. */
export const isWide = (char: string | undefined): boolean =>
  char !== undefined && char > "\u2e7f" && /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(char)

/** The character at a position, both halves of a surrogate pair; "" after the end. */
export const charAt = (text: string, at: number): string => {
  const code = text.codePointAt(at)
  return code === undefined ? "" : String.fromCodePoint(code)
}

/** The character in front of a position, both halves of a surrogate pair; "" at the beginning. */
export const charBefore = (text: string, at: number): string =>
  /^[\udc00-\udfff]/.test(text.charAt(at - 1)) ? text.slice(Math.max(0, at - 2), at) : text.charAt(at - 1)
