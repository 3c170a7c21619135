/** The same scenario as a simulation's in real time and on real sockets: caller, webhook, media stream, and emulators of every service. Owns the processes' parts, not what they do. */
import { Context, Deferred, Effect, Layer, Metric, Option, Random, type Scope } from "effect"
import { FetchHttpClient, HttpServer } from "effect/http"
import * as Edge from "../layers/Edge.ts"
import { serverLayer } from "../layers/HttpServer.ts"
import * as TogetherLanguageModel from "../layers/TogetherLanguageModel.ts"
import * as TogetherSpeechToText from "../layers/TogetherSpeechToText.ts"
import * as TogetherTextToSpeech from "../layers/TogetherTextToSpeech.ts"
import * as VendorSockets from "../layers/VendorSockets.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { type MediaLink } from "../services/MediaLink.ts"
import { runCall } from "../streams/Call.ts"
import { type CallReport, type LogLine, reportOf } from "./CallReport.ts"
import { type ConnectError } from "./CarrierConnection.ts"
import { chatEmulator, type ChatEvent } from "./ChatEmulator.ts"
import { toChatEmulator, toSttEmulator, toTtsEmulator } from "./EmulatorScripts.ts"
import { serveEmulator } from "./EmulatorServer.ts"
import { type GroundTruth, makeGroundTruth } from "./GroundTruth.ts"
import { httpCall, type WebhookError } from "./HttpCall.ts"
import { type LanguageModelRequest } from "./ScriptedLanguageModel.ts"
import { defaultTextToSpeechScript } from "./ScriptedTextToSpeech.ts"
import { scriptedVoiceActivity } from "./ScriptedVoiceActivity.ts"
import {
  configOf,
  endpointing,
  keptSpeech,
  listeningTo,
  speechToTextOf,
  type Watch,
  watching
} from "./SimulatedServices.ts"
import { awaitDone, callerOptions, keepingLog, makeFiberCount, type ScenarioOptions, telling } from "./Simulation.ts"
import { sttEmulator, type SttEvent } from "./SttEmulator.ts"
import { ttsEmulator, type TtsEvent } from "./TtsEmulator.ts"
import { type TwimlError } from "./Twiml.ts"

/** A call that was held over real sockets. */
export interface LiveReport extends CallReport {
  /** What the emulators saw. */
  readonly emulators: {
    readonly chat: ReadonlyArray<ChatEvent>
    readonly speechToText: ReadonlyArray<SttEvent>
    readonly textToSpeech: ReadonlyArray<TtsEvent>
  }
}

/** How long a connection may take to be closed once its call is over. */
const CLOSE_WITHIN = "2 seconds"

/** Connections that are open, as far as an emulator has told. */
const openOf = (events: ReadonlyArray<SttEvent | TtsEvent>): ReadonlyArray<number> => {
  const open = new Set<number>()
  for (const { _tag, connection } of events) {
    if (_tag === "Ready") open.add(connection)
    if (_tag === "Closed") open.delete(connection)
  }
  return [...open]
}

/** Emulators of all services on one port, and what they saw. */
const startEmulators = (options: ScenarioOptions, requests: Array<LanguageModelRequest>) =>
  Effect.gen(function* () {
    const { languageModel, textToSpeech } = options.services
    const chat = yield* chatEmulator(toChatEmulator(listeningTo(languageModel, requests)))
    const stt = yield* sttEmulator(toSttEmulator(speechToTextOf(options.services, options.script)))
    const tts = yield* ttsEmulator(toTtsEmulator({ ...defaultTextToSpeechScript, ...textToSpeech }))
    const origin = yield* serveEmulator(Layer.mergeAll(chat.routes, stt.routes, tts.routes))
    /** Waits for the connections to be closed; how many were not. */
    const close = Effect.gen(function* () {
      const sttOpen = openOf(yield* stt.events).map((n) =>
        stt.awaitEvent("Closed", ({ connection }) => connection === n)
      )
      const ttsOpen = openOf(yield* tts.events).map((n) =>
        tts.awaitEvent("Closed", ({ connection }) => connection === n)
      )
      const closed = yield* Effect.forEach([...sttOpen, ...ttsOpen], Effect.timeoutOption(CLOSE_WITHIN), {
        concurrency: "unbounded"
      })
      return closed.filter(Option.isNone).length
    })
    const events = Effect.all({ chat: chat.events, speechToText: stt.events, textToSpeech: tts.events })
    return { baseUrl: new URL("/v1", origin), close, events }
  })

