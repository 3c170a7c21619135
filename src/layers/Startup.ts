/** The start and the end of the process as people and machines see them: what to do next, why it did not start, the exit code. */
import { Cause, Config, Console, Effect, Exit, Layer, Predicate, Runtime } from "effect"
import { HttpServer, HttpServerError } from "effect/http"
import { NetAddress } from "effect/net"
import { AppConfig } from "../services/AppConfig.ts"
import { LogConfig } from "../services/LogConfig.ts"
import { describeError } from "./AppConfigEnv.ts"
import { version } from "./Version.ts"

const localUrl = (address: NetAddress.SocketAddress): string => {
  if (NetAddress.isUnixPathAddress(address)) return HttpServer.formatAddress(address)
  return NetAddress.isUnspecified(address.address)
    ? `http://localhost:${address.port}`
    : HttpServer.formatAddress(address)
}

const nextSteps = (url: string, port: number, publicUrl: URL | undefined): ReadonlyArray<string> => {
  const webhook = `${publicUrl?.origin ?? "https://<your tunnel>"}/twiml`
  const steps = [
    ...(publicUrl === undefined ? [`Open a tunnel to this port, for example: ngrok http ${port}`] : []),
    `Set the voice webhook of your Twilio number to ${webhook}`,
    "Call the number"
  ]
  return ["", `Parley ${version} listens on ${url}`, "", ...steps.map((step, index) => `  ${index + 1}. ${step}`), ""]
}

/** Says that the server listens: to a person with the next steps, to a machine in one line of the log. */
export const announce: Layer.Layer<never, never, HttpServer.HttpServer | AppConfig | LogConfig> = Layer.effectDiscard(
  Effect.gen(function* () {
    const { address } = yield* HttpServer.HttpServer
    const { persona, server } = yield* AppConfig
    const { format } = yield* LogConfig
    const url = localUrl(address)
    const port = NetAddress.isUnixPathAddress(address) ? server.port : address.port
    yield* Effect.addFinalizer(() => Effect.logInfo("Stopping"))
    yield* format === "pretty"
      ? Console.log(nextSteps(url, port, server.publicUrl).join("\n"))
      : Effect.annotateLogs(Effect.logInfo("Listening"), { url, port, persona: persona.id, version })
  })
)

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

/** Runs the program until it is told to stop; when it fails, says why on standard error. */
export const launch = <A, E, R>(program: Layer.Layer<A, E, R>): Effect.Effect<never, E, R> =>
  Effect.tapCause(Layer.launch(program), (cause) =>
    Effect.forEach(describeCause(cause), (line) => Console.error(line), { discard: true })
  )

/** Exit codes: 1 when the program failed, 0 when it was told to stop and did. */
export const teardown: Runtime.Teardown = (exit, onExit) =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? onExit(0) : Runtime.defaultTeardown(exit, onExit)
