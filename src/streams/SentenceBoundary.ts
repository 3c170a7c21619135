/**
 * A position in the text so far in, a verdict on whether speech may be cut there out. Pure; owns no state, no lengths.
 *
 * A verdict is given only when no text that may still come could change it: otherwise it is {@link wait}. All looking
 * ahead has an end of its own, so waiting has one too.
 */
import { abbreviation, continuesTime, followsOrdinal, startsSentence } from "./Abbreviations.ts"
import { charAt, isBreak, isDigit, isSpace, isWide, isWord, type Mark, markOf } from "./Characters.ts"

/** `Cut`: speech may be cut in front of `at`. `Pass`: not here; the next character to look at is `at`. */
export interface Verdict {
  readonly _tag: "Cut" | "Pass"
  readonly at: number
}

/** The answer depends on text that has not come yet. */
export const wait = undefined

const cut = (at: number): Verdict => ({ _tag: "Cut", at })
const pass = (at: number): Verdict => ({ _tag: "Pass", at })

/** Code units of stops, quotes, markup and pictographs that are taken for the end of one sentence at most. */
const MAX_RUN = 32

/** Code units of a word looked at to tell whether it begins a sentence. */
const MAX_WORD = 24

/** Code units looked at for the words after a clause. */
const MAX_PHRASE = 60

/** Words a part of a sentence must have to be spoken on its own. */
const PHRASE_WORDS = 3

const openers = new Set("([{\"'“‘«‹„‚»›¿¡*_~`#")
const closers = new Set(")]}\"'”’»›*_~`」』）】〉》］｝〕")
/** Quotation marks that open in one language and close in another. */
const closersAfterNarrow = new Set("“‘«‹")
const pictograph = /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|\u200d|\ufe0e|\ufe0f)/u
const quoting = /[)\]}"'”’»›“‘«‹」』）】〉》］｝〕]/

/** Whether the text stops in the middle of a surrogate pair at `at`. */
const isHalf = (text: string, at: number): boolean =>
  at === text.length - 1 && text.charCodeAt(at) >= 0xd800 && text.charCodeAt(at) <= 0xdbff

const isOpen = (text: string, end: number, opening: string, closing: string): boolean =>
  end > 0 && text.lastIndexOf(opening, end - 1) > text.lastIndexOf(closing, end - 1)

type NextKind = "End" | "Upper" | "Lower" | "Caseless" | "Digit" | "Other"

/** The first thing to be read from `from` on, past white space, quotes and brackets that open, and markup. */
const nextAt = (
  text: string,
  from: number,
  atEnd: boolean
): { readonly kind: NextKind; readonly at: number } | undefined => {
  let at = from
  for (let skipped = 0; at < text.length && skipped < 8; skipped++) {
    const char = text.charAt(at)
    if (isBreak(char)) return { kind: "End", at }
    if (!isSpace(char) && !openers.has(char)) break
    at++
  }
  if (at >= text.length || isHalf(text, at)) return atEnd ? { kind: "End", at } : wait
  const char = charAt(text, at)
  if (/^[\p{Lu}\p{Lt}]/u.test(char)) return { kind: "Upper", at }
  if (/^\p{Ll}/u.test(char)) {
    // A name such as iPhone begins a sentence as well as a capital does.
    const second = at + char.length
    if (second >= text.length || isHalf(text, second)) return atEnd ? { kind: "Lower", at } : wait
    return { kind: /^\p{Lu}/u.test(charAt(text, second)) ? "Upper" : "Lower", at }
  }
  if (/^\p{L}/u.test(char)) return { kind: "Caseless", at }
  return { kind: isDigit(char) ? "Digit" : "Other", at }
}

/** The whole word at `from` ("" if it is the letter of an abbreviation such as `A.`). */
const wordAt = (text: string, from: number, atEnd: boolean): string | undefined => {
  let at = from
  while (at < text.length && at - from < MAX_WORD && /[\p{L}\p{M}\ud800-\udfff]/u.test(text.charAt(at))) at++
  if (at >= text.length && !atEnd && at - from < MAX_WORD) return wait
  return at - from === 1 && text.charAt(at) === "." ? "" : text.slice(from, at)
}

interface Run {
  readonly end: number
  /** It has a mark that says more than a full stop. */
  readonly strong: boolean
  readonly wide: boolean
  readonly ellipsis: boolean
}

