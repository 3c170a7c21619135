/** The browser phone on a server of its own: the real call, the real routes, whatever services a test brings. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ConfigProvider, Context, Effect, Layer, Logger, type Scope } from "effect"
import { type LanguageModel } from "effect/ai"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import * as AppConfigEnv from "../../src/layers/AppConfigEnv.ts"
import * as CallFeedLive from "../../src/layers/CallFeed.ts"
import * as CallRegistryMemory from "../../src/layers/CallRegistryMemory.ts"
import { unknownPaths } from "../../src/layers/Endpoint.ts"
import * as EndpointingByWords from "../../src/layers/EndpointingByWords.ts"
import { mediaStreamRoute } from "../../src/layers/MediaStreamRoute.ts"
import { type PhoneOptions, phoneRoutes } from "../../src/layers/PhoneRoutes.ts"
import { type AppConfig } from "../../src/services/AppConfig.ts"
import { CallFeed } from "../../src/services/CallFeed.ts"
import { CallObserver } from "../../src/services/CallObserver.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { type SpeechToText } from "../../src/services/SpeechToText.ts"
import { type TextToSpeech } from "../../src/services/TextToSpeech.ts"
import { type VoiceActivity } from "../../src/services/VoiceActivity.ts"
import { runCall } from "../../src/streams/Call.ts"

/** For everybody, with nothing to say about it. */
export const openToAll: PhoneOptions = { enabled: true, token: undefined, notice: undefined }

/** What calls stand on, besides what every server has. */
export type AgentServices = LanguageModel.LanguageModel | SpeechToText | TextToSpeech | VoiceActivity

/** How a server is made. */
export interface PhoneServerOptions<R> {
  readonly phone?: Partial<PhoneOptions>
  /** TCP port; by default the system chooses. */
  readonly port?: number
  /** Runs a call; what it needs is in `services`. */
  readonly run: (link: MediaLink) => Effect.Effect<void, never, R>
  readonly services: Layer.Layer<Exclude<R, AppConfig | CallObserver | CallFeed>, unknown, AppConfig>
  readonly log?: Layer.Layer<never>
}

/** Serves on 127.0.0.1 until the scope closes; gives `127.0.0.1:<port>`. */
export const servePhone = <R>(options: PhoneServerOptions<R>): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const phone = { ...openToAll, ...options.phone }
    const provider = ConfigProvider.fromEnv({
      env: { TOGETHER_API_KEY: "test-key", HOST: "127.0.0.1", PORT: String(options.port ?? 0) }
    })
    const feed = CallFeedLive.layer(phone)
    const observer = Layer.effect(
      CallObserver,
      Effect.map(CallFeed, (feed) => feed.observer)
    )
    const server = NodeHttpServer.layer(createServer, {
      port: options.port ?? 0,
      host: "127.0.0.1",
      gracefulShutdownTimeout: "0 seconds"
    })
    const routes = Layer.mergeAll(mediaStreamRoute(options.run), phoneRoutes(phone), unknownPaths)
    const app = HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true }).pipe(
      Layer.provideMerge(server),
      Layer.provide(observer),
      Layer.provide(feed),
      Layer.provide([options.services, CallRegistryMemory.layer]),
      Layer.provide(AppConfigEnv.layerFromProvider),
      Layer.provide(ConfigProvider.layer(provider)),
      Layer.provide(options.log ?? Logger.layer([]))
    )
    const context = yield* Layer.build(app as Layer.Layer<HttpServer.HttpServer, unknown>).pipe(Effect.orDie)
    return new URL(HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)).host
  })

/** Serves an agent that is made of these services. */
export const serveAgent = (
  services: Layer.Layer<AgentServices, unknown, AppConfig>,
  options: Pick<PhoneServerOptions<never>, "phone" | "port" | "log"> = {}
): Effect.Effect<string, never, Scope.Scope> =>
  servePhone({ ...options, run: runCall, services: Layer.merge(services, EndpointingByWords.layerFixed) })
