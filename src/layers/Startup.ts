/** The start and the end of the process as people and machines see them: what to do next, why it did not start, the exit code. */
import { Cause, Config, Console, Effect, Exit, Layer, Predicate, Runtime, type Scope } from "effect"
import { HttpServer, HttpServerError } from "effect/http"
import { NetAddress } from "effect/net"
import { AppConfig } from "../services/AppConfig.ts"
import { CallRegistry } from "../services/CallRegistry.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { Lifecycle } from "../services/Lifecycle.ts"
import { LogConfig } from "../services/LogConfig.ts"
import { Provider } from "../services/Provider.ts"
import { describeError } from "./AppConfigEnv.ts"
import { sandboxNotice } from "./Sandbox.ts"
import { TWIML_PATH } from "./TwimlRoute.ts"
import { version } from "./Version.ts"

const localUrl = (address: NetAddress.SocketAddress): string => {
  if (NetAddress.isUnixPathAddress(address)) return HttpServer.formatAddress(address)
  return NetAddress.isUnspecified(address.address)
    ? `http://localhost:${address.port}`
    : HttpServer.formatAddress(address)
}

const verifiedNote = "Requests are verified: only Twilio can place calls."

/** Why somebody may want to change the configuration. `elsewhere`: other machines can reach this address. */
const unverifiedNote = (elsewhere: string | undefined): string => {
  const who =
    elsewhere === undefined
      ? "Only this machine can reach the server, and whoever comes through a tunnel to it."
      : `Anybody who reaches ${elsewhere} can place calls at your expense: ALLOW_UNSIGNED is set.`
  return `Requests are not verified, as TWILIO_AUTH_TOKEN is not set. ${who}`
}

const nextSteps = (port: number, publicUrl: URL | undefined): ReadonlyArray<string> => {
  const webhook = `${publicUrl?.origin ?? "https://<your tunnel>"}${TWIML_PATH}`
  const steps = [
    ...(publicUrl === undefined ? [`Open a tunnel to this port, for example: ngrok http ${port}`] : []),
    `Set the voice webhook of your Twilio number to ${webhook}`,
    "Call the number"
  ]
  return steps.map((step, index) => `  ${index + 1}. ${step}`)
}

/** Says that a server listens: to a person with the next steps, to a machine in one line of the log. */
export const announceAt = (
  address: NetAddress.SocketAddress
): Effect.Effect<void, never, AppConfig | EdgeConfig | LogConfig> =>
  Effect.gen(function* () {
    const { persona, server } = yield* AppConfig
    const verified = (yield* EdgeConfig).verification !== undefined
    const { format } = yield* LogConfig
    const provider = yield* Provider
    const url = localUrl(address)
    const port = NetAddress.isUnixPathAddress(address) ? server.port : address.port
    const isLocal = !NetAddress.isUnixPathAddress(address) && NetAddress.isLoopback(address.address)
    const note = verified ? verifiedNote : unverifiedNote(isLocal ? undefined : server.host)
    if (format === "json") {
      const about = { url, port, persona: persona.id, provider, version, verified }
      yield* Effect.annotateLogs(Effect.logInfo("Listening"), about)
      if (provider === "sandbox") yield* Effect.logWarning(sandboxNotice)
      return yield* verified ? Effect.void : Effect.logWarning(note)
    }
    const notes = provider === "sandbox" ? [sandboxNotice, note] : [note]
    yield* Console.log(
      ["", `Parley ${version} listens on ${url}`, ...notes, "", ...nextSteps(port, server.publicUrl), ""].join("\n")
    )
  })

/** {@link announceAt} for the server that is there. */
export const announce: Layer.Layer<never, never, HttpServer.HttpServer | AppConfig | EdgeConfig | LogConfig> =
  Layer.effectDiscard(Effect.flatMap(HttpServer.HttpServer, ({ address }) => announceAt(address)))

/** What Node says about an address it cannot listen on. */
interface ListenFailure {
  readonly code?: string
  readonly message?: string
  readonly port?: number
  readonly address?: string
  readonly hostname?: string
}

const describeServeError = ({ cause }: HttpServerError.ServeError): string => {
  const { address, code, hostname, message, port }: ListenFailure = Predicate.isObject(cause) ? cause : {}
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} is already in use: stop the program that listens on it, or set PORT to another one`
    case "EACCES":
      return `Port ${port} may not be opened by this user: set PORT to 1024 or above`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `HOST ${hostname ?? address} is not an address of this machine: set it to one, or to 0.0.0.0 for all of them`
    default:
      return `The server cannot listen: ${message ?? String(cause)}`
  }
}

const describeFailure = (error: unknown): ReadonlyArray<string> => {
  if (error instanceof HttpServerError.ServeError) return [describeServeError(error)]
  if (error instanceof Config.ConfigError) return describeError(error)
  return [error instanceof Error ? error.message : String(error)]
}

/** Why the program failed, for a person: a line for each thing that is wrong, more only for a defect of the program. */
export const describeCause = (cause: Cause.Cause<unknown>): ReadonlyArray<string> =>
  cause.reasons.flatMap((reason) => {
    if (Cause.isFailReason(reason)) return describeFailure(reason.error)
    return Cause.isDieReason(reason) ? [Cause.pretty(Cause.fromReasons([reason]))] : []
  })

/** The next signal that asks the process to stop. */
const nextSignal: Effect.Effect<NodeJS.Signals> = Effect.callback((resume) => {
  const receive = (signal: NodeJS.Signals) => resume(Effect.succeed(signal))
  process.on("SIGINT", receive)
  process.on("SIGTERM", receive)
  return Effect.sync(() => {
    process.off("SIGINT", receive)
    process.off("SIGTERM", receive)
  })
})

/** Leaves in good order, or at once if a signal comes meanwhile. */
const leave = Effect.gen(function* () {
  const lifecycle = yield* Lifecycle
  const registry = yield* CallRegistry
  const hurry = Effect.gen(function* () {
    const signal = yield* nextSignal
    yield* Effect.logWarning(`Stopping at once on ${signal}; calls that are cut off: ${yield* registry.count}`)
  })
  yield* Effect.raceFirst(lifecycle.leave, hurry)
})

/**
 * Runs the program until it is interrupted, which `NodeRuntime.runMain` does at the first signal, and lets it leave then.
 *
 * A second signal ends it at once. When it fails, says why on standard error.
 */
export const launch = <A, E, R>(
  program: Layer.Layer<A | CallRegistry | Lifecycle, E, R>
): Effect.Effect<never, E, Exclude<R, Scope.Scope>> =>
  Effect.gen(function* () {
    const context = yield* Layer.build(program)
    // With the program's own context, which has its loggers.
    return yield* Effect.onInterrupt(Effect.never, () => Effect.provideContext(leave, context))
  }).pipe(
    Effect.scoped,
    Effect.tapCause((cause) => Effect.forEach(describeCause(cause), (line) => Console.error(line), { discard: true }))
  )

/** Exit codes: 1 when the program failed, 0 when it was told to stop and did. */
export const teardown: Runtime.Teardown = (exit, onExit) =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? onExit(0) : Runtime.defaultTeardown(exit, onExit)
