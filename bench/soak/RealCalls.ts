/** Calls on real sockets, many at a time: the whole program in this process, as `main.ts` runs it, with what is left of it after each wave. The callers have a process of their own. */
import { Effect, Metric, Queue } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { signedEnv } from "../../test/support/httpServer.ts"
import { startProgram } from "../../test/support/program.ts"
import {
  type Alive,
  heapBytes,
  type HeapSample,
  judgeHeap,
  type Leftovers,
  makeLeftovers,
  megabytes,
  printRow,
  settle
} from "./Leftovers.ts"
import { type FromCallers, type HeldCall, type Wave } from "./Waves.ts"

/** Bytes a call may seem to have added once nothing is kept for the next one any more: what is remembered of it on purpose (a used token, a number in a metric), and noise. */
const FLAT_BYTES = 2000

/** How long connections are kept on purpose for the next call, and a little more, in seconds. */
const KEPT_S = 70

/** The callers' process, until the scope closes. */
const startCallers = Effect.gen(function* () {
  const told = yield* Queue.unbounded<FromCallers>()
  const child: ChildProcess = yield* Effect.acquireRelease(
    Effect.sync(() => fork(fileURLToPath(new URL("./callers.ts", import.meta.url)))),
    (child) =>
      Effect.callback<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
  child.on("message", (message: FromCallers) => void Queue.offerUnsafe(told, message))
  const next = Queue.take(told)
  const ready = yield* next
  return {
    origin: ready._tag === "Ready" ? ready.origin : "",
    hold: (wave: Wave) =>
      Effect.andThen(
        Effect.sync(() => void child.send(wave)),
        Effect.map(next, (message): ReadonlyArray<HeldCall> => (message._tag === "Held" ? message.calls : []))
      )
  }
})

/** What the program is told: the callers' emulators are its provider. */
const envFor = (origin: string): Readonly<Record<string, string>> => ({
  ...signedEnv,
  TOGETHER_API_KEY: "soak",
  TOGETHER_BASE_URL: new URL("/v1", origin).href,
  LOG_LEVEL: "error",
  LOG_FORMAT: "json"
})

const tally = (calls: ReadonlyArray<HeldCall>): string => {
  const counts = new Map<string, number>()
  for (const { end } of calls) counts.set(end, (counts.get(end) ?? 0) + 1)
  return [...counts].map(([end, count]) => `${end} ${count}`).join(", ")
}

const compare = (what: string, alive: Alive, expected: Alive): ReadonlyArray<string> =>
  (["fibers", "sockets", "timers"] as const).flatMap((kind) =>
    alive[kind] > expected[kind] ? [`${what}: ${alive[kind]} ${kind}, and ${expected[kind]} were there before`] : []
  )

const soak = (waves: number, atATime: number, leftovers: Leftovers, problems: Array<string>) =>
  Effect.gen(function* () {
    const callers = yield* startCallers
    const { host, registry } = yield* startProgram(envFor(callers.origin))

    const idleAtFirst = leftovers.alive()
    // What is loaded, opened and compiled for the first call is not left over from it.
    yield* callers.hold({ host, first: 1_000_000, count: 7 })
    const idle = yield* settle(leftovers, { ...idleAtFirst, sockets: 0 }, KEPT_S)
    const bytesBefore = heapBytes()
    printRow(["no calls", megabytes(bytesBefore), idle.fibers, idle.sockets, idle.timers])

    const all: Array<HeldCall> = []
    for (let wave = 0; wave < waves; wave++) {
      const calls = yield* callers.hold({ host, first: wave * atATime, count: atATime })
      all.push(...calls)
      const alive = yield* settle(leftovers, idle, 1)
      printRow([`${all.length} calls`, megabytes(heapBytes()), alive.fibers, alive.sockets, alive.timers])
    }
    const alive = yield* settle(leftovers, idle, KEPT_S)
    const bytesAfter = heapBytes()
    printRow(["a while later", megabytes(bytesAfter), alive.fibers, alive.sockets, alive.timers])
    problems.push(...compare(`after ${all.length} calls`, alive, idle))
    const live = yield* registry.count
    if (live > 0) problems.push(`${live} calls are still counted`)
    const unheard = all.filter(({ audible }) => !audible).length
    // One script in seven is lost before the greeting.
    if (unheard > Math.ceil(all.length / 7) + 1) problems.push(`the agent was not heard in ${unheard} calls`)
    console.log(`ends: ${tally(all)}; the agent was heard in ${all.length - unheard}`)
    const samples: ReadonlyArray<HeapSample> = [
      [0, bytesBefore],
      [all.length, bytesAfter]
    ]
    problems.push(...judgeHeap(samples, FLAT_BYTES))
  }).pipe(Effect.scoped)

/** Holds so many waves of so many calls each; gives what is wrong. */
export const holdRealCalls = async (waves: number, atATime: number): Promise<ReadonlyArray<string>> => {
  const problems: Array<string> = []
  const leftovers = makeLeftovers()
  const none: Alive = { ...leftovers.alive(), fibers: 0 }
  const began = performance.now()
  // No `.env` file of somebody's who tries this out.
  process.chdir(tmpdir())

  console.log(`${waves * atATime} calls on real sockets, ${atATime} at a time`)
  printRow(["after", "heap MB", "fibers", "sockets", "timers"])
  await Effect.runPromise(
    Effect.provideService(soak(waves, atATime, leftovers, problems), Metric.FiberRuntimeMetrics, leftovers.service)
  )
  const alive = await Effect.runPromise(settle(leftovers, none, 5))
  printRow(["the server's end", megabytes(heapBytes()), alive.fibers, alive.sockets, alive.timers])
  problems.push(...compare("after the server's end", alive, none))
  console.log(`in ${((performance.now() - began) / 1000).toFixed(0)} s\n`)
  return problems
}
