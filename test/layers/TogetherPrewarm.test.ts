import { assert, describe, it } from "@effect/vitest"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Context, Effect, Layer, Queue, Redacted, Stream } from "effect"
import * as LanguageModel from "effect/ai/LanguageModel"
import { FetchHttpClient, HttpRouter, HttpServerResponse } from "effect/http"
import { createServer, type IncomingMessage, type Server } from "node:http"
import { fileURLToPath } from "node:url"
import * as Choices from "../../src/layers/Choices.ts"
import * as KeptHttpClient from "../../src/layers/KeptHttpClient.ts"
import * as Providers from "../../src/layers/Providers.ts"
import * as ReadySockets from "../../src/layers/ReadySockets.ts"
import * as TogetherLanguageModel from "../../src/layers/TogetherLanguageModel.ts"
import * as TogetherPrewarm from "../../src/layers/TogetherPrewarm.ts"
import * as TogetherSpeechToText from "../../src/layers/TogetherSpeechToText.ts"
import * as TogetherTextToSpeech from "../../src/layers/TogetherTextToSpeech.ts"
import { AppConfig, type TogetherSettings } from "../../src/services/AppConfig.ts"
import { FallbackConfig } from "../../src/services/FallbackConfig.ts"
import { Prewarm } from "../../src/services/Prewarm.ts"
import { SpeechToText } from "../../src/services/SpeechToText.ts"
import { TextToSpeech } from "../../src/services/TextToSpeech.ts"
import { chatEmulator } from "../../src/testing/ChatEmulator.ts"
import { hangUp, waitUntilAgentSpeaks } from "../../src/testing/CallerScript.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { httpCall } from "../../src/testing/HttpCall.ts"
import { SttConnectionFault, sttEmulator } from "../../src/testing/SttEmulator.ts"
import { ttsEmulator } from "../../src/testing/TtsEmulator.ts"
import { callSid, openCall, postForm, serve, signedEnv, signFor } from "../support/httpServer.ts"
import { startNode } from "../support/process.ts"
import { configLayer, KEY, say } from "../support/Recognition.ts"

const services = (config: Layer.Layer<AppConfig>) =>
  Layer.mergeAll(
    TogetherPrewarm.layer.pipe(Layer.provide(Choices.layer)),
    TogetherSpeechToText.layer,
    TogetherTextToSpeech.layer,
    TogetherLanguageModel.layer
  ).pipe(
    Layer.provide([
      config,
      KeptHttpClient.layer,
      ReadySockets.layer({ limit: 4 }).pipe(Layer.provide(NodeWS.layerWebSocketConstructor))
    ])
  )

