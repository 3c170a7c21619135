/** So many calls placed on a server at once: how many and for how long in, what came of it out. Owns the processes that call, not what they do. */
import { Clock, Effect, Fiber, Option, Queue, type Scope } from "effect"
import { CallError } from "./CallError.ts"
import { type LoadManners } from "./LoadCaller.ts"
import { type LoadPlan } from "./LoadCallers.ts"
import { type CallerNews } from "./LoadNews.ts"
import { moduleUrl, startProcess } from "./LoadProcess.ts"
import { type LoadServer } from "./LoadServer.ts"
import { countFailure, type LoadTally, makeTally, sumOf } from "./LoadTally.ts"
import { type Usage } from "./LoadUsage.ts"

/** What is placed on the server. Times are milliseconds. */
export interface LoadShape {
  readonly calls: number
  /** From the first call to the last. */
  readonly rampMs: number
  /** From the last call to the end of what is measured. */
  readonly holdMs: number
}

/** Who calls, and how. */
export interface LoadCallersSettings {
  readonly manners: LoadManners
  readonly from: string | undefined
  readonly to: string | undefined
  /** Processes that the calls are spread over. */
  readonly processes: number
}

/** What the server has used for it. */
export interface LoadCost {
  /** Processor time for a second of one call, in milliseconds; and how many cores were busy with all of them. */
  readonly cpuMsPerCallSecond: number
  readonly cores: number
  /** Memory that came with the calls, for each; what is really in use where that is known. */
  readonly bytesPerCall: number
  readonly isHeld: boolean
}

/** What came of a load. */
export interface LoadMeasurement {
  readonly shape: LoadShape
  readonly tally: LoadTally
  readonly cost: LoadCost | undefined
}

/** How it is going. */
export interface LoadMoment {
  readonly atMs: number
  readonly shape: LoadShape
  readonly tally: LoadTally
}

/** Answers to what was asked before the end may still come for so long. */
const LINGER_MS = 3000

/** Time to look at the memory of a server before the calls are gone. */
const LOOK_MS = 1000

/** Processes that take longer than this to say that they are done are not waited for. */
const DONE_WITHIN_MS = 20_000

/** When each call is placed and by which process, for an even ramp. */
export const spread = (
  { calls, rampMs }: Pick<LoadShape, "calls" | "rampMs">,
  processes: number
): ReadonlyArray<LoadPlan["calls"]> => {
  const all = Array.from({ length: calls }, (_, number) => ({
    number,
    atMs: calls < 2 ? 0 : (number * rampMs) / calls
  }))
  return Array.from({ length: Math.min(processes, calls) }, (_, process) =>
    all.filter(({ number }) => number % processes === process)
  )
}

/** What it cost, from what was used before the first call, during the measurement, and while all calls were still there. */
export const costOf = (
  [before, from, until, last]: readonly [Usage, Usage, Usage, Usage],
  calls: number,
  elapsedMs: number
): LoadCost | undefined => {
  if (calls === 0 || elapsedMs === 0) return undefined
  const cpuMs = until.cpuMs - from.cpuMs
  const held =
    before.heldBytes === undefined || last.heldBytes === undefined ? undefined : last.heldBytes - before.heldBytes
  return {
    cpuMsPerCallSecond: (cpuMs * 1000) / (calls * elapsedMs),
    cores: cpuMs / elapsedMs,
    bytesPerCall: (held ?? last.rssBytes - before.rssBytes) / calls,
    isHeld: held !== undefined
  }
}

/** A process that is ready to call. */
const startCaller = Effect.gen(function* () {
  const process = yield* startProcess<CallerNews>(moduleUrl("./LoadCallerProcess"))
  yield* Queue.take(process.messages)
  return process
}).pipe(Effect.catchTag("Done", () => new CallError({ message: "A process that calls could not be started" })))

/** Places the calls and waits for their end; `tell` is told every second. */
export const measureLoad = Effect.fn("LoadMeasure.measureLoad")(function* (
  server: LoadServer,
  settings: LoadCallersSettings,
  shape: LoadShape,
  tell: (moment: LoadMoment) => Effect.Effect<void>
): Effect.fn.Return<LoadMeasurement, CallError, Scope.Scope> {
  const { holdMs, rampMs } = shape
  const measureUntilMs = rampMs + holdMs
  const hangUpAtMs = measureUntilMs + LINGER_MS + LOOK_MS
  const before = yield* server.usage(true)
  const parts = yield* Effect.forEach(
    spread(shape, settings.processes),
    (calls) => Effect.map(startCaller, (process) => ({ calls, process, tally: makeTally() })),
    { concurrency: "unbounded" }
  )
  const total = () => sumOf(parts.map(({ tally }) => tally))

  const clock = yield* Clock.Clock
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const beganMs = nowMs()
  const elapsed = () => nowMs() - beganMs
  const until = (ms: number) => Effect.suspend(() => Effect.sleep(Math.max(0, ms - elapsed())))

  const call = Effect.fnUntraced(function* (part: (typeof parts)[number]) {
    const plan: LoadPlan = {
      target: { _tag: server.target._tag, url: server.target.url.href },
      from: settings.from,
      to: settings.to,
      signed: server.signed,
      manners: settings.manners,
      calls: part.calls,
      measureFromMs: rampMs,
      measureUntilMs,
      hangUpAtMs
    }
    yield* part.process.send(plan)
    for (;;) {
      const news = yield* Queue.take(part.process.messages).pipe(
        Effect.timeoutOption(hangUpAtMs + DONE_WITHIN_MS),
        Effect.map(Option.getOrUndefined),
        Effect.orElseSucceed(() => undefined)
      )
      if (news === undefined) {
        return countFailure(part.tally, "the process that held it broke off", Math.max(1, part.tally.live))
      }
      if (news._tag === "Failed") return yield* new CallError({ message: news.message })
      if (news._tag !== "Ready") part.tally = news.tally
      if (news._tag === "Done") return
    }
  })

  const look = Effect.gen(function* () {
    yield* until(rampMs)
    const from = yield* server.usage(false)
    const fromMs = elapsed()
    yield* until(measureUntilMs)
    const to = yield* server.usage(false)
    const elapsedMs = elapsed() - fromMs
    yield* until(measureUntilMs + LINGER_MS)
    const { live } = total()
    const usages = Option.all([before, from, to, yield* server.usage(true)] as const)
    return Option.getOrUndefined(Option.map(usages, (usages) => costOf(usages, live, elapsedMs)))
  })

  const report = Effect.forever(
    Effect.delay(
      Effect.suspend(() => tell({ atMs: elapsed(), shape, tally: total() })),
      "1 second"
    )
  )
  const looking = yield* Effect.forkScoped(look)
  yield* Effect.raceFirst(Effect.forEach(parts, call, { concurrency: "unbounded", discard: true }), report)
  // Calls that all failed are over long before there is anything to see.
  const cost = yield* Effect.timeoutOption(Fiber.join(looking), elapsed() < measureUntilMs ? 0 : LOOK_MS * 5)
  return { shape, tally: total(), cost: Option.getOrUndefined(cost) }
}, Effect.scoped)
