/** A server that is several processes: listens, hands every connection to the process with the fewest calls, replaces processes that break down, and is what a signal stops. Holds no call. */
import { Clock, Deferred, Duration, Effect, Layer, Result, Schema, type Scope } from "effect"
import { HttpServerError } from "effect/http"
import { NetAddress } from "effect/net"
import { randomUUID } from "node:crypto"
import { createServer, type Server, type Socket } from "node:net"
import { AppConfig } from "../services/AppConfig.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { Lifecycle } from "../services/Lifecycle.ts"
import { Processes } from "../services/Processes.ts"
import * as AppConfigEnv from "./AppConfigEnv.ts"
import * as CallRegistryMemory from "./CallRegistryMemory.ts"
import { maxConnections, probing } from "./Connections.ts"
import * as LifecycleLive from "./Lifecycle.ts"
import * as Logging from "./Logging.ts"
import { announceAt } from "./Startup.ts"
import * as StreamTokensMemory from "./StreamTokensMemory.ts"
import { makeSupervisorDesk, type Member, type SupervisorDesk } from "./SupervisorDesk.ts"
import { startWorker, type WorkerProcess } from "./WorkerProcess.ts"

/** A process of the server did not start. */
export class ProcessError extends Schema.TaggedError<ProcessError>()("ProcessError", { message: Schema.String }) {}

/** A process that lasted this long did not break down at its start, in milliseconds. */
const GOOD_MS = 10_000

/** Longest pause before a process is replaced that breaks down again and again. */
const MAX_BACKOFF = Duration.seconds(30)

/** Connections that wait while no process is there to take them. */
const MOST_WAITING = 1000

/** Pause before a process is replaced, after so many that broke down at their start. */
export const backoff = (failures: number): Duration.Duration =>
  failures === 0 ? Duration.zero : Duration.min(Duration.seconds(2 ** (failures - 1)), MAX_BACKOFF)

/** A process that may be handed connections. */
interface Ready {
  readonly worker: WorkerProcess
  readonly member: Member
  connections: number
  /** Number of the last connection it was handed. */
  given: number
}

/** What a process has to do already: calls count before connections, and those before how long ago it got the last one. */
export interface WorkerLoad {
  readonly calls: number
  readonly connections: number
  readonly given: number
}

/** The one with the least to do. */
export const leastLoaded = <A extends WorkerLoad>(workers: Iterable<A>): A | undefined => {
  let least: A | undefined
  for (const worker of workers) {
    const by =
      least === undefined
        ? -1
        : worker.calls - least.calls || worker.connections - least.connections || worker.given - least.given
    if (by < 0) least = worker
  }
  return least
}

/** Who gets which connection; beyond `most` in all, nobody gets any. */
const makeSwitchboard = (most: number) => {
  const ready = new Set<Ready>()
  const waiting: Array<Socket> = []
  let given = 0

  const give = (connection: Socket): void => {
    // A server's own bound does not count what it has handed over.
    let connections = waiting.length
    for (const to of ready) connections += to.connections
    if (connections >= most) return void connection.destroy()
    const chosen = leastLoaded([...ready].map((to) => ({ ...to, to, calls: to.member.calls.size })))
    if (chosen?.to.worker.give(connection) === true) {
      chosen.to.connections++
      chosen.to.given = ++given
    } else if (waiting.length < MOST_WAITING) waiting.push(connection)
    else connection.destroy()
  }

  return {
    give,
    add: (to: Ready): void => {
      ready.add(to)
      for (const connection of waiting.splice(0)) give(connection)
    },
    remove: (to: Ready): void => void ready.delete(to)
  }
}

type Switchboard = ReturnType<typeof makeSwitchboard>

/** Listens, and hands over what comes; gives the address. */
const listen = (
  host: string,
  port: number,
  give: (connection: Socket) => void
): Effect.Effect<NetAddress.SocketAddress, HttpServerError.ServeError, Scope.Scope> =>
  Effect.gen(function* () {
    // Nothing of it may be read here.
    const server = createServer({ ...probing, pauseOnConnect: true }, give)
    yield* Effect.acquireRelease(
      Effect.callback<Server, HttpServerError.ServeError>((resume) => {
        const fail = (cause: Error) => resume(Effect.fail(new HttpServerError.ServeError({ cause })))
        server.once("error", fail)
        server.listen({ host, port }, () => {
          server.off("error", fail)
          resume(Effect.succeed(server))
        })
      }),
      (server) => Effect.sync(() => void server.close())
    )
    const bound = server.address()
    if (bound === null || typeof bound === "string") return NetAddress.unixPathAddress(bound ?? "")
    const address = NetAddress.inetAddressFromIpString(bound.address, bound.port)
    if (Result.isFailure(address)) return yield* new HttpServerError.ServeError({ cause: address.failure })
    return address.success
  })

