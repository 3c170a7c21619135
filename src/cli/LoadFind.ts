/** Looks for the number of calls a server holds within a limit: what was tried so far in, what to try next out. Pure. */
import { type LoadLimit, type LoadSummary } from "./LoadSummary.ts"

/** A number of calls that was tried. */
export interface CapacityTrial {
  readonly summary: LoadSummary
  /** Why it was too much; empty: it was held. */
  readonly problems: ReadonlyArray<string>
}

/** What was found. */
export interface CapacitySummary {
  /** The most calls that were held, 0 if none were. */
  readonly capacity: number
  readonly limit: LoadLimit
  readonly trials: ReadonlyArray<CapacityTrial>
  readonly notes: ReadonlyArray<string>
}

/** Between which numbers the capacity is looked for. */
export interface CapacityRange {
  readonly first: number
  readonly most: number
}

/** The search ends when it knows the capacity to this share of it. */
const PRECISION = 0.05

/** Longest search, in trials. */
const MOST_TRIALS = 16

const isHeld = ({ problems }: CapacityTrial): boolean => problems.length === 0

/** The most calls that were held below the least that were not; 0 if there are none. */
export const capacityOf = (trials: ReadonlyArray<CapacityTrial>): number => {
  const least = Math.min(...trials.filter((trial) => !isHeld(trial)).map(({ summary }) => summary.calls))
  return Math.max(0, ...trials.filter(isHeld).flatMap(({ summary }) => (summary.calls < least ? [summary.calls] : [])))
}

/** How many calls to try next: twice as many while they are held, then half way between; undefined when it is known well enough. */
export const nextTrial = (trials: ReadonlyArray<CapacityTrial>, { first, most }: CapacityRange): number | undefined => {
  if (trials.length === 0) return Math.min(first, most)
  if (trials.length >= MOST_TRIALS) return undefined
  const held = capacityOf(trials)
  const tooMany = Math.min(...trials.filter((trial) => !isHeld(trial)).map(({ summary }) => summary.calls))
  if (tooMany === Infinity) return held >= most ? undefined : Math.min(held * 2, most)
  const gap = tooMany - held
  return gap <= Math.max(1, Math.round(held * PRECISION)) ? undefined : held + Math.ceil(gap / 2)
}
