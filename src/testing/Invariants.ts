/** A finished call in, what must never happen in one and did out; each in a sentence for a person. Pure; knows limits, not how the agent keeps them. */
import { BYTES_PER_MS } from "../schema/Audio.ts"
import { defaultTurnSettings } from "../schema/TurnSettings.ts"
import { AUDIBLE } from "./AgentVoice.ts"
import { type CallReport } from "./CallReport.ts"
import { entriesOf, type Stretch } from "./Timeline.ts"
import { wordsOf } from "./WordSound.ts"

/** What a call may do at most. Milliseconds. */
export interface Limits {
  /** From the moment that the line is closed until the agent's side is done. */
  readonly doneMs: number
  /** How long the agent may be heard after a caller has begun to speak and goes on. */
  readonly reactionMs: number
  /** From the end of what the caller says until the agent is heard, whatever fails. */
  readonly silenceMs: number
  /** What the agent says to its end whatever the caller says. */
  readonly uninterruptible: ReadonlySet<string>
  /** Words by which history may differ from what was heard of a reply that did not come to its end. */
  readonly historyWords: number
}

/** What Parley keeps to with its usual settings. */
export const defaultLimits: Limits = {
  doneMs: 1000,
  reactionMs: 600,
  silenceMs: 25_000,
  uninterruptible: new Set<string>(["GiveUp", ...defaultTurnSettings.uninterruptible]),
  historyWords: 2
}

/** Something that must not happen. */
export interface Violation {
  readonly invariant: string
  readonly message: string
}

/** A check of one invariant: what is wrong, nothing if all is well. */
export type Invariant = (report: CallReport, limits: Limits) => ReadonlyArray<string>

const at = (ms: number): string => `at ${(ms / 1000).toFixed(3)} s`

/** The call ends, with nothing left over: no fiber, and so no timer, as timers wake fibers; and no socket. */
export const endsCleanly: Invariant = ({ call, log, remains }, { doneMs }) => {
  const problems: Array<string> = []
  if (remains.doneAfterMs === undefined) problems.push("the agent's side was not done when the line was closed")
  else if (remains.doneAfterMs > doneMs) problems.push(`the agent's side was done ${remains.doneAfterMs} ms late`)
  if (remains.fibers !== 0) problems.push(`${remains.fibers} fibers were left over`)
  if (remains.sockets !== 0) problems.push(`${remains.sockets} sockets were left open`)
  if (call.end._tag === "AgentHungUp" && call.end.code !== 1000) {
    problems.push(`the call broke with ${call.end.code}: ${call.end.reason}`)
  }
  return [
    ...problems,
    ...log.filter(({ level }) => level === "Error" || level === "Fatal").map(({ message }) => message)
  ]
}

/** The carrier has nothing to complain of. */
export const speaksTheProtocol: Invariant = ({ call, timeline }) => [
  ...entriesOf(timeline, "Violation").map(({ atMs, detail }) => `${at(atMs)}: ${detail}`),
  ...(call.playout.raggedFrames === 0 ? [] : [`${call.playout.raggedFrames} messages were no whole frames`])
]

const isAudibleBetween = (track: Int16Array, fromMs: number, untilMs: number): number | undefined => {
  const until = Math.min(track.length, Math.floor(untilMs * BYTES_PER_MS))
  for (let n = Math.max(0, Math.ceil(fromMs * BYTES_PER_MS)); n < until; n++) {
    if (Math.abs(track[n]!) >= AUDIBLE) return n / BYTES_PER_MS
  }
  return undefined
}

/** The two sides' clocks agree to this, in milliseconds. */
const ROUNDING_MS = 1

/** Nothing of a reply is heard after its clear. */
export const clearsForGood: Invariant = ({ call, timeline }) => {
  const track = call.recording.agent()
  return entriesOf(timeline, "Clear").flatMap(({ atMs }) => {
    const next = timeline.find((entry) => entry._tag === "FirstAudible" && entry.atMs >= atMs)
    const heard = isAudibleBetween(track, atMs, (next?.atMs ?? Number.POSITIVE_INFINITY) - ROUNDING_MS)
    return heard === undefined ? [] : [`the agent was heard ${at(heard)} after the line was cleared ${at(atMs)}`]
  })
}

/** Stretches in which replies are heard that are said to their end. */
const lastWords = ({ replies }: CallReport, { uninterruptible }: Limits): ReadonlyArray<Stretch> => {
  const audible = replies.filter(({ audibleMs }) => audibleMs !== undefined)
  return audible.flatMap(({ audibleMs: startMs, cue }, index) =>
    startMs !== undefined && cue !== undefined && uninterruptible.has(cue)
      ? [{ startMs, endMs: audible[index + 1]?.audibleMs ?? Number.POSITIVE_INFINITY }]
      : []
  )
}

