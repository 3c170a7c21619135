/** The HTTP server of the process: webhook, health and media stream on one port. Owns listening and routes, not calls. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import { HttpRouter, UrlParams } from "effect/http"
import { createServer, type Server } from "node:http"
import { MAX_FRAME_BYTES } from "../schema/Twilio.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { type MediaLink } from "../services/MediaLink.ts"
import { maxConnections, probing } from "./Connections.ts"
import { DirectWebSocket } from "./DirectWebSocket.ts"
import { keepEarlyRequests } from "./EarlyRequests.ts"
import { unknownPaths } from "./Endpoint.ts"
import { healthRoutes } from "./HealthRoute.ts"
import { mediaStreamRoute } from "./MediaStreamRoute.ts"
import { SupervisorLink } from "./SupervisorLink.ts"
import { twimlRoutes } from "./TwimlRoute.ts"

const websocket = {
  maxPayload: MAX_FRAME_BYTES,
  // Base64 of mu-law does not compress, and a context per connection costs memory.
  perMessageDeflate: false,
  // How long, in milliseconds, a peer that does not answer a close may hold the connection (and a shutdown).
  closeTimeout: 2000,
  WebSocket: DirectWebSocket
}

const createHttpServer = (): Server =>
  keepEarlyRequests(
    createServer({
      ...probing,
      // Proxies and tunnels keep idle connections for up to a minute and expect them to work when they use them again.
      keepAliveTimeout: 65_000,
      // Nobody the server is for takes long to say what they want; who does is only holding the connection.
      headersTimeout: 10_000,
      requestTimeout: 15_000
    })
  )

const createListeningServer = (maxCalls: number): Server =>
  Object.assign(createHttpServer(), { maxConnections: maxConnections(maxCalls) })

/** Listens as configured; when the scope closes, live calls get a moment to end before they are hung up. */
const listen = Layer.unwrap(
  Effect.map(Effect.all([AppConfig, EdgeConfig]), ([{ server }, { maxCalls }]) =>
    NodeHttpServer.layerServer(() => createListeningServer(maxCalls), {
      host: server.host,
      port: server.port,
      gracefulShutdownTimeout: "1 second",
      websocket
    })
  )
)

/** Queries hold tokens and phone numbers: whoever traces requests is given their names, and none of their values. */
const privateQueries = Layer.succeed(UrlParams.CurrentRedactedNames, [/.*/])

/** A server that listens nowhere: it serves the connections that it is handed. */
const createPassiveServer = (link: SupervisorLink): Server => {
  const server = createHttpServer()
  return Object.assign(server, {
    listen: (_options: unknown, onListening: () => void) => {
      // Node begins to watch over the time that requests take with this event.
      server.once("listening", onListening)
      queueMicrotask(() => server.emit("listening"))
      link.onConnection((socket) => {
        server.emit("connection", socket)
        // It was handed over paused, so that nothing of it is lost.
        socket.resume()
      })
      return server
    },
    address: () => ({ address: "127.0.0.1", family: "IPv4", port: 0 })
  })
}

/** Serves the connections that the process which has started this one hands over. */
export const takeOver = Layer.unwrap(
  Effect.map(SupervisorLink, (link) => NodeHttpServer.layerServer(() => createPassiveServer(link), { websocket }))
)

/**
 * Serves all routes, and `more` if there are any; every call is handed to `run`, which ends when the call does and is
 * interrupted to hang up.
 */
export const routes = <R, E = never, R2 = never>(
  run: (link: MediaLink) => Effect.Effect<void, never, R>,
  more: Layer.Layer<never, E, R2> = Layer.empty as Layer.Layer<never, E, R2>
) =>
  HttpRouter.serve(Layer.mergeAll(twimlRoutes, healthRoutes, mediaStreamRoute(run), more, unknownPaths), {
    disableListenLog: true,
    routerConfig: { ignoreTrailingSlash: true }
  }).pipe(Layer.provide(privateQueries))

/** {@link routes} on a server that listens as configured. */
export const serverLayer = <R, E = never, R2 = never>(
  run: (link: MediaLink) => Effect.Effect<void, never, R>,
  more?: Layer.Layer<never, E, R2>
) => routes(run, more).pipe(Layer.provideMerge(listen))
