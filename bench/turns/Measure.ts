/** Held calls in, what their callers went through out: how long they waited, how often they were cut off, interrupted or not heard. Goes by what was audible on the line. Pure. */
import { audibleStretches, type Stretch } from "../../src/testing/Timeline.ts"
import { isAnswered, isOver, type PlannedTurn } from "./Corpus.ts"
import { type HeldCall } from "./HoldCall.ts"

/** What became of the turns of some calls. */
export interface Tally {
  /** Voice-to-voice times of the turns that were answered and not cut off, in milliseconds. */
  readonly latencies: Array<number>
  /** Turns that are to be answered, those in which the agent spoke before the caller was done, and those it never answered. */
  turns: number
  cutOff: number
  unanswered: number
  /** Turns with a pause inside them, and those of them that were cut off. */
  paused: number
  pausedCutOff: number
  /** Replies, and those that were stopped although nobody meant to interrupt. */
  replies: number
  stopped: number
  /** Backchannels and coughs over a reply, and those that stopped it. */
  murmurs: number
  murmursStopped: number
  /** Barge-ins, those that were missed, and the times until the agent was silent, in milliseconds. */
  bargeIns: number
  missed: number
  readonly reactions: Array<number>
  /** Minutes in which nobody said anything to the agent, and replies to nothing in them. */
  quietMinutes: number
  phantoms: number
}

/** Nothing counted. */
export const emptyTally = (): Tally => ({
  latencies: [],
  turns: 0,
  cutOff: 0,
  unanswered: 0,
  paused: 0,
  pausedCutOff: 0,
  replies: 0,
  stopped: 0,
  murmurs: 0,
  murmursStopped: 0,
  bargeIns: 0,
  missed: 0,
  reactions: [],
  quietMinutes: 0,
  phantoms: 0
})

/** All of some tallies together. */
export const merged = (tallies: ReadonlyArray<Tally>): Tally => {
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0)
  return {
    latencies: tallies.flatMap((tally) => tally.latencies),
    turns: sum((t) => t.turns),
    cutOff: sum((t) => t.cutOff),
    unanswered: sum((t) => t.unanswered),
    paused: sum((t) => t.paused),
    pausedCutOff: sum((t) => t.pausedCutOff),
    replies: sum((t) => t.replies),
    stopped: sum((t) => t.stopped),
    murmurs: sum((t) => t.murmurs),
    murmursStopped: sum((t) => t.murmursStopped),
    bargeIns: sum((t) => t.bargeIns),
    missed: sum((t) => t.missed),
    reactions: tallies.flatMap((tally) => tally.reactions),
    quietMinutes: sum((t) => t.quietMinutes),
    phantoms: sum((t) => t.phantoms)
  }
}

/** Silence of the agent that ends what it says, in milliseconds: the break between two sentences is shorter. */
const QUIET_MS = 450

/** A barge-in is missed if the agent goes on for longer than this, in milliseconds. */
const MISSED_MS = 2000

/** How long a caller waits for an answer at the most, in milliseconds. */
const ANSWER_MS = 8000

/** A turn as it was really said. */
interface SaidTurn {
  readonly plan: PlannedTurn
  readonly startMs: number
  readonly endMs: number
  /** When the caller's next turn began. */
  readonly nextMs: number
}

const saidTurns = ({ plan, result }: HeldCall): ReadonlyArray<SaidTurn> => {
  const said = plan.turns.flatMap((turn, index) => {
    const utterances = result.utterances.filter(({ text }) => text.split(".")[0] === `${index}`)
    const [first] = utterances
    const last = utterances.at(-1)
    return first === undefined || last === undefined
      ? []
      : [{ plan: turn, startMs: first.startMs, endMs: last.endMs, whole: utterances.length === turn.pieces.length }]
  })
  return said
    .map((turn, index) => ({ ...turn, nextMs: said[index + 1]?.startMs ?? result.recording.durationMs }))
    .filter(({ whole }) => whole)
}

const audibleIn = (stretches: ReadonlyArray<Stretch>, fromMs: number, untilMs: number): Stretch | undefined =>
  stretches.find(({ endMs, startMs }) => endMs > fromMs && startMs < untilMs)

/** Adds a call to a tally. */
export const measure = (tally: Tally, call: HeldCall): void => {
  const { result } = call
  const agent = audibleStretches(result.recording.agent(), QUIET_MS)
  const begun = result.recording.events.flatMap((event) => (event._tag === "AgentAudible" ? [event.atMs] : []))
  const cleared = result.recording.events.flatMap((event) => (event._tag === "Cleared" ? [event.atMs] : []))
  const turns = saidTurns(call)
  tally.replies += begun.length

  for (const turn of turns) {
    const { endMs, nextMs, plan, startMs } = turn
    if (isAnswered(plan.kind)) {
      tally.turns++
      // What was on the line already when the turn began was not said to it.
      const cut = begun.some((atMs) => atMs > startMs + 50 && atMs < endMs)
      const pauses = plan.pieces.length > 1
      if (pauses) tally.paused++
      if (cut) {
        tally.cutOff++
        if (pauses) tally.pausedCutOff++
      } else {
        const answer = begun.find((atMs) => atMs >= endMs && atMs < Math.min(nextMs, endMs + ANSWER_MS))
        if (answer === undefined) tally.unanswered++
        else tally.latencies.push(answer - endMs)
      }
    }
    if (!isOver(plan.kind)) continue
    // An agent that had stopped, or was about to, was not interrupted.
    const speaking = audibleIn(agent, startMs - 1, startMs + 1)
    if (speaking === undefined) continue
    if (plan.kind === "barge-in") {
      tally.bargeIns++
      const reactionMs = speaking.endMs - startMs
      if (reactionMs > MISSED_MS) tally.missed++
      else tally.reactions.push(reactionMs)
    } else {
      tally.murmurs++
      if (cleared.some((atMs) => atMs > startMs && atMs < endMs + 2000)) tally.murmursStopped++
    }
  }

  const meant = turns.filter(({ plan }) => isAnswered(plan.kind))
  tally.stopped += cleared.filter(
    (atMs) => !meant.some(({ endMs, startMs }) => atMs > startMs && atMs < endMs + 1500)
  ).length
  // The greeting answers nobody; every other reply answers what was said after the one before it.
  for (const [index, atMs] of begun.entries()) {
    if (index === 0) continue
    const before = begun[index - 1] ?? 0
    if (!meant.some(({ endMs, startMs }) => startMs < atMs && endMs > before)) tally.phantoms++
  }
  const spokenMs = meant.reduce((sum, { endMs, startMs }) => sum + endMs - startMs, 0)
  tally.quietMinutes += (result.recording.durationMs - spokenMs) / 60_000
}

/** The value below which a share of all values lie; NaN of none. */
export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
