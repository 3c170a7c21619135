/** Whole runs of the program with everything logged and traced: what is secret or private is in no line, page, document or span. */
import { assert, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Queue, Tracer } from "effect"
import { fileURLToPath } from "node:url"
import { inspect } from "node:util"
import { hangUp, listen, say } from "../src/testing/CallerScript.ts"
import { connectSocket } from "../src/testing/CarrierConnection.ts"
import { chatEmulator } from "../src/testing/ChatEmulator.ts"
import { serveEmulator } from "../src/testing/EmulatorServer.ts"
import { sttEmulator } from "../src/testing/SttEmulator.ts"
import { ttsEmulator } from "../src/testing/TtsEmulator.ts"
import { placeCall } from "../src/testing/TwilioCaller.ts"
import { ask, callSid, openCall, postForm, signedEnv, signFor, tokenIn } from "./support/httpServer.ts"
import { startNode } from "./support/process.ts"
import { startProgram } from "./support/program.ts"
import { loadSpeech } from "./support/Speech.ts"

/** Answers when the first one does not. */
const SECOND_MODEL = "second/model"

const program = fileURLToPath(new URL("../src/main.ts", import.meta.url))

const secrets = {
  key: "together-key-not-to-be-seen",
  primary: signedEnv.TWILIO_AUTH_TOKEN,
  secondary: "secondary-not-to-be-seen",
  secondKey: "fallback-key-not-to-be-seen",
  phone: "phone-token-not-to-be-seen",
  caller: "+15550100",
  fallback: "+15550123",
  asked: "Where is my purple umbrella?",
  answered: "It hangs beside the yellow door."
}

/** The ways in which something may be written. */
const formsOf = (secret: string): ReadonlyArray<string> => [
  secret,
  encodeURIComponent(secret),
  secret.replaceAll(/\W/g, ""),
  Buffer.from(secret).toString("base64")
]

const assertNoneIn = (told: string, where: string, all: Readonly<Record<string, string>>): void => {
  for (const [name, secret] of Object.entries(all)) {
    for (const form of formsOf(secret)) {
      assert.isFalse(told.includes(form), `${name} is in ${where}: …${told.split(form)[0]?.slice(-200)}`)
    }
  }
}

/** A provider whose language model refuses every other question, repeating the key; its second model answers. */
const startProvider = Effect.gen(function* () {
  const stt = yield* sttEmulator({ words: [secrets.asked] })
  const tts = yield* ttsEmulator({})
  const chat = yield* chatEmulator({
    replies: ({ body }) =>
      body.model === SECOND_MODEL
        ? { text: secrets.answered }
        : { refusal: { status: 401, error: { message: `no such key: ${secrets.key}`, type: "authentication" } } }
  })
  const origin = yield* serveEmulator(Layer.mergeAll(stt.routes, tts.routes, chat.routes))
  const env = {
    ...signedEnv,
    TWILIO_AUTH_TOKEN_SECONDARY: secrets.secondary,
    TOGETHER_API_KEY: secrets.key,
    TOGETHER_BASE_URL: new URL("/v1", origin).href,
    LLM_FALLBACK_MODEL: SECOND_MODEL,
    FALLBACK_API_KEY: secrets.secondKey,
    FALLBACK_NUMBER: secrets.fallback,
    PHONE_TOKEN: secrets.phone,
    LOG_LEVEL: "all",
    LOG_FORMAT: "json"
  }
  return { chat, env }
})

/** A call in which all is well, and requests that are refused; gives all that the server sent back, and what nobody may see. */
const useEverything = Effect.fnUntraced(function* (host: string) {
  const fields = { CallSid: callSid(1), From: secrets.caller, To: "+15550199" }
  const { body } = yield* postForm(host, "/twiml", fields)
  const token = tokenIn(body)
  assert(token !== undefined)
  const call = yield* placeCall({
    connect: connectSocket(`ws://${host}/media-stream`),
    identity: { callSid: callSid(1) },
    parameters: { token, From: secrets.caller },
    script: [listen(), say(loadSpeech("yes")), listen(), hangUp]
  })
  assert.strictEqual(call.utterances.length, 1)

  // And all that goes wrong.
  const other = { ...fields, CallSid: callSid(2) }
  const answers = [
    yield* postForm(host, "/twiml", other, "wrong-signature-value"),
    yield* ask(`http://${host}/twiml?${new URLSearchParams(other).toString()}`),
    yield* ask(`http://${host}/health`),
    yield* ask(`http://${host}/ready`),
    yield* ask(`http://${host}/?token=${secrets.phone}`),
    yield* ask(`http://${host}/phone/config?token=${secrets.phone}`),
    yield* ask(`http://${host}/?token=a-wrong-phone-token`),
    yield* ask(`http://${host}/nothing?token=${secrets.phone}`)
  ]
  yield* postForm(host, "/twiml/after", fields)
  const refused = yield* openCall(host, callSid(1), { token })
  assert.deepStrictEqual(yield* refused.closed, [1008, "used token"])
  const { fallback, ...private_ } = secrets
  return {
    pages: answers.map((answer) => JSON.stringify([...answer.headers, answer.body])).join("\n"),
    // The fallback number is in documents, where it belongs; none of these answers is one.
    all: {
      ...private_,
      fallback,
      token,
      signature: signFor("/twiml", fields),
      wrong: "wrong-signature-value",
      wrongPhone: "a-wrong-phone-token"
    }
  }
})

it.live(
  "neither keys, tokens, signatures and numbers nor what was said are logged or shown",
  () =>
    Effect.gen(function* () {
      const { chat, env } = yield* startProvider
      const server = yield* startNode([program], { ...env, HOST: "127.0.0.1", PORT: "0", MAX_LAG_MS: "0" })
      const listening = yield* Effect.repeat(
        Effect.map(Queue.take(server.lines), (line) => JSON.parse(line)),
        { until: ({ message }) => message === "Listening" }
      )
      const { all, pages } = yield* useEverything(`127.0.0.1:${listening.annotations.port}`)
      assert.includeMembers(
        (yield* chat.requests).map(({ body }) => body.model),
        [SECOND_MODEL],
        "the second choice was asked"
      )

      yield* server.signal("SIGTERM")
      const { code, stderr, stdout } = yield* server.ended
      assert.strictEqual(code, 0)
      const told = stdout + stderr
      assert.include(told, callSid(1))
      assert.include(told, "media stream refused: used token")
      assert.include(told, "The language model failed; the next one is asked")
      assertNoneIn(told, "the log", all)
      assertNoneIn(pages, "an answer", all)
    }),
  60_000
)

it.live(
  "nor are they traced",
  () =>
    Effect.gen(function* () {
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const { env } = yield* startProvider
      const { all } = yield* Effect.gen(function* () {
        const { host } = yield* startProgram({ ...env, LOG_LEVEL: "none" }).pipe(
          Effect.provideService(Tracer.Tracer, tracer)
        )
        return yield* useEverything(host)
      }).pipe(Effect.scoped)
      const names = spans.map(({ name }) => name)
      for (const name of ["Call.run", "TextToSpeech.speak"]) assert.include(names, name)
      // As an exporter writes them.
      const told = spans
        .map(({ attributes, events, links, name, status }) => {
          const problem = status._tag === "Ended" && Exit.isFailure(status.exit) ? Cause.pretty(status.exit.cause) : ""
          return inspect([name, attributes, events, links], { depth: 6, maxStringLength: null }) + problem
        })
        .join("\n")
      assertNoneIn(told, "a span", all)
    }),
  60_000
)