/** A service that counts the connections it is reached on. */
const countingServer = (answer: (request: IncomingMessage) => string) =>
  Effect.gen(function* () {
    const connections: Array<unknown> = []
    const requests: Array<string> = []
    const server = yield* Effect.acquireRelease(
      Effect.callback<Server>((resume) => {
        const server = createServer((request, response) => {
          requests.push(`${request.method} ${request.url}`)
          request.resume().on("end", () => {
            response.setHeader("content-type", "text/event-stream")
            response.end(answer(request))
          })
        })
        server.on("connection", (socket) => connections.push(socket))
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    const url = new URL(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/v1`)
    return { url, connections, requests }
  })

const reply = [
  { choices: [{ index: 0, delta: { content: "Yes." }, finish_reason: null }] },
  { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }
]
const replied = `${reply.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("")}data: [DONE]\n\n`

describe("a call that was announced", () => {
  it.live("finds recognition and the voice connected", () =>
    Effect.gen(function* () {
      const stt = yield* sttEmulator({ apiKey: Redacted.make(KEY) })
      const tts = yield* ttsEmulator({ apiKey: Redacted.make(KEY) })
      const chat = yield* chatEmulator({ replies: ["Yes."] })
      const origin = yield* serveEmulator(Layer.mergeAll(stt.routes, tts.routes, chat.routes))
      const context = yield* Layer.build(services(configLayer(new URL("/v1", origin))))
      yield* Context.get(context, Prewarm).prepare
      yield* stt.awaitEvent("Ready")
      yield* tts.awaitEvent("Ready")

      const recognition = yield* Context.get(context, SpeechToText).open
      assert.strictEqual(yield* say(recognition, 1, 5), "segment 0")
      const voice = yield* Context.get(context, TextToSpeech).open
      assert.isAbove((yield* Stream.runCollect(voice.speak(Stream.make("Hello.")))).length, 0)
      for (const emulator of [stt, tts]) {
        const events: ReadonlyArray<{ readonly _tag: string }> = yield* emulator.events
        assert.strictEqual(events.filter(({ _tag }) => _tag === "Asked").length, 1)
      }
    })
  )

  it.live("asks the language model on connections that are there", () =>
    Effect.gen(function* () {
      const { connections, requests, url } = yield* countingServer(() => replied)
      const client = yield* Layer.build(KeptHttpClient.layer)
      const model = yield* Effect.provideContext(
        TogetherLanguageModel.make({ baseUrl: url, apiKey: Redacted.make(KEY), model: "llm" }),
        client
      )
      yield* Effect.provideContext(TogetherLanguageModel.connectAhead(url), client)
      for (let turn = 0; turn < 3; turn++) yield* Stream.runDrain(model.streamText({ prompt: "Are you there?" }))
      const chat = "POST /v1/chat/completions"
      assert.deepStrictEqual(requests, ["OPTIONS /v1/chat/completions", chat, chat, chat])
      // The first one may come before its connection is known to be free again, and open another.
      assert.isAtMost(connections.length, 2)
    })
  )

  it.live("is held all the same when nothing could be made ready", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(services(configLayer(new URL("http://127.0.0.1:1/v1"))))
      yield* Context.get(context, Prewarm).prepare
      yield* Effect.provideContext(
        TogetherLanguageModel.connectAhead(new URL("http://127.0.0.1:1/v1")),
        yield* Layer.build(KeptHttpClient.layer)
      )
    })
  )
})

describe("a call that was announced, with a second choice of everything", () => {
  /** All three services, and how often each was connected to ahead of a request or for one; `refuses`: they do not take the key. */
  const provider = Effect.fnUntraced(function* (refuses: boolean) {
    const fault = refuses ? { connectionFault: () => SttConnectionFault.Refuse({ status: 401 }) } : {}
    const stt = yield* sttEmulator(fault)
    const tts = yield* ttsEmulator(fault)
    const ahead = yield* Queue.unbounded<void>()
    const answer = refuses
      ? HttpServerResponse.empty({ status: 401 })
      : HttpServerResponse.text(replied, { contentType: "text/event-stream" })
    const chat = Layer.merge(
      HttpRouter.add("POST", "/v1/chat/completions", answer),
      HttpRouter.add(
        "OPTIONS",
        "/v1/chat/completions",
        Effect.as(Queue.offer(ahead, undefined), HttpServerResponse.empty())
      )
    )
    const origin = yield* serveEmulator(Layer.mergeAll(stt.routes, tts.routes, chat))
    const asked = Effect.gen(function* () {
      const times = (events: ReadonlyArray<{ readonly _tag: string }>) =>
        events.filter(({ _tag }) => _tag === "Asked").length
      return { stt: times(yield* stt.events), tts: times(yield* tts.events), ahead: Queue.sizeUnsafe(ahead) }
    })
    return { url: new URL("/v1", origin), stt, tts, ahead, asked }
  })

  const make = Effect.fnUntraced(function* (fails: boolean) {
    const first = yield* provider(fails)
    const second = yield* provider(false)
    const config = yield* Effect.provide(AppConfig, configLayer(first.url))
    const there: TogetherSettings = { ...config.together, baseUrl: second.url }
    const context = yield* Layer.build(
      Layer.merge(Providers.layer, TogetherPrewarm.layer).pipe(
        Layer.provide([
          Choices.layer,
          KeptHttpClient.layer,
          ReadySockets.layer({ limit: 4 }).pipe(Layer.provide(NodeWS.layerWebSocketConstructor))
        ]),
        Layer.provide(Layer.succeed(AppConfig, config)),
        Layer.provide(Layer.succeed(FallbackConfig, { speechToText: there, languageModel: there, textToSpeech: there }))
      )
    )
    /** Has each service do something, in a call. */
    const call = Effect.gen(function* () {
      const recognition = yield* Context.get(context, SpeechToText).open
      assert.match(yield* say(recognition, 1, 5), /^segment \d$/)
      const voice = yield* Context.get(context, TextToSpeech).open
      assert.isAbove((yield* Stream.runCollect(voice.speak(Stream.make("Hello.")))).length, 0)
      const model = Context.get(context, LanguageModel.LanguageModel)
      yield* Stream.runDrain(model.streamText({ prompt: "Are you there?" }))
    }).pipe(Effect.scoped)
    return { first, second, call, prepare: Context.get(context, Prewarm).prepare }
  })

  it.live("does not touch it while the first one works", () =>
    Effect.gen(function* () {
      const { call, first, prepare, second } = yield* make(false)
      yield* prepare
      yield* Queue.take(first.ahead)
      yield* call
      yield* prepare
      yield* Queue.take(first.ahead)
      assert.deepStrictEqual(yield* second.asked, { stt: 0, tts: 0, ahead: 0 })
    })
  )

  it.live("finds it connected once the first one has failed", () =>
    Effect.gen(function* () {
      const { call, prepare, second } = yield* make(true)
      yield* call
      assert.deepStrictEqual(yield* second.asked, { stt: 1, tts: 1, ahead: 0 })
      yield* prepare
      yield* Queue.take(second.ahead)
      yield* second.stt.awaitEvent("Ready", ({ connection }) => connection === 1)
      yield* second.tts.awaitEvent("Ready", ({ connection }) => connection === 1)
      yield* call
      assert.deepStrictEqual(yield* second.asked, { stt: 2, tts: 2, ahead: 0 })
    })
  )
})

describe("the webhook", () => {
  const counting = () => {
    let prepared = 0
    return { count: () => prepared, prewarm: { prepare: Effect.sync(() => void prepared++) } }
  }

  it.live("announces a call, and none that it turns away", () => {
    const { count, prewarm } = counting()
    return Effect.gen(function* () {
      const host = yield* serve(() => Effect.void, { env: signedEnv })
      const fields = { CallSid: callSid(1) }
      assert.strictEqual((yield* postForm(host, "/twiml", fields, "wrong")).status, 403)
      assert.strictEqual(count(), 0)
      yield* postForm(host, "/twiml", fields, signFor("/twiml", fields))
      assert.strictEqual(count(), 1)
    }).pipe(Effect.provideService(Prewarm, prewarm))
  })

  it.live("announces one where nothing is verified, too, but none that there is no room for", () => {
    const { count, prewarm } = counting()
    return Effect.gen(function* () {
      const host = yield* serve((link) => Stream.runDrain(link.inbound), { env: { MAX_CALLS: "1" } })
      const post = postForm(host, "/twiml", { CallSid: callSid(1) }, "")
      yield* post
      assert.strictEqual(count(), 1)
      yield* openCall(host)
      yield* Effect.repeat(post, { until: ({ body }) => body.includes("busy") })
      const before = count()
      yield* post
      assert.strictEqual(count(), before)
    }).pipe(Effect.provideService(Prewarm, prewarm))
  })
})

describe("the program", { timeout: 30_000 }, () => {
  it.live("connects to recognition once for a call: while the phone rings", () =>
    Effect.gen(function* () {
      const stt = yield* sttEmulator({ apiKey: Redacted.make(KEY) })
      const tts = yield* ttsEmulator({ apiKey: Redacted.make(KEY) })
      const chat = yield* chatEmulator({ replies: ["Yes."] })
      const origin = yield* serveEmulator(Layer.mergeAll(stt.routes, tts.routes, chat.routes))
      const program = yield* startNode([fileURLToPath(new URL("../../src/main.ts", import.meta.url))], {
        TOGETHER_API_KEY: KEY,
        TOGETHER_BASE_URL: new URL("/v1", origin).href,
        HOST: "127.0.0.1",
        PORT: "0",
        LOG_FORMAT: "json"
      })
      const listening = yield* Effect.repeat(Queue.take(program.lines), { until: (line) => line.includes("Listening") })
      const webhookUrl = new URL("/twiml", JSON.parse(listening).annotations.url)
      // One that rings and never comes: what was opened for it is there for the next one.
      yield* postForm(webhookUrl.host, "/twiml", { CallSid: callSid(1) }, "")
      yield* stt.awaitEvent("Ready")
      const script = [waitUntilAgentSpeaks(), hangUp]
      const call = yield* httpCall({ script, webhookUrl, allowInsecure: true }).pipe(
        Effect.provide(FetchHttpClient.layer)
      )
      assert.deepStrictEqual(call.failures, [])
      yield* stt.awaitEvent("Closed")
      const asked = (yield* stt.events).filter(({ _tag }) => _tag === "Asked")
      // Once for each that rang, and not by the call.
      assert.strictEqual(asked.length, 2)
    })
  )
})