/** Who keeps speaking is not spoken over. */
export const yields: Invariant = (report, limits) => {
  const track = report.call.recording.agent()
  const exempt = lastWords(report, limits)
  return report.call.utterances.flatMap(({ endMs, startMs, text }) => {
    let fromMs = startMs + limits.reactionMs
    for (;;) {
      const heard = isAudibleBetween(track, fromMs, endMs)
      if (heard === undefined) return []
      const within = exempt.find((stretch) => heard >= stretch.startMs && heard < stretch.endMs)
      if (within === undefined) {
        return [`the agent was heard ${at(heard)} over "${text}", which the caller had begun ${at(startMs)}`]
      }
      fromMs = within.endMs
    }
  })
}

/** Who has said something does not wait in silence. */
export const answers: Invariant = ({ call }, { silenceMs }) => {
  const track = call.recording.agent()
  return call.utterances.flatMap(({ endMs, text }, index) => {
    const nextMs = call.utterances[index + 1]?.startMs ?? call.recording.durationMs
    if (nextMs - endMs <= silenceMs) return []
    return isAudibleBetween(track, endMs, endMs + silenceMs) === undefined
      ? [`the caller waited ${silenceMs} ms for an answer to "${text}", which ended ${at(endMs)}`]
      : []
  })
}

/** Turns by their last telling, each as its words. */
const turnsOf = ({ timeline }: CallReport): ReadonlyMap<number, ReadonlyArray<string>> =>
  new Map(entriesOf(timeline, "TurnEnded").map(({ text, turn }) => [turn, wordsOf(text)]))

const tally = (words: Iterable<string>): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

/** Nothing that the caller says is in two turns: each word is in turns no more often than it was said. */
export const repeatsNothing: Invariant = (report) => {
  const said = tally(report.call.utterances.flatMap(({ text }) => wordsOf(text)))
  const told = tally([...turnsOf(report).values()].flat())
  return [...said].flatMap(([word, count]) => {
    const times = told.get(word) ?? 0
    return times <= count ? [] : [`"${word}" was said ${count} times and is in turns ${times} times`]
  })
}

/** Time before the end of a call in which a turn may still be open, in milliseconds. */
const OPEN_END_MS = 6000

/** Shortest utterance that must be heard, in milliseconds. */
const SPEECH_MS = 250

/**
 * Everything that the caller says is in a turn. Holds on a line that loses nothing, if recognition works and nobody only
 * says "mm-hm".
 */
export const hearsEverything: Invariant = (report) => {
  const words = new Set([...turnsOf(report).values()].flat())
  const { call } = report
  return call.utterances
    .filter(({ endMs, startMs }) => endMs - startMs >= SPEECH_MS && endMs < call.recording.durationMs - OPEN_END_MS)
    .flatMap(({ startMs, text }) => {
      const missing = wordsOf(text).filter((word) => !words.has(word))
      return missing.length === 0
        ? []
        : [`${JSON.stringify(missing)} of "${text}", said ${at(startMs)}, are in no turn`]
    })
}

/** How many words two texts have in common, in the same order. */
const inCommon = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): number => {
  let row = b.map(() => 0)
  for (const word of a) {
    const above = row
    let left = 0
    row = above.map((best, n) => (left = word === b[n] ? (above[n - 1] ?? 0) + 1 : Math.max(best, left)))
  }
  return row.at(-1) ?? 0
}

/** Nothing but a reply's own words is heard of it, each once and in order: neither stale audio nor any that is out of place. */
export const saysItOnce: Invariant = (report) =>
  report.wordsHeard().flatMap(({ generated, heard, reply }) => {
    let next = 0
    for (const word of heard) {
      const found = generated.indexOf(word, next)
      if (found < 0) return [`reply ${reply.epoch}: "${word}" was heard, which does not belong there`]
      next = found + 1
    }
    return []
  })

/** What the agent believes was heard is what was heard. */
export const remembersWhatWasHeard: Invariant = (report, { historyWords }) =>
  report.wordsHeard().flatMap(({ heard, reply }) => {
    if (reply.heard === undefined) return []
    const believed = wordsOf(reply.heard)
    const same = inCommon(heard, believed)
    const off = Math.max(heard.length, believed.length) - same
    // What was heard to its end is known; how far a reply got that was not is worked out from its time.
    return off <= (reply.heard === reply.generated ? 0 : historyWords)
      ? []
      : [`reply ${reply.epoch}: history has "${reply.heard}", but "${heard.join(" ")}" was heard`]
  })

/** What holds in every call. */
export const invariants = {
  endsCleanly,
  speaksTheProtocol,
  clearsForGood,
  yields,
  answers,
  repeatsNothing,
  saysItOnce,
  remembersWhatWasHeard
} as const satisfies Readonly<Record<string, Invariant>>

/** Checks a call. */
export const checkCall = (
  report: CallReport,
  checks: Readonly<Record<string, Invariant>> = invariants,
  limits: Partial<Limits> = {}
): ReadonlyArray<Violation> =>
  Object.entries(checks).flatMap(([invariant, check]) =>
    check(report, { ...defaultLimits, ...limits }).map((message) => ({ invariant, message }))
  )
