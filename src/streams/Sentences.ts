/** Text as it is generated in, pieces fit for speech out, as early as is safe. Owns where speech is cut, not what is said: nothing is dropped but white space. */
import { Stream } from "effect"
import { isBreak, isSpace, markOf } from "./Characters.ts"
import { isOpener } from "./Openers.ts"
import {
  clauseEnd,
  isPhrase,
  phraseFollows,
  readingLength,
  sentenceEnd,
  type Verdict,
  wait
} from "./SentenceBoundary.ts"
import { type Stage } from "./Stage.ts"

/** How long the pieces may be, in UTF-16 code units. */
export interface SentenceOptions {
  /**
   * Length from which the first piece may be a clause, so that the first sound comes early; 0 turns it off. Default 24.
   *
   * Chinese and Japanese characters count twice. "Sure," and its like are a first piece of their own at any length.
   */
  readonly firstClauseMinChars?: number
  /** Length beyond which a sentence is cut between two of its clauses. Default 180. */
  readonly maxChars?: number
  /** Length that no piece exceeds: cut between two words if need be. Default 250: some voice services hold no more text back. */
  readonly hardMaxChars?: number
}

/** The text that is not settled yet. */
export interface SentenceState {
  readonly limits: Required<SentenceOptions>
  /** All text since the last piece; begins with something to read, white space squeezed. */
  readonly pending: string
  /** `pending` was looked at up to here. */
  readonly scanned: number
  /** Where the last clause so far ends; 0 if there is none. */
  readonly clause: number
  /** No piece was given yet, or nothing but an opener. */
  readonly isFirst: boolean
  /** An opener was given. */
  readonly isOpened: boolean
  /** The text began with a small letter: capitals do not mark where its sentences begin. */
  readonly lowerCase: boolean
}

/**
 * The state before any text.
 *
 * Throws a `RangeError` if a limit makes no sense: they are whole numbers, `maxChars` is at least 1, `hardMaxChars` at
 * least 2 and not below `maxChars`.
 */
export const initial = (options?: SentenceOptions): SentenceState => {
  const limits = { firstClauseMinChars: 24, maxChars: 180, hardMaxChars: 250, ...options }
  const check = (name: keyof SentenceOptions, min: number) => {
    if (!Number.isInteger(limits[name]) || limits[name] < min) {
      throw new RangeError(`${name} is ${limits[name]}, expected a whole number not below ${min}`)
    }
  }
  check("firstClauseMinChars", 0)
  check("maxChars", 1)
  check("hardMaxChars", Math.max(2, limits.maxChars))
  return { limits, pending: "", scanned: 0, clause: 0, isFirst: true, isOpened: false, lowerCase: false }
}

/** Adds text and gives the pieces it settles, without white space around them. Where the text is split makes no difference. */
export const step = (state: SentenceState, delta: string): readonly [SentenceState, ReadonlyArray<string>] =>
  advance(state, append(state.pending, delta), false)

/** The pieces that are left when no more text comes. */
export const flush = (state: SentenceState): ReadonlyArray<string> => {
  const [rest, pieces] = advance(state, state.pending, true)
  return rest.pending === "" ? pieces : [...pieces, rest.pending.trim()]
}

/**
 * Cuts text into pieces for speech: sentences, lines, the first clause, and parts of what is too long.
 *
 * A piece is given as soon as it is settled: a sentence by the character after the white space that follows it, a line by
 * its end. Where the text pauses after a full stop, a line break brings the sentence out. If the text fails, what is left
 * of it is given before the failure. Throws as {@link initial} does.
 */
export const sentences = (options?: SentenceOptions): Stage<string, string> => {
  const start = initial(options)
  return Stream.mapAccum(() => start, step, { onHalt: flush })
}

/**
 * Joins text, leaving out white space that tells nothing: at the beginning, and in runs, of which one character stays, and
 * a line break after it. What is looked ahead for is then never far away.
 */
const append = (pending: string, delta: string): string => {
  const meets = isSpace(delta[0]) && (pending === "" || isSpace(pending.at(-1)))
  if (!meets && (delta.length < 2 || !/\s\s/.test(delta))) return pending + delta
  let kept = ""
  let last = pending === "" ? "\n" : pending.charAt(pending.length - 1)
  for (const char of delta.split("")) {
    if (isSpace(char) && isSpace(last) && (!isBreak(char) || isBreak(last))) continue
    kept += char
    last = char
  }
  return pending + kept
}

const nothing: ReadonlyArray<string> = []

/** Where the first mark at or after `from` stands, if it does before `limit`; otherwise where looking for it ended. */
const plainUntil = (text: string, from: number, limit: number): number => {
  const end = Math.min(text.length, limit)
  let at = from
  while (at < end && markOf(text.charCodeAt(at)) === "None") at++
  return at
}

