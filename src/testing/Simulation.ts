/** A caller's script and scripted services in, a whole phone call in virtual time out: who said and heard what when, and what is left over. Owns no services and no clock. */
import {
  Cause,
  Clock,
  Context,
  Deferred,
  type Duration,
  Effect,
  Layer,
  Logger,
  Metric,
  Option,
  Random,
  type Scope
} from "effect"
import { type MediaLink } from "../services/MediaLink.ts"
import { runCall } from "../streams/Call.ts"
import { type CallServices } from "../streams/CallSession.ts"
import { type CallerScript } from "./CallerScript.ts"
import { type CallReport, type LogLine, reportOf } from "./CallReport.ts"
import { connectTo } from "./CarrierConnection.ts"
import { makeGroundTruth } from "./GroundTruth.ts"
import { type Impairments } from "./Impairments.ts"
import { type LanguageModelRequest } from "./ScriptedLanguageModel.ts"
import { type AgentOptions, scriptedServices, type Watch } from "./SimulatedServices.ts"
import { placeCall } from "./TwilioCaller.ts"
import { inVirtualTime } from "./VirtualTime.ts"

/** A call to hold, whatever it is held over. */
export interface ScenarioOptions extends AgentOptions {
  readonly script: CallerScript
  /** What is wrong with the line; nothing by default. */
  readonly impairments?: Impairments
  /** `customParameters` of the `start` frame. */
  readonly parameters?: Readonly<Record<string, string>>
  /** Seed of everything that is left to chance and has no seed of its own, an integer; 1 by default. */
  readonly seed?: number
}

/** A call to simulate. */
export interface SimulationOptions extends ScenarioOptions {
  /** Takes the place of any of the scripted services: mocks, or layers of one's own. */
  readonly layer?: Layer.Layer<never>
  /** What answers the call; `runCall` by default. */
  readonly run?: (link: MediaLink) => Effect.Effect<void, never, CallServices>
  /** Virtual time after which the call is given up on; an hour by default. */
  readonly limit?: Duration.Input
}

/** How long the agent's side may take to be done once the line is closed. */
const DONE_WITHIN = "30 seconds"

/** The last mark of a reply is the one that ends like this; the others are inside of it. */
const endsReply = (mark: string): boolean => mark.endsWith(":end")

/** What `placeCall` is told of a scenario. */
export const callerOptions = ({ impairments, parameters, script, seed = 1 }: ScenarioOptions) => ({
  script,
  impairments: { seed, ...impairments },
  playout: { endsReply },
  ...(parameters === undefined ? {} : { parameters })
})

/** A logger that keeps what it is told. */
export const keepingLog = (lines: Array<LogLine>): Layer.Layer<never> =>
  Logger.layer([
    Logger.make<unknown, void>(({ cause, logLevel, message }) => {
      const texts = Array.isArray(message) ? message : [message]
      const why = cause.reasons.length === 0 ? [] : [Cause.pretty(cause)]
      lines.push({ level: logLevel, message: [...texts.map(String), ...why].join(" ") })
    })
  ])

/** Waits for the agent's side to be done, and tells how long after the line was closed that was; undefined: it never was. */
export const awaitDone = Effect.fnUntraced(function* (done: Deferred.Deferred<number>, closedMs: number) {
  const doneMs = yield* Effect.timeoutOption(Deferred.await(done), DONE_WITHIN)
  return Option.isSome(doneMs) ? Math.max(0, Math.round(doneMs.value - closedMs)) : undefined
})

/** Says when an effect is over, however it ends. */
export const telling =
  (done: Deferred.Deferred<number>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.ensuring(
      self,
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) => Deferred.succeed(done, nowMs))
    )

/** Counts fibers that were begun and have not ended. */
export const makeFiberCount = () => {
  let alive = 0
  return {
    service: {
      recordFiberStart: () => void alive++,
      recordFiberEnd: () => void alive--
    } satisfies Metric.FiberRuntimeMetricsService,
    alive: () => alive
  }
}

const hold = (options: SimulationOptions): Effect.Effect<CallReport, never, Scope.Scope> =>
  Effect.gen(function* () {
    const truth = yield* makeGroundTruth
    const watch: Watch = { events: [], openedMs: 0 }
    const requests: Array<LanguageModelRequest> = []
    const log: Array<LogLine> = []
    const scripted = yield* Layer.build(scriptedServices(options, truth, watch, requests))
    const replaced = yield* Layer.build(options.layer ?? Layer.empty)
    // A layer of services that are not named can only take the place of scripted ones.
    const services = Context.merge(scripted, replaced) as Context.Context<CallServices>

    const fibers = makeFiberCount()
    const done = yield* Deferred.make<number>()
    const serve = (link: MediaLink) =>
      (options.run ?? runCall)(link).pipe(
        Effect.provideContext(services),
        Effect.provide(keepingLog(log)),
        Effect.provideService(Metric.FiberRuntimeMetrics, fibers.service),
        telling(done)
      )

    const call = yield* placeCall({ ...callerOptions(options), connect: connectTo(serve), groundTruth: truth })
    const { originMs = 0 } = yield* truth.current
    const rate = 1 + (options.impairments?.clockSkewPpm ?? 0) / 1e6
    const doneAfterMs = yield* awaitDone(done, originMs + call.recording.durationMs / rate)
    return reportOf({
      call,
      events: watch.events,
      lineTime: (ms) => (ms + watch.openedMs - originMs) * rate,
      requests,
      log,
      remains: { doneAfterMs, fibers: fibers.alive(), sockets: 0 }
    })
  })

/**
 * Holds a call from its first frame to its last, in virtual time: everything that waits, waits for a clock that jumps.
 *
 * What goes wrong in the call is in the report. Dies if the call is not over within `limit` of virtual time.
 */
export const simulate = (options: SimulationOptions): Effect.Effect<CallReport> =>
  hold(options).pipe(Effect.scoped, Random.withSeed(options.seed ?? 1), (call) =>
    inVirtualTime(call, options.limit === undefined ? {} : { limit: options.limit })
  )