/** One process from its start to its end, which it says. */
const runWorker = Effect.fnUntraced(function* (
  program: URL,
  birth: Parameters<typeof startWorker>[1],
  desk: SupervisorDesk,
  switchboard: Switchboard,
  onReady: Effect.Effect<unknown>
) {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  let to: Ready | undefined
  const worker = yield* startWorker(program, birth, (message) => {
    if (to === undefined) return
    if (message._tag === "Closed") to.connections--
    else run(desk.receive(to.member, message))
  })
  const member = yield* desk.join(worker.tell)
  const own: Ready = { worker, member, connections: 0, given: 0 }
  to = own
  yield* worker.ready
  switchboard.add(own)
  yield* onReady
  const how = yield* worker.ended
  switchboard.remove(own)
  return { how, calls: member.calls.size }
}, Effect.scoped)

/** Keeps a process with this number running; `first` is told whether the first one has started. */
const keepWorker = Effect.fnUntraced(function* (
  program: URL,
  birth: Parameters<typeof startWorker>[1],
  desk: SupervisorDesk,
  switchboard: Switchboard,
  first: Deferred.Deferred<void, ProcessError>,
  greet: Effect.Effect<void>
) {
  let failures = 0
  for (;;) {
    const beganMs = yield* Clock.currentTimeMillis
    const onReady = Effect.andThen(Deferred.succeed(first, undefined), greet)
    const ending = yield* Effect.result(runWorker(program, birth, desk, switchboard, onReady))
    const { calls, how } = Result.isSuccess(ending) ? ending.success : { calls: 0, how: ending.failure }
    const message = `A process of the server ended before it could take calls (${how})`
    if (yield* Deferred.fail(first, new ProcessError({ message }))) return
    yield* Effect.annotateLogs(
      Effect.logError("A process broke down: its calls are lost, another one takes its place"),
      {
        process: birth.number,
        calls,
        how
      }
    )
    failures = (yield* Clock.currentTimeMillis) - beganMs >= GOOD_MS ? 0 : failures + 1
    yield* Effect.sleep(backoff(failures))
  }
})

const supervise = (program: URL) =>
  Effect.gen(function* () {
    const { server } = yield* AppConfig
    const lifecycle = yield* Lifecycle
    const processes = yield* Processes
    const desk = yield* makeSupervisorDesk
    const switchboard = makeSwitchboard(maxConnections((yield* EdgeConfig).maxCalls))
    const instance = randomUUID()
    // One that starts while the server leaves is told so.
    const greet = Effect.map(lifecycle.isLeaving, (leaving) => {
      if (leaving) desk.tellAll({ _tag: "Leaving" })
    })
    const firsts = yield* Effect.forEach(
      Array.from({ length: processes }, (_, index) => index + 1),
      (number) =>
        Effect.gen(function* () {
          const first = yield* Deferred.make<void, ProcessError>()
          yield* Effect.forkScoped(keepWorker(program, { number, instance }, desk, switchboard, first, greet))
          return first
        })
    )
    yield* Effect.forEach(firsts, (first) => Deferred.await(first), { concurrency: "unbounded", discard: true })
    yield* announceAt(yield* listen(server.host, server.port, switchboard.give))
    return Lifecycle.of({
      isLeaving: lifecycle.isLeaving,
      leave: Effect.andThen(
        Effect.sync(() => desk.tellAll({ _tag: "Leaving" })),
        lifecycle.leave
      )
    })
  })

/** The server as `PROCESSES` processes that run `program`, and this one, which is told to stop. */
export const layer = (program: URL) =>
  Layer.effect(Lifecycle, supervise(program)).pipe(
    Layer.provide(LifecycleLive.layer),
    Layer.provideMerge([StreamTokensMemory.layer, CallRegistryMemory.layer]),
    Layer.provideMerge(Logging.layer),
    Layer.provide(AppConfigEnv.layer)
  )
