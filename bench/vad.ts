/** Measures voice activity: what a score costs in shared runs and in runs of its own, what it waits under live load, and what loading costs. `node bench/vad.ts` */
import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import * as ort from "onnxruntime-node"
import { WINDOW_MS, WINDOW_SAMPLES } from "../src/schema/Audio.ts"
import { denseModel } from "../src/layers/SileroDense.ts"
import { denseMemory, emptyRow, type RowMemory, wholeMemory } from "../src/layers/SileroMemory.ts"
import { loadSileroModel, shippedModel, type SileroModel } from "../src/layers/SileroModel.ts"
import { makeBatcher, makeScorer } from "../src/layers/SileroVoiceActivity.ts"

const CALLERS = [1, 16, 64, 200]
const ROUND_SECONDS = 1.5

/** The same scheduler without sharing: every row gets a run of its own. */
const oneByOne =
  (model: SileroModel): SileroModel["run"] =>
  (rows) =>
    Effect.forEach(rows, (row) => model.run([row]), { discard: true })

const windowOf = (caller: number): Int16Array =>
  Int16Array.from({ length: WINDOW_SAMPLES }, (_, i) => 6000 * Math.sin(i * 0.05 * (1 + (caller % 7))))

const percentile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN

/** Microseconds per score when every caller asks again as soon as it was answered. */
const saturated = Effect.fnUntraced(function* (run: SileroModel["run"], callers: number) {
  const batcher = yield* makeBatcher(run)
  const until = performance.now() + 1000 * ROUND_SECONDS
  let scores = 0
  const caller = Effect.fnUntraced(function* (index: number) {
    const scorer = makeScorer(batcher)
    const window = windowOf(index)
    while (performance.now() < until) {
      yield* scorer.score(window)
      scores++
    }
  })
  const begun = performance.now()
  yield* Effect.forEach(
    Array.from({ length: callers }, (_, i) => i),
    caller,
    { concurrency: "unbounded" }
  )
  return (1000 * (performance.now() - begun)) / scores
})

/** Every caller sends one window every 32 ms, each at its own moment: waiting times in ms, and the share of a core used. */
const live = Effect.fnUntraced(function* (run: SileroModel["run"], callers: number) {
  const batcher = yield* makeBatcher(run)
  const windows = Math.round((1000 * ROUND_SECONDS) / WINDOW_MS)
  const waits: Array<number> = []
  const caller = Effect.fnUntraced(function* (index: number) {
    const scorer = makeScorer(batcher)
    const window = windowOf(index)
    const first = performance.now() + (WINDOW_MS * index) / callers
    for (let k = 0; k < windows; k++) {
      yield* Effect.sleep(Math.max(0, first + k * WINDOW_MS - performance.now()))
      const asked = performance.now()
      yield* scorer.score(window)
      waits.push(performance.now() - asked)
    }
  })
  const cpu = process.cpuUsage()
  const begun = performance.now()
  yield* Effect.forEach(
    Array.from({ length: callers }, (_, i) => i),
    caller,
    { concurrency: "unbounded" }
  )
  const used = process.cpuUsage(cpu)
  waits.sort((a, b) => a - b)
  return {
    p50: percentile(waits, 0.5),
    p99: percentile(waits, 0.99),
    core: (used.user + used.system) / 1000 / (performance.now() - begun)
  }
})

/** Batch sizes that the two forms of the model are compared at. */
const BATCHES = [1, 4, 8, 16, 32, 64]

/** Microseconds a row in runs of so many, in the model's own graph and in the one made from it: the middle of 7 rounds. */
const perRow = async (session: ort.InferenceSession, memory: RowMemory, size: number): Promise<number> => {
  memory.gather(Array.from({ length: size }, emptyRow))
  const { feeds, fetches } = memory.tensors(size)
  const runs = Math.max(5, Math.round(1000 / size))
  const round = async () => {
    const begun = performance.now()
    for (let n = 0; n < runs; n++) await session.run(feeds, fetches)
    return (1000 * (performance.now() - begun)) / runs / size
  }
  await round()
  const rounds: Array<number> = []
  for (let n = 0; n < 7; n++) rounds.push(await round())
  return percentile(
    rounds.toSorted((a, b) => a - b),
    0.5
  )
}

