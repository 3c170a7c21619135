/** Outcomes in, a table for a person out. Pure. */
import { type Condition } from "./Corpus.ts"
import { type Outcome } from "./Agents.ts"
import { emptyTally, percentile, type Tally } from "./Measure.ts"

const share = (part: number, whole: number): string =>
  whole === 0 ? "–" : `${((100 * part) / whole).toFixed(1)} % (${part}/${whole})`

const ms = (value: number): string => (Number.isNaN(value) ? "–" : `${Math.round(value)} ms`)

/** What is looked at, by its name. */
const measures: ReadonlyArray<readonly [string, (tally: Tally) => string]> = [
  ["voice-to-voice, median", (t) => ms(percentile(t.latencies, 0.5))],
  ["voice-to-voice, p95", (t) => ms(percentile(t.latencies, 0.95))],
  ["turns cut off", (t) => share(t.cutOff, t.turns)],
  ["turns never answered", (t) => share(t.unanswered, t.turns)],
  ["replies stopped for nothing", (t) => share(t.stopped, t.replies)],
  ["backchannels, coughs that stop it", (t) => share(t.murmursStopped, t.murmurs)],
  ["barge-ins missed", (t) => share(t.missed, t.bargeIns)],
  ["barge-in reaction, median", (t) => ms(percentile(t.reactions, 0.5))],
  ["barge-in reaction, p95", (t) => ms(percentile(t.reactions, 0.95))],
  ["replies to nothing", (t) => `${t.phantoms} in ${t.quietMinutes.toFixed(0)} min`]
]

const NAME = 36
const CELL = 20

const line = (name: string, cells: ReadonlyArray<string>): string =>
  (name.padEnd(NAME) + cells.map((cell) => cell.padStart(CELL)).join("")).trimEnd()

/** One column for each agent, one row for each measure. */
export const table = (title: string, agents: ReadonlyArray<readonly [string, Tally]>): string =>
  [
    line(
      title,
      agents.map(([name]) => name)
    ),
    ...measures.map(([name, of]) =>
      line(
        name,
        agents.map(([, tally]) => of(tally))
      )
    )
  ].join("\n")

/** The same for one kind of line. */
export const tableOf = (condition: Condition, agents: ReadonlyArray<readonly [string, Outcome]>): string =>
  table(
    condition,
    agents.map(([name, { by }]) => [name, by.get(condition) ?? emptyTally()] as const)
  )

/** How the median latency of one agent compares with that of another. */
export const ratio = (ours: Tally, theirs: Tally): string => {
  const [our, their] = [percentile(ours.latencies, 0.5), percentile(theirs.latencies, 0.5)]
  return `voice-to-voice, ours / fixed rule: ${(our / their).toFixed(3)} (${Math.round(our)} ms / ${Math.round(their)} ms)`
}
