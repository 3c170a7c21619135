/** The server around a way to run calls: configuration, log, routes, and the announcement that it listens. Owns no behaviour. */
import { type Effect, Layer } from "effect"
import { type AppConfig } from "../services/AppConfig.ts"
import { type MediaLink } from "../services/MediaLink.ts"
import * as AppConfigEnv from "./AppConfigEnv.ts"
import * as CallRegistryMemory from "./CallRegistryMemory.ts"
import { serverLayer } from "./HttpServer.ts"
import * as Logging from "./Logging.ts"
import { announce } from "./Startup.ts"

/**
 * Listens as configured and hands every call to `run`.
 *
 * `services` is what calls need besides the configuration; it is built once, before the server listens.
 */
export const serverWith = <R, E>(
  run: (link: MediaLink) => Effect.Effect<void, never, R | AppConfig>,
  services: Layer.Layer<R, E, AppConfig>
) =>
  announce.pipe(
    Layer.provide(serverLayer(run)),
    Layer.provide([services, CallRegistryMemory.layer]),
    Layer.provide(Logging.layer),
    Layer.provide(AppConfigEnv.layer)
  )
