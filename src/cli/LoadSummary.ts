/** A load's measurement in, what there is to say about it out: numbers, what was wrong, whether it can be believed. Pure; the same data is printed and given as JSON. */
import { type Histogram, maximum, quantile } from "./Histogram.ts"
import { type LoadMeasurement } from "./LoadMeasure.ts"
import { failures } from "./LoadTally.ts"

/** How something is spread out, in milliseconds. */
export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** Everything there is to say about a load. Times are milliseconds; null stands for what is not known or did not happen. */
export interface LoadSummary {
  readonly calls: number
  readonly rampMs: number
  readonly durationMs: number
  readonly placed: number
  readonly answered: number
  readonly failed: number
  readonly failures: ReadonlyArray<{ readonly reason: string; readonly count: number }>
  readonly turns: { readonly answered: number; readonly unanswered: number; readonly tooEarly: number }
  readonly voiceToVoice: Spread | null
  readonly bargeIn: Spread | null
  /** The agent's audio, inside of what it says: how late it came, how far ahead of being played, and when there was none. */
  readonly audio: {
    readonly messages: number
    readonly lateP99: number | null
    readonly aheadP1: number | null
    readonly underruns: number
    readonly underrunMs: number
  }
  readonly server: {
    readonly cpuMsPerCallSecond: number
    readonly cores: number
    /** Null if the process has given memory back meanwhile. */
    readonly mebibytesPerCall: number | null
    /** Whether that is memory in use, or all that the process has taken. */
    readonly memory: "in use" | "resident"
  } | null
  /** How late the callers were themselves. */
  readonly callers: {
    readonly processes: number
    readonly frames: number
    readonly lateP99: number
    readonly lateMax: number
  }
  /** What else was not as it should be, a sentence each. */
  readonly notes: ReadonlyArray<string>
  /** Why the load counts as too much, a sentence each. */
  readonly problems: ReadonlyArray<string>
}

/** What a load may do to the calls in it. */
export interface LoadLimit {
  /** How much longer than in a single call an answer may take at the 99th percentile. */
  readonly aboveSingleMs: number
  /** What it takes in a single call: its 99th percentile, and the turns that tell it. */
  readonly singleMs: number
  readonly singleTurns: number
}

/** Audio that comes this much too late at the 99th percentile is too late, in milliseconds: a frame. */
export const LATE_MS = 20

/** Callers that are later than this at the 99th percentile make a server look worse than it is, in milliseconds. */
const OWN_LATE_MS = 10

const tenths = (value: number): number => Math.round(value * 10) / 10

const hundredths = (value: number): number => Math.round(value * 100) / 100

const spreadOf = (histogram: Histogram): Spread | null => {
  const at = (share: number): number => quantile(histogram, share) ?? 0
  if (histogram.count === 0) return null
  return {
    count: histogram.count,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    max: tenths(maximum(histogram) ?? 0)
  }
}

const many = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`

const problemsOf = ({ tally }: LoadMeasurement, limit: LoadLimit | undefined): ReadonlyArray<string> => {
  const failed = failures(tally)
  const problems: Array<string> = []
  if (failed > 0) problems.push(`${many(failed, "call", "calls")} of ${tally.placed} failed.`)
  if (tally.unanswered > 0) problems.push(`${many(tally.unanswered, "turn was", "turns were")} not answered.`)
  if (limit === undefined) return problems
  const p99 = quantile(tally.voiceToVoice, 0.99)
  const most = limit.singleMs + limit.aboveSingleMs
  if (p99 === undefined) problems.push("No turn was answered, so that nothing is known of the limit.")
  else if (p99 > most) {
    problems.push(
      `Voice to voice, p99, was ${Math.round(p99)} ms: the limit is ${Math.round(most)} ms, ${limit.aboveSingleMs} ms above a single call's.`
    )
  }
  const late = quantile(tally.late, 0.99) ?? 0
  if (late > LATE_MS) problems.push(`Audio came ${Math.round(late)} ms too late, p99: the limit is ${LATE_MS} ms.`)
  return problems
}

const notesOf = ({ shape, tally }: LoadMeasurement, warnings: ReadonlyArray<string>): ReadonlyArray<string> => {
  const late = quantile(tally.ownLateness, 0.99) ?? 0
  const expected = shape.calls - failures(tally)
  return [
    ...(late > OWN_LATE_MS
      ? [
          `The callers were late themselves (p99 ${Math.round(late)} ms): this machine is too busy for them, and the server is better than it looks here.`
        ]
      : []),
    ...(tally.early > 0
      ? [
          `${many(tally.early, "turn was", "turns were")} answered before the caller had finished; voice to voice leaves them out.`
        ]
      : []),
    ...(tally.turns === 0 && expected > 0
      ? ["No turn was over within the measured time: make --duration longer."]
      : []),
    ...warnings.map((warning) => `The server warned: ${warning}`)
  ]
}

/** Puts together what there is to say about a load. */
export const summaryOf = (
  measurement: LoadMeasurement,
  {
    limit,
    processes,
    warnings
  }: {
    readonly processes: number
    readonly limit: LoadLimit | undefined
    readonly warnings: ReadonlyArray<string>
  }
): LoadSummary => {
  const { cost, shape, tally } = measurement
  return {
    calls: shape.calls,
    rampMs: shape.rampMs,
    durationMs: shape.holdMs,
    placed: tally.placed,
    answered: tally.answered,
    failed: failures(tally),
    failures: [...tally.failed].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count),
    turns: { answered: tally.turns, unanswered: tally.unanswered, tooEarly: tally.early },
    voiceToVoice: spreadOf(tally.voiceToVoice),
    bargeIn: spreadOf(tally.bargeIn),
    audio: {
      messages: tally.ahead.count,
      lateP99: quantile(tally.late, 0.99) ?? null,
      aheadP1: quantile(tally.ahead, 0.01) ?? null,
      underruns: tally.underruns,
      underrunMs: Math.round(tally.underrunMs)
    },
    server:
      cost === undefined
        ? null
        : {
            cpuMsPerCallSecond: hundredths(cost.cpuMsPerCallSecond),
            cores: hundredths(cost.cores),
            mebibytesPerCall: cost.bytesPerCall < 0 ? null : hundredths(cost.bytesPerCall / 1024 / 1024),
            memory: cost.isHeld ? "in use" : "resident"
          },
    callers: {
      processes,
      frames: tally.frames,
      lateP99: quantile(tally.ownLateness, 0.99) ?? 0,
      lateMax: tenths(maximum(tally.ownLateness) ?? 0)
    },
    notes: notesOf(measurement, warnings),
    problems: problemsOf(measurement, limit)
  }
}
