/** What is alive in this process: fibers, sockets, timers and the heap, as numbers; and the line through a series of them. */
import { Clock, Effect, type Metric } from "effect"
import { makeFiberCount } from "../../src/testing/Simulation.ts"

/** What is there at one moment. */
export interface Alive {
  readonly fibers: number
  readonly sockets: number
  readonly timers: number
}

/** Fibers of everything that is run with its service, and whatever the event loop waits for. */
export interface Leftovers {
  readonly service: Metric.FiberRuntimeMetricsService
  readonly alive: () => Alive
}

/** Counts from now on. */
export const makeLeftovers = (): Leftovers => {
  const fibers = makeFiberCount()
  return {
    service: fibers.service,
    alive: () => {
      const resources = process.getActiveResourcesInfo()
      const count = (kind: string): number => resources.filter((name) => name === kind).length
      return { fibers: fibers.alive(), sockets: count("TCPSocketWrap"), timers: count("Timeout") }
    }
  }
}

/** Looks again and again until no more is there than that, for so long at most; gives what is there then. */
export const settle = Effect.fnUntraced(function* (leftovers: Leftovers, expected: Alive, seconds: number) {
  const untilMs = (yield* Clock.currentTimeMillis) + seconds * 1000
  for (;;) {
    const alive = leftovers.alive()
    const settled =
      alive.fibers <= expected.fibers && alive.sockets <= expected.sockets && alive.timers <= expected.timers
    if (settled || (yield* Clock.currentTimeMillis) >= untilMs) return alive
    yield* Effect.sleep(100)
  }
})

/** The heap in use after collecting what nobody needs, in bytes. */
export const heapBytes = (): number => {
  if (globalThis.gc === undefined) throw new Error("run this with --expose-gc")
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

/** Calls held so far, and the heap after them. */
export type HeapSample = readonly [calls: number, bytes: number]

/** Samples that make a line. */
const FEWEST = 2

/** Bytes that each call adds, by the straight line that fits the samples best; undefined if they are too few to tell. */
const bytesPerCall = (samples: ReadonlyArray<HeapSample>): number | undefined => {
  if (samples.length < FEWEST) return undefined
  const mean = (of: (sample: HeapSample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length
  const calls = mean(([x]) => x)
  const bytes = mean(([, y]) => y)
  const spread = mean(([x]) => (x - calls) ** 2)
  return spread === 0 ? 0 : mean(([x, y]) => (x - calls) * (y - bytes)) / spread
}

/** Says how the heap grows; gives what is wrong with that. */
export const judgeHeap = (samples: ReadonlyArray<HeapSample>, limit: number): ReadonlyArray<string> => {
  const slope = bytesPerCall(samples)
  if (slope === undefined) {
    console.log("too few calls to tell whether the heap grows")
    return []
  }
  const told = `the heap grows by ${slope.toFixed(0)} bytes a call (limit ${limit})`
  console.log(told)
  return slope > limit ? [told] : []
}

/** Writes a row of a table with right-aligned columns. */
export const printRow = (cells: ReadonlyArray<string | number>): void =>
  console.log(
    cells.map((cell, column) => (column === 0 ? String(cell).padEnd(26) : String(cell).padStart(12))).join("")
  )

/** Megabytes, to the tenth. */
export const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