/** The product's own layers, asking the emulators; only the voice detector is a stand-in. */
const services = (options: ScenarioOptions, baseUrl: URL, truth: GroundTruth, watch: Watch) => {
  const config = configOf(options)
  const vendors = Layer.mergeAll(TogetherLanguageModel.layer, TogetherSpeechToText.layer, TogetherTextToSpeech.layer)
  return Layer.mergeAll(
    vendors,
    watching(watch),
    endpointing(config),
    keptSpeech(options),
    scriptedVoiceActivity(options.services.voiceActivity, truth)
  ).pipe(
    Layer.provideMerge(Layer.succeed(AppConfig, { ...config, together: { ...config.together, baseUrl } })),
    Layer.provide([VendorSockets.layer, FetchHttpClient.layer])
  )
}

/** Serves calls on a free port of 127.0.0.1 until the scope closes; gives the URL of the webhook. */
const startServer = (
  run: (link: MediaLink) => Effect.Effect<void>,
  config: Context.Context<AppConfig>,
  log: Array<LogLine>
): Effect.Effect<URL, never, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Layer.build(
      serverLayer(run).pipe(
        Layer.provide(Edge.layerOpen),
        Layer.provide(Layer.succeedContext(config)),
        Layer.provide(keepingLog(log)),
        Layer.orDie
      )
    )
    return new URL("/twiml", HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address))
  })

const hold = (
  options: ScenarioOptions
): Effect.Effect<LiveReport, WebhookError | TwimlError | ConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const truth = yield* makeGroundTruth
    const watch: Watch = { events: [], openedMs: 0 }
    const requests: Array<LanguageModelRequest> = []
    const log: Array<LogLine> = []
    const emulators = yield* startEmulators(options, requests)
    const context = yield* Layer.build(services(options, emulators.baseUrl, truth, watch))

    const fibers = makeFiberCount()
    const done = yield* Deferred.make<number>()
    const run = (link: MediaLink): Effect.Effect<void> =>
      runCall(link).pipe(
        Effect.provideContext(context),
        Effect.provide(keepingLog(log)),
        Effect.provideService(Metric.FiberRuntimeMetrics, fibers.service),
        telling(done)
      )
    const webhookUrl = yield* startServer(run, context, log)

    const call = yield* httpCall({
      ...callerOptions(options),
      webhookUrl,
      groundTruth: truth,
      allowInsecure: true
    }).pipe(Effect.provide(FetchHttpClient.layer))
    const { originMs = 0 } = yield* truth.current
    const doneAfterMs = yield* awaitDone(done, originMs + call.recording.durationMs)
    const report = reportOf({
      call,
      events: watch.events,
      lineTime: (ms) => ms + watch.openedMs - originMs,
      requests,
      log,
      remains: { doneAfterMs, fibers: fibers.alive(), sockets: yield* emulators.close }
    })
    return { ...report, emulators: yield* emulators.events }
  })

/**
 * Holds a call in real time, from the webhook on, with the product's own server and clients on real sockets.
 *
 * Takes as long as the call lasts. Parameters of the scenario are not passed on: the call document has the last word.
 */
export const simulateLive = (
  options: ScenarioOptions
): Effect.Effect<LiveReport, WebhookError | TwimlError | ConnectError> =>
  hold(options).pipe(Effect.scoped, Random.withSeed(options.seed ?? 1))