const advance = (
  state: SentenceState,
  text: string,
  atEnd: boolean
): readonly [SentenceState, ReadonlyArray<string>] => {
  const { firstClauseMinChars, hardMaxChars, maxChars } = state.limits
  const plain = plainUntil(text, state.scanned, state.clause > 0 ? maxChars : hardMaxChars)
  if (plain === text.length) {
    const { clause, isFirst, isOpened, limits, lowerCase } = state
    return [{ limits, pending: text, scanned: plain, clause, isFirst, isOpened, lowerCase }, nothing]
  }
  const pieces: Array<string> = []
  let { clause, isFirst, isOpened, lowerCase, scanned } = state
  let pending = text

  const emit = (at: number) => {
    const piece = pending.slice(0, at).trimEnd()
    if (isFirst) lowerCase = beginsLower(piece)
    pieces.push(piece)
    pending = pending.slice(at).trimStart()
    isFirst = false
    scanned = 0
    clause = 0
  }

  while (scanned < pending.length) {
    if (clause > 0 && scanned >= maxChars) {
      emit(clause)
      continue
    }
    if (scanned >= hardMaxChars) {
      // The character after the one at the limit has a say in it.
      if (pending.length < hardMaxChars + 2 && !atEnd) break
      emit(wordBoundary(pending, hardMaxChars))
      continue
    }
    const mark = markOf(pending.charCodeAt(scanned))
    if (mark === "None") {
      scanned = plainUntil(pending, scanned + 1, clause > 0 ? maxChars : hardMaxChars)
      continue
    }
    if (mark === "LineBreak") {
      emit(scanned)
      continue
    }
    if (mark === "Clause") {
      const follows = pending[scanned + 1]
      if (
        firstClauseMinChars > 0 &&
        isFirst &&
        !isOpened &&
        isSpace(follows) &&
        isOpener(pending.slice(0, scanned + 1))
      ) {
        emit(scanned + 1)
        // What comes after it is as much wanted early as it would be without it.
        isFirst = true
        isOpened = true
        continue
      }
      const verdict = within(clauseEnd(pending, scanned, atEnd), hardMaxChars)
      if (verdict === wait) break
      if (verdict._tag === "Cut") {
        if (isFirst && isFirstClause(pending.slice(0, verdict.at), firstClauseMinChars)) {
          const isFollowed = phraseFollows(pending, verdict.at, atEnd)
          if (isFollowed === wait) break
          if (isFollowed) {
            emit(verdict.at)
            continue
          }
        }
        clause = verdict.at
      }
      scanned = verdict.at
      continue
    }
    const lower = isFirst ? beginsLower(pending.slice(0, scanned)) : lowerCase
    const verdict = within(sentenceEnd(pending, scanned, atEnd, lower), hardMaxChars)
    if (verdict === wait) break
    if (verdict._tag === "Cut") emit(verdict.at)
    else scanned = verdict.at
  }
  return [{ limits: state.limits, pending, scanned, clause, isFirst, isOpened, lowerCase }, pieces]
}

/** A cut beyond the hard limit comes too late. */
const within = (verdict: Verdict | undefined, limit: number): Verdict | undefined =>
  verdict === undefined || verdict.at <= limit ? verdict : { _tag: "Pass", at: limit }

const beginsLower = (text: string): boolean => {
  const letter = /\p{L}/u.exec(text)
  return letter !== null && /\p{Ll}/u.test(letter[0])
}

const isFirstClause = (text: string, minChars: number): boolean =>
  minChars > 0 && text.length * 2 >= minChars && readingLength(text) >= minChars && isPhrase(text)

const words = new Intl.Segmenter("und", { granularity: "word" })
const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" })

/** The best place not after `limit` to cut text that has no other: between words, else between characters as a reader sees them. */
const wordBoundary = (text: string, limit: number): number => {
  let betweenDigits = 0
  for (let at = limit; at > limit / 2; at--) {
    if (!isSpace(text.charAt(at)) || /[!?:;%»)]/.test(text.charAt(at + 1))) continue
    if (!/\d/.test(text.charAt(at - 1)) || !/\d/.test(text.charAt(at + 1))) return at
    betweenDigits ||= at
  }
  if (betweenDigits > 0) return betweenDigits
  const piece = text.slice(0, limit)
  for (const segmenter of [words, graphemes]) {
    // What ends at the limit may go on after it, so it is left to the next piece.
    const last = segmenter.segment(piece).containing(limit - 1)
    if (last !== undefined && last.index > 0) return last.index
  }
  return limit > 1 && text.charCodeAt(limit - 1) >= 0xd800 && text.charCodeAt(limit - 1) <= 0xdbff ? limit - 1 : limit
}
