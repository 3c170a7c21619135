/** What the callers of a load have seen, as numbers: counted by each process, added up by the command. Data, and adding it up. */
import { addTo, type Histogram, makeHistogram } from "./Histogram.ts"

/** Counts and measurements; mutable. Times are milliseconds. Turns, audio and lateness are those after the ramp. */
export interface LoadTally {
  /** Calls that were begun, and those on the line now. */
  placed: number
  live: number
  /** Calls in which the agent was heard. */
  answered: number
  /** Calls that were not placed, or did not go on to their planned end, by reason. */
  readonly failed: Map<string, number>
  /** Turns that were answered, not answered in time, and answered before they were over. */
  turns: number
  unanswered: number
  early: number
  /** From the end of the caller's speech to the agent's first audible sample. */
  readonly voiceToVoice: Histogram
  /** Turns that interrupted the agent: from the start of the caller's speech to the agent's last audible sample. */
  readonly bargeIn: Histogram
  /** Audio messages of the server inside of what it was saying: how much audio was still to be played, and how late they were. */
  readonly ahead: Histogram
  readonly late: Histogram
  /** Stretches without audio inside of what the agent was saying. */
  underruns: number
  underrunMs: number
  /** Frames the callers have sent, and how late they were with them. */
  frames: number
  readonly ownLateness: Histogram
}

/** Nothing has happened. */
export const makeTally = (): LoadTally => ({
  placed: 0,
  live: 0,
  answered: 0,
  failed: new Map(),
  turns: 0,
  unanswered: 0,
  early: 0,
  voiceToVoice: makeHistogram(),
  bargeIn: makeHistogram(),
  ahead: makeHistogram(),
  late: makeHistogram(),
  underruns: 0,
  underrunMs: 0,
  frames: 0,
  ownLateness: makeHistogram()
})

/** Counts a call that failed. */
export const countFailure = ({ failed }: LoadTally, reason: string, count = 1): void => {
  failed.set(reason, (failed.get(reason) ?? 0) + count)
}

/** The sum of what several processes have seen. */
export const sumOf = (tallies: ReadonlyArray<LoadTally>): LoadTally => {
  const sum = makeTally()
  for (const tally of tallies) {
    sum.placed += tally.placed
    sum.live += tally.live
    sum.answered += tally.answered
    for (const [reason, count] of tally.failed) countFailure(sum, reason, count)
    sum.turns += tally.turns
    sum.unanswered += tally.unanswered
    sum.early += tally.early
    addTo(sum.voiceToVoice, tally.voiceToVoice)
    addTo(sum.bargeIn, tally.bargeIn)
    addTo(sum.ahead, tally.ahead)
    addTo(sum.late, tally.late)
    sum.underruns += tally.underruns
    sum.underrunMs += tally.underrunMs
    sum.frames += tally.frames
    addTo(sum.ownLateness, tally.ownLateness)
  }
  return sum
}

/** Calls that failed. */
export const failures = ({ failed }: LoadTally): number => [...failed.values()].reduce((sum, count) => sum + count, 0)