/** How long nothing is run before a run that is late, in milliseconds: as long as under live load. */
const PAUSE_MS = 5

/** Microseconds a row when a run comes after a pause, in which the processor's caches serve others. */
const perRowAfterPause = async (session: ort.InferenceSession, memory: RowMemory, size: number): Promise<number> => {
  memory.gather(Array.from({ length: size }, emptyRow))
  const { feeds, fetches } = memory.tensors(size)
  const times: Array<number> = []
  for (let n = 0; n < 60; n++) {
    // Spent in a loop, so that neither a timer nor a core that has to wake up is part of what is seen.
    const until = performance.now() + PAUSE_MS
    while (performance.now() < until);
    const begun = performance.now()
    await session.run(feeds, fetches)
    times.push((1000 * (performance.now() - begun)) / size)
  }
  return percentile(
    times.toSorted((a, b) => a - b),
    0.5
  )
}

const compareForms = async (): Promise<void> => {
  const bytes = await readFile(shippedModel.path)
  const anew = denseModel(bytes)
  if (anew === undefined) throw new Error("the model cannot be written anew")
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 } as const
  const sessions = [
    await ort.InferenceSession.create(bytes, options),
    await ort.InferenceSession.create(anew, options)
  ] as const
  const memories = [wholeMemory(ort), denseMemory(ort)] as const
  console.log(
    "\nthe model alone, µs per window\nrows in a run   its own graph   written anew   ratio   anew, after a pause of 5 ms   ratio"
  )
  for (const size of BATCHES) {
    const own = await perRow(sessions[0], memories[0], size)
    const dense = await perRow(sessions[1], memories[1], size)
    const cells = [String(size).padStart(13), own.toFixed(1).padStart(15), dense.toFixed(1).padStart(14)]
    const late = await perRowAfterPause(sessions[1], memories[1], size)
    const ratios = [(dense / own).toFixed(2).padStart(7), late.toFixed(1).padStart(27)]
    console.log(...cells, ...ratios, (late / dense).toFixed(2).padStart(7))
  }
  await Promise.all(sessions.map((session) => session.release()))
}

/** The scheduler alone: a model that answers on the next turn of the event loop, without work. */
const noModel: SileroModel["run"] = () => Effect.callback((resume) => void setImmediate(() => resume(Effect.void)))

const main = Effect.gen(function* () {
  const begun = performance.now()
  const model = yield* loadSileroModel(shippedModel)
  console.log(`load, check and first run: ${(performance.now() - begun).toFixed(0)} ms`)
  yield* Effect.promise(compareForms)
  yield* Effect.scoped(saturated(model.run, 64))

  console.log("\nback to back, µs per score")
  console.log("callers   shared   alone   ratio   scheduler only")
  for (const callers of CALLERS) {
    const shared = yield* Effect.scoped(saturated(model.run, callers))
    const alone = yield* Effect.scoped(saturated(oneByOne(model), callers))
    const scheduler = yield* Effect.scoped(saturated(noModel, callers))
    const cells = [String(callers).padStart(7), shared.toFixed(1).padStart(8), alone.toFixed(1).padStart(7)]
    console.log(...cells, `${(alone / shared).toFixed(2)}x`.padStart(7), scheduler.toFixed(1).padStart(16))
  }

  console.log("\nlive, one window per caller every 32 ms")
  console.log("callers   shared p50   p99 ms   core   |   alone p50   p99 ms   core   |   ratio of core")
  for (const callers of CALLERS) {
    const shared = yield* Effect.scoped(live(model.run, callers))
    const alone = yield* Effect.scoped(live(oneByOne(model), callers))
    const cells = [shared, alone].map(
      ({ p50, p99, core }) =>
        `${p50.toFixed(2).padStart(9)} ${p99.toFixed(2).padStart(8)} ${core.toFixed(2).padStart(6)}`
    )
    const ratio = (shared.core / alone.core).toFixed(2).padStart(13)
    console.log(`${String(callers).padStart(7)} ${cells.join("   |")}   |${ratio}`)
  }
})

await Effect.runPromise(Effect.scoped(main))