/** The stops at `from` with all that belongs to them: more stops, quotes and brackets that close, markup, pictographs. */
const runAt = (text: string, from: number, atEnd: boolean): Run | undefined => {
  let at = from
  let strong = false
  let wide = false
  let dots = 0
  let closed = false
  while (at < text.length && at - from < MAX_RUN) {
    if (isHalf(text, at) && !atEnd) return wait
    const char = charAt(text, at)
    const mark = markOf(char.charCodeAt(0))
    if (mark === "Stop" || mark === "WideStop") {
      // A stop after a bracket that closed ends the sentence, whatever stood inside: (Smith et al.).
      if (char !== "." || closed) strong ||= char !== "…" || closed
      wide ||= mark === "WideStop"
      dots += char === "…" ? 3 : 1
    } else if (wide && char === '"') {
      if (text.slice(0, at).split('"').length % 2 === 1) break
      closed = true
    } else if (closers.has(char) || (!wide && closersAfterNarrow.has(char))) {
      closed = true
    } else if (isSpace(char) && !isBreak(char) && isOpen(text, at, "«", "»")) {
      // French puts a space before the quotation mark that closes; German opens with the same mark, right before a word.
      if (at + 1 >= text.length && !atEnd) return wait
      if (text.charAt(at + 1) !== "»") break
      if (at + 2 >= text.length && !atEnd) return wait
      if (isWord(text.charAt(at + 2))) break
      closed = true
      at++
    } else if (!pictograph.test(char)) {
      break
    }
    at += char.length
  }
  if (at >= text.length && !atEnd && at - from < MAX_RUN) return wait
  return { end: at, strong, wide, ellipsis: !strong && dots > 1 }
}

