/** A whole run of the program with everything logged: what is secret or private is in none of its lines. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Queue } from "effect"
import { fileURLToPath } from "node:url"
import { hangUp, listen, say } from "../src/testing/CallerScript.ts"
import { connectSocket } from "../src/testing/CarrierConnection.ts"
import { chatEmulator } from "../src/testing/ChatEmulator.ts"
import { serveEmulator } from "../src/testing/EmulatorServer.ts"
import { sttEmulator } from "../src/testing/SttEmulator.ts"
import { ttsEmulator } from "../src/testing/TtsEmulator.ts"
import { placeCall } from "../src/testing/TwilioCaller.ts"
import { ask, callSid, openCall, postForm, signedEnv, signFor, tokenIn } from "./support/httpServer.ts"
import { startNode } from "./support/process.ts"
import { loadSpeech } from "./support/Speech.ts"

const program = fileURLToPath(new URL("../src/main.ts", import.meta.url))

const secrets = {
  key: "together-key-not-to-be-seen",
  primary: signedEnv.TWILIO_AUTH_TOKEN,
  secondary: "secondary-not-to-be-seen",
  caller: "+15550100",
  fallback: "+15550123",
  asked: "Where is my purple umbrella?",
  answered: "It hangs beside the yellow door."
}

it.live(
  "neither keys, tokens, signatures and numbers nor what was said are logged",
  () =>
    Effect.gen(function* () {
      const stt = yield* sttEmulator({ words: [secrets.asked] })
      const tts = yield* ttsEmulator({})
      const chat = yield* chatEmulator({
        replies: ({ number }) =>
          number % 2 === 1
            ? { text: secrets.answered }
            : { refusal: { status: 401, error: { message: `no such key: ${secrets.key}`, type: "authentication" } } }
      })
      const together = yield* serveEmulator(Layer.mergeAll(stt.routes, tts.routes, chat.routes))
      const server = yield* startNode([program], {
        ...signedEnv,
        TWILIO_AUTH_TOKEN_SECONDARY: secrets.secondary,
        TOGETHER_API_KEY: secrets.key,
        TOGETHER_BASE_URL: new URL("/v1", together).href,
        FALLBACK_NUMBER: secrets.fallback,
        HOST: "127.0.0.1",
        PORT: "0",
        MAX_LAG_MS: "0",
        LOG_LEVEL: "all",
        LOG_FORMAT: "json"
      })
      const listening = yield* Effect.repeat(
        Effect.map(Queue.take(server.lines), (line) => JSON.parse(line)),
        { until: ({ message }) => message === "Listening" }
      )
      const host = `127.0.0.1:${listening.annotations.port}`

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
      assert.isAtLeast((yield* chat.requests).length, 1)

      // And all that goes wrong.
      const other = { ...fields, CallSid: callSid(2) }
      yield* postForm(host, "/twiml", other, "wrong-signature-value")
      yield* ask(`http://${host}/twiml?${new URLSearchParams(other).toString()}`)
      yield* postForm(host, "/twiml/after", fields)
      const refused = yield* openCall(host, callSid(1), { token })
      assert.deepStrictEqual(yield* refused.closed, [1008, "used token"])

      yield* server.signal("SIGTERM")
      const { code, stderr, stdout } = yield* server.ended
      assert.strictEqual(code, 0)
      const told = stdout + stderr
      assert.include(told, callSid(1))
      assert.include(told, "media stream refused: used token")
      const all = { ...secrets, token, signature: signFor("/twiml", fields), wrong: "wrong-signature-value" }
      for (const [name, secret] of Object.entries(all)) {
        for (const form of [secret, encodeURIComponent(secret), secret.replaceAll(/\W/g, "")]) {
          assert.isFalse(told.includes(form), `${name} is in the log: …${told.split(form)[0]?.slice(-200)}`)
        }
      }
    }),
  60_000
)
