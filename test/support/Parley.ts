/** The whole server on a port of its own, with Together's three endpoints emulated on another. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Context, Duration, Effect, Layer, Redacted } from "effect"
import { FetchHttpClient, HttpServer } from "effect/http"
import * as Edge from "../../src/layers/Edge.ts"
import * as EndpointingByWords from "../../src/layers/EndpointingByWords.ts"
import { serverLayer } from "../../src/layers/HttpServer.ts"
import * as SileroVoiceActivity from "../../src/layers/SileroVoiceActivity.ts"
import * as TogetherLanguageModel from "../../src/layers/TogetherLanguageModel.ts"
import * as TogetherSpeechToText from "../../src/layers/TogetherSpeechToText.ts"
import * as TogetherTextToSpeech from "../../src/layers/TogetherTextToSpeech.ts"
import { type CallEvent } from "../../src/schema/CallEvent.ts"
import { type TurnSettings, defaultTurnSettings } from "../../src/schema/TurnSettings.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { CallObserver } from "../../src/services/CallObserver.ts"
import { runCall } from "../../src/streams/Call.ts"
import { defaultEndpointingSettings } from "../../src/streams/Endpointing.ts"
import { chatEmulator, type ChatEmulatorScript } from "../../src/testing/ChatEmulator.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { sttEmulator, type SttEmulatorScript } from "../../src/testing/SttEmulator.ts"
import { ttsEmulator, type TtsEmulatorScript } from "../../src/testing/TtsEmulator.ts"

/** What the emulated services do, and what is different from the defaults. */
export interface ParleyOptions {
  readonly stt?: SttEmulatorScript
  readonly tts?: TtsEmulatorScript
  readonly chat: ChatEmulatorScript
  readonly turns?: Partial<TurnSettings>
}

/** Starts it all in the scope. */
export const startParley = Effect.fnUntraced(function* (options: ParleyOptions) {
  const stt = yield* sttEmulator(options.stt ?? {})
  const tts = yield* ttsEmulator(options.tts ?? {})
  const chat = yield* chatEmulator(options.chat)
  const together = yield* serveEmulator(Layer.mergeAll(stt.routes, tts.routes, chat.routes))

  const config = Layer.succeed(AppConfig, {
    server: { host: "127.0.0.1", port: 0, publicUrl: undefined },
    together: {
      apiKey: Redacted.make("test-key"),
      baseUrl: new URL("/v1", together),
      sttModel: "stt",
      llmModel: "llm",
      ttsModel: "tts",
      ttsVoice: "voice"
    },
    persona: { id: "test", name: "Test", prompt: "You are a test.", greeting: "Hello, how can I help you today?" },
    turns: { ...defaultTurnSettings, ...options.turns },
    deadlines: {
      transcript: Duration.millis(1500),
      firstToken: Duration.seconds(5),
      stall: Duration.seconds(4),
      firstAudio: Duration.seconds(5)
    },
    vadModelPath: undefined
  })
  const events: Array<CallEvent> = []
  const observer = Layer.succeed(CallObserver, {
    open: () => Effect.succeed((event: CallEvent) => Effect.sync(() => void events.push(event)))
  })
  const services = Layer.mergeAll(
    SileroVoiceActivity.layer,
    EndpointingByWords.layer(defaultEndpointingSettings),
    TogetherSpeechToText.layer,
    TogetherTextToSpeech.layer,
    TogetherLanguageModel.layer,
    observer
  ).pipe(Layer.provide([NodeWS.layerWebSocketConstructor, FetchHttpClient.layer]))
  const server = serverLayer(runCall).pipe(
    Layer.provide([services, Edge.layerOpen]),
    Layer.provide(config),
    Layer.orDie
  )
  const context = yield* Layer.build(server)
  const address = Context.get(context, HttpServer.HttpServer).address
  const port = address._tag === "UnixPathAddress" ? 0 : address.port
  return { stt, tts, chat, events, url: new URL(`http://127.0.0.1:${port}`) }
})
