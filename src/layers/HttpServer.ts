/** The HTTP server of the process: webhook, health and media stream on one port. Owns listening and routes, not calls. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import { HttpRouter, UrlParams } from "effect/http"
import { createServer } from "node:http"
import { MAX_FRAME_BYTES } from "../schema/Twilio.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { type MediaLink } from "../services/MediaLink.ts"
import { unknownPaths } from "./Endpoint.ts"
import { healthRoutes } from "./HealthRoute.ts"
import { mediaStreamRoute } from "./MediaStreamRoute.ts"
import { twimlRoutes } from "./TwimlRoute.ts"

const websocket = {
  maxPayload: MAX_FRAME_BYTES,
  // Base64 of mu-law does not compress, and a context per connection costs memory.
  perMessageDeflate: false,
  // How long, in milliseconds, a peer that does not answer a close may hold the connection (and a shutdown).
  closeTimeout: 2000
}

const createHttpServer = () =>
  createServer({
    // Proxies and tunnels keep idle connections for up to a minute and expect them to work when they use them again.
    keepAliveTimeout: 65_000,
    // Nobody the server is for takes long to say what they want; who does is only holding the connection.
    headersTimeout: 10_000,
    requestTimeout: 15_000
  })

/** Listens as configured; when the scope closes, live calls get a moment to end before they are hung up. */
const listen = Layer.unwrap(
  Effect.map(AppConfig, ({ server }) =>
    NodeHttpServer.layerServer(createHttpServer, {
      host: server.host,
      port: server.port,
      gracefulShutdownTimeout: "1 second",
      websocket
    })
  )
)

/** Queries hold tokens and phone numbers: whoever traces requests is given their names, and none of their values. */
const privateQueries = Layer.succeed(UrlParams.CurrentRedactedNames, [/.*/])

/**
 * Serves all routes, and `more` if there are any; every call is handed to `run`, which ends when the call does and is
 * interrupted to hang up.
 */
export const serverLayer = <R, E = never, R2 = never>(
  run: (link: MediaLink) => Effect.Effect<void, never, R>,
  more: Layer.Layer<never, E, R2> = Layer.empty as Layer.Layer<never, E, R2>
) =>
  HttpRouter.serve(Layer.mergeAll(twimlRoutes, healthRoutes, mediaStreamRoute(run), more, unknownPaths), {
    disableListenLog: true,
    routerConfig: { ignoreTrailingSlash: true }
  }).pipe(Layer.provideMerge(listen), Layer.provide(privateQueries))
