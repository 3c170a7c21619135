/** A load's summary in, what a person reads about it out. Pure. */
import { table } from "./Columns.ts"
import { type CapacitySummary, type CapacityTrial } from "./LoadFind.ts"
import { type LoadMoment } from "./LoadMeasure.ts"
import { type LoadSummary, type Spread } from "./LoadSummary.ts"
import { quantile } from "./Histogram.ts"
import { failures } from "./LoadTally.ts"

const whole = (ms: number | null | undefined): string => (ms === null || ms === undefined ? "" : `${Math.round(ms)} ms`)

const fine = (ms: number | null): string => (ms === null ? "" : `${ms} ms`)

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`

const row = (name: string, spread: Spread | null): ReadonlyArray<ReadonlyArray<string>> =>
  spread === null
    ? []
    : [[name, String(spread.count), whole(spread.p50), whole(spread.p95), whole(spread.p99), whole(spread.max)]]

const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length === 0 ? [] : [title, ...lines, ""]

/** Writes the summary of a load out. Ends with a line break. */
export const renderLoad = (name: string, summary: LoadSummary): string => {
  const { audio, callers, server, turns } = summary
  const spreads = [
    ...row("voice to voice", summary.voiceToVoice),
    ...row("barge-in, until the agent is silent", summary.bargeIn)
  ]
  const lines = [
    `${summary.calls === 1 ? "1 call" : `${summary.calls} calls`} for ${seconds(summary.durationMs)} to ${name}`,
    "",
    ...section(
      "Calls",
      table([
        ["placed", String(summary.placed)],
        ["answered", String(summary.answered)],
        ["failed", String(summary.failed)],
        ...summary.failures.map(({ count, reason }) => [`  ${reason}`, String(count)]),
        ["turns answered", String(turns.answered)],
        ["turns not answered", String(turns.unanswered)]
      ])
    ),
    ...section("Latency", spreads.length === 0 ? [] : table([["", "turns", "p50", "p95", "p99", "most"], ...spreads])),
    ...section(
      "Agent's audio",
      table([
        ["messages inside of what it says", String(audio.messages)],
        ["late, p99", fine(audio.lateP99)],
        ["ahead of being played, p1", whole(audio.aheadP1)],
        ["underruns", `${audio.underruns}${audio.underruns === 0 ? "" : `, ${audio.underrunMs} ms in all`}`]
      ])
    ),
    ...section(
      "Server",
      server === null
        ? []
        : table([
            ["processor time for a second of call", `${server.cpuMsPerCallSecond} ms`],
            ["cores in use", String(server.cores)],
            ...(server.mebibytesPerCall === null
              ? []
              : [[`memory for a call, ${server.memory}`, `${server.mebibytesPerCall} MiB`]])
          ])
    ),
    ...section(
      "Callers",
      table([
        ["processes", String(callers.processes)],
        ["late, p99", fine(callers.lateP99)],
        ["late, most", fine(callers.lateMax)]
      ])
    ),
    ...section(
      "Notes",
      summary.notes.map((note) => `  ${note}`)
    )
  ]
  return `${lines.slice(0, -1).join("\n")}\n`
}

const trialRow = ({ problems, summary }: CapacityTrial): ReadonlyArray<string> => [
  String(summary.calls),
  whole(summary.voiceToVoice?.p50),
  whole(summary.voiceToVoice?.p99),
  fine(summary.audio.lateP99),
  summary.server === null ? "" : `${summary.server.cpuMsPerCallSecond} ms`,
  summary.server === null ? "" : String(summary.server.cores),
  fine(summary.callers.lateP99),
  problems.length === 0 ? "held" : "too many"
]

/** Writes out what a search for the capacity has found. Ends with a line break. */
export const renderCapacity = (name: string, { capacity, limit, notes, trials }: CapacitySummary): string => {
  const lines = [
    `${capacity === 1 ? "1 call" : `${capacity} calls`} at a time are held by ${name}`,
    `A single call's voice to voice is ${Math.round(limit.singleMs)} ms, p99 of ${limit.singleTurns} turns; the limit is ${limit.aboveSingleMs} ms above that.`,
    "",
    ...section(
      "Tried",
      table([
        ["calls", "p50", "p99", "audio late", "cpu/s of call", "cores", "callers late", ""],
        ...trials.map(trialRow)
      ])
    ),
    ...section(
      "Notes",
      notes.map((note) => `  ${note}`)
    )
  ]
  return `${lines.slice(0, -1).join("\n")}\n`
}

/** How a load is going, in a line. */
export const renderMoment = ({ atMs, shape, tally }: LoadMoment): string => {
  const failed = failures(tally)
  const p50 = quantile(tally.voiceToVoice, 0.5)
  const p99 = quantile(tally.voiceToVoice, 0.99)
  return [
    `${Math.round(atMs / 1000)} s`.padStart(7),
    `${tally.live} of ${shape.calls} calls${failed === 0 ? "" : `, ${failed} failed`}`,
    `${tally.turns} turns`,
    ...(p50 === undefined ? [] : [`voice to voice p50 ${whole(p50)}, p99 ${whole(p99)}`])
  ].join("  ")
}
