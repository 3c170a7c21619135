/** What was said and how in, how long a pause ends the turn out. Pure, English; a model may take its place behind the `Endpointing` service. */

import { defaultTurnSettings, type TurnSettings } from "../schema/TurnSettings.ts"
import { type TurnSoFar } from "../services/Endpointing.ts"

/** Bounds of the pause that ends a turn, in milliseconds, and how eager the agent is to answer. */
export interface EndpointingSettings {
  /** Shortest pause that ends any turn. */
  readonly minMs: number
  /** Pause that ends a turn of which nothing speaks for more or less. */
  readonly baseMs: number
  /** Longest pause that is waited for. */
  readonly maxMs: number
  /** 0 waits longest, 1 answers soonest, 0.5 is even-handed. */
  readonly eagerness: number
}

/** What the settings of turn-taking say about it. */
export const endpointingOf = (turns: TurnSettings): EndpointingSettings => ({
  minMs: turns.endpointMinMs,
  baseMs: turns.silenceDurationMs,
  maxMs: turns.endpointMaxMs,
  eagerness: turns.endpointEagerness
})

/** Bounds that suit a telephone conversation. */
export const defaultEndpointingSettings: EndpointingSettings = endpointingOf(defaultTurnSettings)

/** What a turn's words say about whether it is over. */
export type Completeness =
  /** A yes or no to a question that asks for one. */
  | "short answer"
  /** Reads like a whole sentence. */
  | "complete"
  /** Nothing to go by. */
  | "open"
  /** A number, an address or a name being spelled out. */
  | "dictating"
  /** Breaks off where nobody ends a sentence. */
  | "unfinished"

/** Pause for each kind, as a multiple of the base pause. */
const factor: Readonly<Record<Completeness, number>> = {
  "short answer": 0.5,
  complete: 0.65,
  open: 1,
  dictating: 3,
  unfinished: 3.4
}

const wordSet = (words: string): ReadonlySet<string> => new Set(words.split(" "))

/** Words nobody ends a sentence on, hesitation included, whatever a recogniser puts behind them. */
const trailing = wordSet(
  "and or but because cause if while although unless whose than " +
    "the a an my your our their its every " +
    "to of for from with into onto between at via per " +
    "i'm i'd i'll i've you're we're they're there's let's gonna wanna very " +
    "um uh er erm hmm basically"
)

/** Words few sentences end on: a full stop behind them says that this one does. */
const seldomLast = wordSet(
  "so when since until that which who where then as like his her this these those some any each without about in on by " +
    "is are was were am be been will would can could should may might must shall do does did have has had not " +
    "i you we they it's really just also maybe well actually"
)

const yesNo = wordSet(
  "yes yeah yep yup yah no nope nah sure ok okay correct right exactly absolutely definitely certainly please fine " +
    "alright perfect great thanks never neither nothing"
)

const numberWord = wordSet(
  "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen " +
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand double triple"
)

/** What an agent asks when a number, an address or a spelling follows. */
const asksForDictation =
  /\b(phone|number|e-?mail|address|spell|zip|postal|post ?code|digits?|code|card|account|date of birth|birthday|iban|reference)\b/iu

/** A question that yes or no answers. */
const asksYesNo =
  /(?:^|[.!?]\s+|,\s+)(?:so\s+|and\s+|okay,?\s+)?(?:is|are|was|were|do|does|did|can|could|will|would|should|shall|may|have|has|had|am|isn't|aren't|don't|doesn't|won't|wouldn't|right|correct|okay)\b[^.!?]*\?\s*$/iu