const leading = /^[([{"'“‘«‹„‚¿¡*_~`#]+/

/** Verdict on a full stop by the word before it and the one after it. */
const afterWord = (
  text: string,
  stop: number,
  end: number,
  atEnd: boolean,
  lowerCase: boolean
): Verdict | undefined => {
  const next = nextAt(text, end, atEnd)
  if (next === undefined) return wait
  if (next.kind === "End") return cut(end)
  let from = stop
  while (from > 0 && stop - from < 40 && !isSpace(text.charAt(from - 1))) from--
  const word = text.slice(from, stop).replace(leading, "")
  const isFirst = !/[\p{L}\p{N}]/u.test(text.slice(0, from))
  const followedBy = (test: (word: string) => boolean): boolean | undefined => {
    if (next.kind !== "Upper") return false
    const following = wordAt(text, next.at, atEnd)
    return following === undefined ? wait : test(following)
  }
  const cutIf = (condition: boolean | undefined): Verdict | undefined =>
    condition === undefined ? wait : condition ? cut(end) : pass(end)

  if (/^\p{Nd}+$/u.test(word)) {
    if ((isFirst && word.length <= 3) || text.charAt(from - 2) === ":" || next.kind === "Lower") return pass(end)
    const ordinal = word.length <= 2 && followedBy(followsOrdinal)
    return ordinal === undefined ? wait : cutIf(!ordinal)
  }
  if (isFirst && /^\p{L}$/u.test(word)) return pass(end)
  switch (abbreviation(word)) {
    case "Never":
      return pass(end)
    case "Inside":
      return cutIf(followedBy(startsSentence))
    case "Either": {
      const continues = followedBy(continuesTime)
      return continues === undefined ? wait : cutIf(!continues && (next.kind === "Upper" || next.kind === "Caseless"))
    }
    case "BeforeNumber":
      if (next.kind === "Digit") return pass(end)
      break
    case "None":
      break
  }
  if (next.kind === "Lower") return cutIf(lowerCase)
  // The parts of an abbreviation that is written with spaces: z. B.
  if (/^\p{Ll}$/u.test(word)) {
    const letter = followedBy((following) => following === "")
    return letter === undefined ? wait : cutIf(!letter)
  }
  return cut(end)
}

/**
 * Whether the sentence ends with the stop at `stop`, `text` being all since the last cut.
 *
 * `lowerCase` says that the text uses no capitals, so that a small letter can begin a sentence.
 */
export const sentenceEnd = (text: string, stop: number, atEnd: boolean, lowerCase: boolean): Verdict | undefined => {
  const run = runAt(text, stop, atEnd)
  if (run === undefined) return wait
  const end = run.end
  // The text of a link stays in one piece.
  if (end - stop >= MAX_RUN || isOpen(text, end, "[", "]")) return pass(end)
  if (end >= text.length) return cut(end)
  const after = text.charAt(end)
  const closed = quoting.test(text.slice(stop, end))
  if (run.wide) return closed && (after === "と" || after === "っ") ? pass(end) : cut(end)
  if (!isSpace(after)) return isWide(text.charAt(stop - 1)) && isWide(after) ? cut(end) : pass(end)
  if (isBreak(after)) return cut(end)
  if (!run.strong && !run.ellipsis) return afterWord(text, stop, end, atEnd, lowerCase)
  if (run.strong && !closed) return cut(end)
  const next = nextAt(text, end, atEnd)
  if (next === undefined) return wait
  if (run.strong) return next.kind === "Lower" ? pass(end) : cut(end)
  return next.kind === "Upper" || next.kind === "Caseless" || next.kind === "End" ? cut(end) : pass(end)
}

/** Whether a clause that could be spoken on its own ends with the mark at `mark`. */
export const clauseEnd = (text: string, mark: number, atEnd: boolean): Verdict | undefined => {
  const char = text.charAt(mark)
  const dash = char === "—" || char === "–"
  const spaced = markOf(char.charCodeAt(0)) === "Clause" && char.charCodeAt(0) < 0x3000
  let end = mark + 1
  while (end < text.length && end - mark < MAX_RUN && closers.has(text.charAt(end))) end++
  if (end - mark >= MAX_RUN) return pass(end)
  if (end >= text.length) return atEnd ? pass(end) : wait
  const gap = isSpace(text.charAt(end))
  if (spaced && !gap && char !== "—") return pass(end)
  if (char === "–" && !isSpace(text.charAt(mark - 1))) return pass(end)
  let before = mark
  while (before > 0 && isSpace(text.charAt(before - 1))) before--
  if (before === 0) return pass(end)
  // A letter on its own is being spelled or counted: A, B, C.
  if (!dash && isWord(text.charAt(before - 1)) && (before === 1 || isSpace(text.charAt(before - 2)))) {
    return pass(end)
  }
  if (isOpen(text, mark, "(", ")") || isOpen(text, mark, "[", "]") || isOpen(text, mark, "（", "）")) return pass(end)
  const next = nextAt(text, end, atEnd)
  if (next === undefined) return wait
  if (next.kind === "End") return pass(end)
  return isDigit(text.charAt(before - 1)) && next.kind === "Digit" ? pass(end) : cut(end)
}

/** How long a text takes to read, in characters of an alphabet. */
export const readingLength = (text: string): number => {
  let length = text.length
  for (const char of text) if (isWide(char)) length++
  return length
}

/** Whether the text has enough words to be spoken on its own. */
export const isPhrase = (text: string): boolean => wordsFrom(text, 0, () => false) >= PHRASE_WORDS

/** Whether enough words to be spoken on their own come from `from` on, before the sentence can end. */
export const phraseFollows = (text: string, from: number, atEnd: boolean): boolean | undefined => {
  let over = false
  const count = wordsFrom(text, from, (mark, at) => {
    const undecided = mark === "Stop" && at + 1 >= text.length && !atEnd
    over =
      mark === "LineBreak" || mark === "WideStop" || (mark === "Stop" && !undecided && !isWord(text.charAt(at + 1)))
    return over || undecided
  })
  if (count >= PHRASE_WORDS) return true
  return over || atEnd ? false : wait
}

/** Words that begin from `from` on, as far as they matter; `stops` is asked at every stop and line break. */
const wordsFrom = (text: string, from: number, stops: (mark: Mark, at: number) => boolean): number => {
  let count = 0
  let inWord = false
  for (let at = from; at < text.length && count < PHRASE_WORDS; at++) {
    if (at - from >= MAX_PHRASE) return PHRASE_WORDS
    const char = text.charAt(at)
    const mark = markOf(char.charCodeAt(0))
    if (mark !== "None" && mark !== "Clause" && stops(mark, at)) return count
    if (isWide(char)) count += 0.5
    else if (!inWord && isWord(char)) count++
    inWord = !isSpace(char) && !isWide(char) && (inWord || isWord(char))
  }
  return count
}
