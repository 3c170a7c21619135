/** Measures turn-taking on a corpus of calls in virtual time, for a fixed rule and for ours. `node bench/turns.ts [--quick] [--seed 1]` */
import { Context, Effect, Layer } from "effect"
import * as SileroVoiceActivity from "../src/layers/SileroVoiceActivity.ts"
import { VoiceActivity } from "../src/services/VoiceActivity.ts"
import { type Condition, planCall, type PlannedCall } from "./turns/Corpus.ts"
import { type Agent, holdCall } from "./turns/HoldCall.ts"
import { emptyTally, measure, percentile, type Tally } from "./turns/Measure.ts"
import { loadRecordings } from "./turns/Recordings.ts"

const quick = process.argv.includes("--quick")
const seed = 1

const calls: ReadonlyArray<readonly [Condition, number]> = [
  ["quiet", 14],
  ["pink 10 dB", 4],
  ["pink 5 dB", 4],
  ["babble 10 dB", 4],
  ["babble 5 dB", 4],
  ["echo", 8]
]

const recordings = loadRecordings()
const corpus: ReadonlyArray<PlannedCall> = calls.flatMap(([condition, count], group) =>
  Array.from({ length: quick ? Math.ceil(count / 4) : count }, (_, n) =>
    planCall(recordings, condition, seed * 1000 + group * 100 + n, { turns: 10 })
  )
)

const percent = (part: number, whole: number): string => (whole === 0 ? "–" : `${((100 * part) / whole).toFixed(1)} %`)
const ms = (value: number): string => (Number.isNaN(value) ? "–" : `${Math.round(value)}`)

const row = (name: string, t: Tally): void =>
  console.log(
    name.padEnd(26),
    `p50 ${ms(percentile(t.latencies, 0.5))} p95 ${ms(percentile(t.latencies, 0.95))}`,
    `| cut ${percent(t.cutOff, t.turns)} (paused ${t.pausedCutOff}/${t.paused}) unans ${t.unanswered}/${t.turns}`,
    `| stopped ${percent(t.stopped, t.replies)} of ${t.replies} murmurs ${t.murmursStopped}/${t.murmurs}`,
    `| missed ${t.missed}/${t.bargeIns} react p50 ${ms(percentile(t.reactions, 0.5))} p95 ${ms(percentile(t.reactions, 0.95))}`,
    `| phantoms ${t.phantoms} in ${t.quietMinutes.toFixed(1)} min`
  )

const main = Effect.gen(function* () {
  const vad = Context.get(yield* Layer.build(SileroVoiceActivity.layerFrom()), VoiceActivity)
  const agents: ReadonlyArray<readonly [string, Agent]> = [
    ["tutorial", { _tag: "Tutorial" }],
    ["ours", { _tag: "Ours" }]
  ]
  for (const [name, agent] of agents) {
    const begun = performance.now()
    const held = yield* Effect.forEach(corpus, (plan) => holdCall(plan, agent, recordings, vad), { concurrency: 12 })
    const all = emptyTally()
    const by = new Map<string, Tally>()
    for (const call of held) {
      const tally = by.get(call.plan.condition) ?? emptyTally()
      by.set(call.plan.condition, tally)
      measure(tally, call)
      measure(all, call)
    }
    const minutes = held.reduce((sum, call) => sum + call.result.recording.durationMs, 0) / 60_000
    row(name, all)
    for (const [condition, tally] of by) row(`  ${condition}`, tally)
    console.log(`  ${minutes.toFixed(0)} min of calls in ${((performance.now() - begun) / 1000).toFixed(0)} s`)
  }
})

await Effect.runPromise(Effect.scoped(main))
