/** The browser phone on a server of its own: the real call, the real routes, whatever services a test brings. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ConfigProvider, Context, Effect, Layer, Logger, type Scope } from "effect"
import { type LanguageModel } from "effect/ai"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import * as AppConfigEnv from "../../src/layers/AppConfigEnv.ts"
import * as CallFeedLive from "../../src/layers/CallFeed.ts"
import { unknownPaths } from "../../src/layers/Endpoint.ts"
import * as EndpointingByWords from "../../src/layers/EndpointingByWords.ts"
import { type PhoneOptions, phoneRoutes } from "../../src/layers/PhoneRoutes.ts"
import * as SocketMediaLink from "../../src/layers/SocketMediaLink.ts"
import { type Persona } from "../../src/schema/Persona.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { CallFeed } from "../../src/services/CallFeed.ts"
import { CallObserver } from "../../src/services/CallObserver.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { type SpeechToText } from "../../src/services/SpeechToText.ts"
import { type TextToSpeech } from "../../src/services/TextToSpeech.ts"
import { type VoiceActivity } from "../../src/services/VoiceActivity.ts"
import { runCall } from "../../src/streams/Call.ts"

/** For everybody, with nothing to say about it. */
export const openToAll: PhoneOptions = { enabled: true, token: undefined, notice: undefined, countKey: undefined }

/** The media stream of whoever comes: who may is not decided here. */
const mediaRoute = <R>(run: (link: MediaLink) => Effect.Effect<void, never, R>) =>
  HttpRouter.add(
    "GET",
    "/media-stream",
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const link = yield* SocketMediaLink.make(yield* request.upgrade)
      yield* run(link)
      return HttpServerResponse.empty()
    })
  )

/** What calls stand on, besides what every server has. */
export type AgentServices = LanguageModel.LanguageModel | SpeechToText | TextToSpeech | VoiceActivity

/** An agent that says little, so that its calls are short. */
export const brief: Persona = { id: "brief", name: "Robin", prompt: "Be brief.", greeting: "Hello." }

/** How a server is made. */
export interface PhoneServerOptions<R> {
  readonly phone?: Partial<PhoneOptions>
  /** Who answers; by default {@link brief}. */
  readonly persona?: Persona
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
    const config = Layer.effect(
      AppConfig,
      Effect.map(AppConfig, (settings) => ({ ...settings, persona: options.persona ?? brief }))
    ).pipe(Layer.provideMerge(AppConfigEnv.layerFromProvider))
    const server = NodeHttpServer.layerServer(createServer, {
      port: options.port ?? 0,
      host: "127.0.0.1",
      gracefulShutdownTimeout: "0 seconds"
    })
    const routes = Layer.mergeAll(mediaRoute(options.run), phoneRoutes(phone), unknownPaths)
    const app = HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true }).pipe(
      Layer.provideMerge(server),
      Layer.provide(observer),
      Layer.provide(feed),
      Layer.provide(options.services),
      Layer.provide(config),
      Layer.provide(ConfigProvider.layer(provider)),
      Layer.provide(options.log ?? Logger.layer([]))
    )
    const context = yield* Layer.build(app as Layer.Layer<HttpServer.HttpServer, unknown>).pipe(Effect.orDie)
    return new URL(HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)).host
  })

/** Serves an agent that is made of these services. */
export const serveAgent = (
  services: Layer.Layer<AgentServices, unknown, AppConfig>,
  options: Pick<PhoneServerOptions<never>, "phone" | "port" | "log" | "persona"> = {}
): Effect.Effect<string, never, Scope.Scope> =>
  servePhone({ ...options, run: runCall, services: Layer.merge(services, EndpointingByWords.layerFixed) })
