/** Measures how many seconds of a whole call one second of a core simulates: caller, line, call and scripted services. `node bench/simulation.ts` */
import { Effect } from "effect"
import { type CallerScript, hangUp, interrupt, listen, pause, say } from "../src/testing/CallerScript.ts"
import { checkCall } from "../src/testing/Invariants.ts"
import { randomCall } from "../src/testing/RandomScripts.ts"
import { simulate, type SimulationOptions } from "../src/testing/Simulation.ts"
import { spoken } from "../src/testing/WordSound.ts"

const ROUNDS = 5

const answer = "We have a table at seven, or one by the window at half past eight. Which one would you like?"

const languageModel = { replies: () => answer }

/** Two minutes of a conversation in which both sides speak about half of the time. */
const conversation: CallerScript = [
  listen(),
  Array.from({ length: 10 }, () => [
    say(spoken("I would like to book a table for two tomorrow evening.")),
    listen(),
    pause(500)
  ]),
  hangUp
]

const interruptions: CallerScript = [
  listen(),
  say(spoken("What do you have?")),
  Array.from({ length: 20 }, () => interrupt({ afterMs: 1200, say: spoken("Sorry, I meant the day after.") })),
  hangUp
]

const scenarios: ReadonlyArray<readonly [name: string, options: SimulationOptions]> = [
  ["nobody speaks", { script: [pause(120_000), hangUp], turns: { idleMs: 0 }, services: { languageModel } }],
  ["conversation", { script: conversation, services: { languageModel } }],
  [
    "conversation, voice at 8 kHz",
    { script: conversation, services: { languageModel, textToSpeech: { sampleRate: 8000 } } }
  ],
  ["with interim words", { script: conversation, services: { languageModel, speechToText: { interimEveryMs: 250 } } }],
  ["one interruption after another", { script: interruptions, services: { languageModel } }]
]

/** Seconds of call, of wall time and of processor time that some calls take. */
const measure = (calls: Effect.Effect<ReadonlyArray<number>>) =>
  Effect.gen(function* () {
    const cpu = process.cpuUsage()
    const begun = performance.now()
    const durations = yield* calls
    const wallMs = performance.now() - begun
    const { system, user } = process.cpuUsage(cpu)
    return { callMs: durations.reduce((sum, ms) => sum + ms, 0), wallMs, cpuMs: (user + system) / 1000 }
  })

const row = (name: string, cells: ReadonlyArray<string>): void =>
  console.log(name.padEnd(34) + cells.map((cell) => cell.padStart(12)).join(""))

const report = (name: string, rounds: ReadonlyArray<{ callMs: number; wallMs: number; cpuMs: number }>): void => {
  const best = (of: (round: (typeof rounds)[number]) => number) => Math.max(...rounds.map(of))
  const seconds = (rounds[0]?.callMs ?? 0) / 1000
  const wall = best(({ callMs, wallMs }) => callMs / wallMs)
  const cpu = best(({ callMs, cpuMs }) => callMs / cpuMs)
  row(name, [seconds.toFixed(0), wall.toFixed(0), cpu.toFixed(0)])
}

const main = Effect.gen(function* () {
  console.log(`Node ${process.version}, ${process.arch}; best of ${ROUNDS} rounds`)
  row("call", ["seconds", "x real time", "x core time"])
  for (const [name, options] of scenarios) {
    const call = Effect.map(simulate(options), ({ call }) => [call.recording.durationMs])
    yield* call
    report(name, yield* Effect.replicateEffect(measure(call), ROUNDS))
  }
  const random = Effect.forEach(
    Array.from({ length: 100 }, (_, n) => randomCall(n + 1).options),
    (options) =>
      Effect.map(simulate(options), (report) => {
        checkCall(report)
        return report.call.recording.durationMs
      })
  )
  report("100 made-up calls, checked", yield* Effect.replicateEffect(measure(random), ROUNDS))
})

await Effect.runPromise(main)
