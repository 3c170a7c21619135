/**
 * Measures turn-taking on a corpus of calls in virtual time, for a fixed rule and for ours.
 *
 * `npm run bench:turns -- [--quick] [--fixtures] [--seed 1]` prints what callers went through; `--sweep` measures a range
 * of settings of both instead and writes `docs/images/tuning.csv` and `.svg`. `--fixtures` uses the project's own recordings
 * even where others are installed.
 */
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { type CallCounts, holdCalls, type Outcome, planCalls, voiceModel } from "./turns/Agents.ts"
import { type Condition } from "./turns/Corpus.ts"
import { type Agent } from "./turns/HoldCall.ts"
import { emptyTally, merged } from "./turns/Measure.ts"
import { plot } from "./turns/Plot.ts"
import { loadRecordings } from "./turns/Recordings.ts"
import { times } from "./turns/StandIn.ts"
import { csvOf, sweep } from "./turns/Sweep.ts"
import { ratio, table, tableOf } from "./turns/Table.ts"

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    fixtures: { type: "boolean", default: false },
    sweep: { type: "boolean", default: false },
    seed: { type: "string", default: "1" }
  }
})
const seed = Number(flags.seed)
const shared = (count: number): number => (flags.quick ? Math.ceil(count / 4) : count)

const calls: CallCounts = [
  ["quiet", shared(14)],
  ["pink 10 dB", shared(4)],
  ["pink 5 dB", shared(4)],
  ["babble 10 dB", shared(6)],
  ["babble 5 dB", shared(6)],
  ["echo", shared(8)]
]

const agents: ReadonlyArray<readonly [string, Agent]> = [
  ["fixed rule", { _tag: "Tutorial" }],
  ["ours, no guesses", { _tag: "Ours", turns: { speculationsPerTurn: 0 } }],
  ["ours", { _tag: "Ours" }]
]

const recordings = loadRecordings(flags.fixtures ? "fixtures" : "installed")
const file = (name: string): string => fileURLToPath(new URL(`../docs/images/${name}`, import.meta.url))

const seconds = (sinceMs: number): string => `${((performance.now() - sinceMs) / 1000).toFixed(0)} s`

const babble = ({ by }: Outcome) =>
  merged((["babble 10 dB", "babble 5 dB"] as const).map((condition) => by.get(condition) ?? emptyTally()))

const compare = Effect.gen(function* () {
  const vad = yield* voiceModel
  const plans = planCalls(recordings, calls, seed)
  const outcomes: Array<readonly [string, Outcome]> = []
  for (const [name, agent] of agents) {
    const begun = performance.now()
    const outcome = yield* holdCalls(plans, agent, recordings, vad)
    outcomes.push([name, outcome])
    console.log(`${name}: ${plans.length} calls, ${outcome.callMinutes.toFixed(0)} min, in ${seconds(begun)}`)
  }
  const tallies = outcomes.map(([name, { all }]) => [name, all] as const)
  console.log(`\n${table("all calls", tallies)}`)
  console.log(
    `\n${table(
      "calls over babble",
      outcomes.map(([name, outcome]) => [name, babble(outcome)] as const)
    )}`
  )
  const conditions: ReadonlyArray<Condition> = calls.map(([condition]) => condition)
  for (const condition of conditions) console.log(`\n${tableOf(condition, outcomes)}`)
  const [fixed, , ours] = tallies
  if (fixed !== undefined && ours !== undefined) console.log(`\n${ratio(ours[1], fixed[1])}`)
})

const range = Effect.gen(function* () {
  const begun = performance.now()
  const points = yield* sweep(recordings, yield* voiceModel, seed, shared(16))
  console.log(csvOf(points))
  writeFileSync(file("tuning.csv"), csvOf(points))
  writeFileSync(file("tuning.svg"), plot(points))
  console.log(`${points.length} settings in ${seconds(begun)}; written to docs/images/tuning.csv and tuning.svg`)
})

console.log(
  `speech: ${recordings.source}; recognition ${times.final} ms (interim words ${times.interim} ms), ` +
    `first token ${times.firstToken} ms, ${times.token} ms a token, first audio ${times.firstByte} ms\n`
)
await Effect.runPromise(Effect.scoped(flags.sweep ? range : compare))
