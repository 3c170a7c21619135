/** The server that the doctor looks at: the one that runs already, or one of its own that is there for the visit. Owns the visit, no check. */
import { Context, Effect, Layer, Logger, type Scope } from "effect"
import { HttpClientRequest, type HttpClient, HttpServer } from "effect/http"
import { NetAddress } from "effect/net"
import * as Edge from "../layers/Edge.ts"
import { serverLayer } from "../layers/HttpServer.ts"
import { describeCause } from "../layers/Startup.ts"
import { type EndReason } from "../schema/CallEvent.ts"
import { AppConfig, type ServerSettings } from "../services/AppConfig.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { type Finding, finding } from "./DoctorFinding.ts"
import { ask } from "./DoctorNetwork.ts"

/** A server to look at. */
export interface VisitedServer {
  /** TCP port it listens on. */
  readonly port: number
  /** Tells it from others; the health route has it. */
  readonly instance: string
  /** Whether it is there for the visit only, so that calls to it cost nothing. */
  readonly own: boolean
}

/** The server, if there is one to look at, and what was found of it. */
export interface Visit {
  readonly server: VisitedServer | undefined
  readonly finding: Finding
}

/** Which process answers health checks there; undefined: no server of this kind. */
export const instanceAt = (origin: URL): Effect.Effect<string | undefined, never, HttpClient.HttpClient> =>
  ask(HttpClientRequest.get(new URL("/health", origin))).pipe(
    Effect.map(({ body, status }) => (status === 200 ? instanceIn(body) : undefined)),
    Effect.orElseSucceed(() => undefined)
  )

/** Which process a health check was answered by. */
export const instanceIn = (body: string): string | undefined => /"instance":"([0-9a-f-]{36})"/.exec(body)?.[1]

const END: EndReason = "agent hung up"

/** Every call is over as soon as it has begun. */
const noCalls = serverLayer((link) => link.close(END))

const localOrigin = (host: string, port: number): URL => {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  return new URL(`http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`)
}

const whereItListens = ({ host, port: configured }: ServerSettings, port: number): string =>
  configured === 0
    ? `PORT is 0: the system chose ${port}, and will choose another one next time`
    : `${host}:${port} is free`

/** Listens as the server would; where that is not possible, sees who listens instead. */
export const visitServer: Effect.Effect<Visit, never, AppConfig | EdgeConfig | HttpClient.HttpClient | Scope.Scope> =
  Effect.gen(function* () {
    const { server } = yield* AppConfig
    // How busy this machine is with looking around says nothing about how busy it will be with calls.
    const patient = Layer.succeed(EdgeConfig, { ...(yield* EdgeConfig), maxLagMs: 0 })
    const own = yield* noCalls.pipe(
      Layer.provide(Edge.layer()),
      Layer.provide([patient, Logger.layer([])]),
      Layer.build,
      Effect.exit
    )
    if (own._tag === "Success") {
      const { address } = Context.get(own.value, HttpServer.HttpServer)
      const port = NetAddress.isUnixPathAddress(address) ? server.port : address.port
      const instance = yield* instanceAt(localOrigin(server.host, port))
      return instance === undefined
        ? {
            server: undefined,
            finding: finding("broken", "port", `what listens on ${server.host} does not answer there`)
          }
        : { server: { port, instance, own: true }, finding: finding("ok", "port", whereItListens(server, port)) }
    }
    const instance = yield* instanceAt(localOrigin(server.host, server.port))
    return instance === undefined
      ? { server: undefined, finding: finding("broken", "port", describeCause(own.cause).join("; ")) }
      : {
          server: { port: server.port, instance, own: false },
          finding: finding("ok", "port", `a Parley server runs on ${server.host}:${server.port} already`)
        }
  })