const wordsIn = (text: string): ReadonlyArray<string> =>
  text
    .toLowerCase()
    .split(/[^\p{L}\p{N}'@.+-]+/u)
    .map((word) => word.replace(/^[.'-]+|[.'-]+$/gu, ""))
    .filter((word) => word !== "")

const isNumeric = (word: string): boolean => /\d/u.test(word) || numberWord.has(word)

const isLetter = (word: string): boolean => /^\p{L}$/u.test(word)

/** Whether the words end in letters that are being spelled out; "I" and "a" alone are words. */
const isSpelling = (words: ReadonlyArray<string>, asked: boolean): boolean => {
  const letters = words.length - 1 - words.findLastIndex((word) => !isLetter(word))
  const last = words[words.length - 1] ?? ""
  return letters >= 3 || (asked && (letters >= 2 || (letters === 1 && last !== "i" && last !== "a")))
}

/** Digits said so far in a row at the end of the words. */
const digitsAtEnd = (words: ReadonlyArray<string>): number => {
  let digits = 0
  for (let at = words.length - 1; at >= 0; at--) {
    const word = words[at] ?? ""
    if (!isNumeric(word)) break
    digits += /\d/u.test(word) ? word.replace(/\D/gu, "").length : 1
  }
  return digits
}

/** Reads a number or address that is being dictated: whether one is, and whether it is all there. */
const dictation = (words: ReadonlyArray<string>, agentSaid: string): "none" | "going on" | "all there" => {
  const last = words[words.length - 1] ?? ""
  const asked = asksForDictation.test(agentSaid)
  const email = words.some((word) => word.includes("@")) || (asked && words.includes("at"))
  if (email) {
    const ended =
      /@.+\.\p{L}{2,}$/u.test(last) || (words.includes("dot") && /^\p{L}{2,}$/u.test(last) && last !== "dot")
    return ended && words.length > 2 ? "all there" : /@.+\.\p{L}{2,}$/u.test(last) ? "all there" : "going on"
  }
  if (last === "at" || last === "dot" || last === "dash" || last === "underscore") return "going on"
  const digits = digitsAtEnd(words)
  // National and international telephone numbers have 10 to 13 digits, cards 16.
  if (digits >= 10) return digits <= 13 || digits === 16 ? "all there" : "going on"
  if (digits > 0 && (asked || digits >= 3)) return "going on"
  return isSpelling(words, asked) ? "going on" : "none"
}

/** Judges from the words alone whether the caller is done. */
export const completeness = (text: string, agentSaid: string): Completeness => {
  const words = wordsIn(text)
  const last = words[words.length - 1]
  if (last === undefined) return "open"
  const trimmed = text.trim()
  const dictated = dictation(words, agentSaid)
  if (dictated === "going on") return "dictating"
  if (
    words.length <= 4 &&
    yesNo.has(words[0] ?? "") &&
    (words.length === 1 || !(trailing.has(last) || seldomLast.has(last)))
  ) {
    return asksYesNo.test(agentSaid.trim()) ? "short answer" : "complete"
  }
  if (/[,;:\u2014-]$|\.\.\.$|…$/u.test(trimmed)) return "unfinished"
  const stopped = /[.?!。！？]["')\]]*$/u.test(trimmed)
  if (trailing.has(last) && !/[?!]$/u.test(trimmed)) return "unfinished"
  if (seldomLast.has(last) && !/[?!]$/u.test(trimmed)) return stopped ? "open" : "unfinished"
  if (dictated === "all there") return "complete"
  return stopped ? "complete" : "open"
}

/** What was learned of a caller's pauses inside turns, in milliseconds. */
export interface Pausing {
  /** Typical pause after which this caller went on. */
  readonly typicalMs: number
  /** How many were seen. */
  readonly seen: number
}

/** Nothing learned yet. */
export const noPauses: Pausing = { typicalMs: 0, seen: 0 }

/** Share of a new pause in what was learned; the first ones count more. */
const LEARNING = 0.3

/** The caller went on after a pause of `pauseMs` inside a turn. */
export const learnPause = (pausing: Pausing, pauseMs: number): Pausing => {
  const weight = Math.max(LEARNING, 1 / (pausing.seen + 1))
  return { typicalMs: pausing.typicalMs + (pauseMs - pausing.typicalMs) * weight, seen: pausing.seen + 1 }
}

/** A caller is given this much more than the pauses after which they went on. */
const ABOVE_TYPICAL = 1.4

/** How long a pause ends this turn, in milliseconds, between the bounds. */
export const pauseFor = (settings: EndpointingSettings, turn: TurnSoFar): number => {
  const kind = completeness(turn.text, turn.agentSaid)
  const patience = 1.5 - settings.eagerness
  const byWords = settings.baseMs * factor[kind] * patience
  // A yes is a yes whatever the caller's habits are; everywhere else the habit counts once it has shown.
  const habitual = kind !== "short answer" && turn.pausesSeen >= 2
  const byHabit = habitual ? turn.typicalPauseMs * ABOVE_TYPICAL * patience : 0
  const habitCap = kind === "complete" ? settings.baseMs * 1.6 : settings.maxMs
  return Math.round(Math.min(settings.maxMs, Math.max(settings.minMs, byWords, Math.min(byHabit, habitCap))))
}
