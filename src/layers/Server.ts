/** The server around a way to run calls: configuration, log, edge, routes, browser phone, and the announcement that it listens. Owns no behaviour. */
import { Effect, Layer, References } from "effect"
import { type AppConfig } from "../services/AppConfig.ts"
import { type CallFeed } from "../services/CallFeed.ts"
import { type EdgeConfig } from "../services/EdgeConfig.ts"
import { type MediaLink } from "../services/MediaLink.ts"
import { PhoneConfig } from "../services/PhoneConfig.ts"
import { Provider } from "../services/Provider.ts"
import * as AppConfigEnv from "./AppConfigEnv.ts"
import * as CallFeedLive from "./CallFeed.ts"
import * as Edge from "./Edge.ts"
import { routes, serverLayer, takeOver } from "./HttpServer.ts"
import * as Logging from "./Logging.ts"
import { type PhoneOptions, phoneRoutes } from "./PhoneRoutes.ts"
import { sandboxCountKey, sandboxNotice } from "./Sandbox.ts"
import * as SharedCallFeed from "./SharedCallFeed.ts"
import { announce } from "./Startup.ts"

/** The browser phone as it is configured. */
const phoneOptions = Effect.gen(function* (): Effect.fn.Return<PhoneOptions> {
  const access = yield* PhoneConfig
  const isSandbox = (yield* Provider) === "sandbox"
  return {
    ...access,
    notice: isSandbox ? sandboxNotice : undefined,
    countKey: isSandbox ? sandboxCountKey : undefined
  }
})

const phone = Layer.unwrap(Effect.map(phoneOptions, phoneRoutes))
const edge = Layer.unwrap(Effect.map(PhoneConfig, (access) => Edge.layer(access)))
const sharedEdge = Layer.unwrap(Effect.map(PhoneConfig, (access) => Edge.layerShared(access)))
const feed = Layer.unwrap(Effect.map(PhoneConfig, (access) => CallFeedLive.layer(access)))

/**
 * Listens as configured and hands every call to `run`.
 *
 * `services` is what calls need besides the configuration; it is built once, before the server listens.
 */
export const serverWith = <R, E>(
  run: (link: MediaLink) => Effect.Effect<void, never, R | AppConfig>,
  services: Layer.Layer<R, E, AppConfig | CallFeed | EdgeConfig>
) =>
  announce.pipe(
    Layer.provide(serverLayer(run, phone)),
    Layer.provide(services),
    Layer.provide(feed),
    Layer.provideMerge(edge),
    Layer.provideMerge(Logging.layer),
    Layer.provide(AppConfigEnv.layer)
  )

/**
 * The same as one of several processes of a server: what is counted and made once is asked for over the link, and
 * connections come from there. Lines of the log say which process they are from.
 */
export const workerWith = <R, E>(
  run: (link: MediaLink) => Effect.Effect<void, never, R | AppConfig>,
  services: Layer.Layer<R, E, AppConfig | CallFeed | EdgeConfig>,
  number: number
) =>
  routes(run, phone).pipe(
    Layer.provide(takeOver),
    Layer.provide(services),
    Layer.provide(SharedCallFeed.layer.pipe(Layer.provide(feed))),
    Layer.provideMerge(sharedEdge),
    Layer.provideMerge(Logging.layer),
    Layer.provide(AppConfigEnv.layer),
    Layer.provide(Layer.succeed(References.CurrentLogAnnotations, { process: number }))
  )
