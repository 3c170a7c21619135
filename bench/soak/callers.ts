/** The other end of the real calls, in a process of its own so that only the server's is measured: emulators of every service, and callers who ask, interrupt, press keys, hang up and get lost. */
import { Effect, Layer, Queue } from "effect"
import { request } from "node:http"
import {
  type CallerScript,
  hangUp,
  interrupt,
  listen,
  pause,
  press,
  reset,
  say,
  waitUntilAgentSpeaks
} from "../../src/testing/CallerScript.ts"
import { connectSocket } from "../../src/testing/CarrierConnection.ts"
import { chatEmulator } from "../../src/testing/ChatEmulator.ts"
import { type ChatReply } from "../../src/testing/ChatReply.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { sttEmulator } from "../../src/testing/SttEmulator.ts"
import { SttCommitFault, SttConnectionFault } from "../../src/testing/SttScript.ts"
import { ttsEmulator } from "../../src/testing/TtsEmulator.ts"
import { TtsItemFault } from "../../src/testing/TtsScript.ts"
import { placeCall } from "../../src/testing/TwilioCaller.ts"
import { callSid, signFor, tokenIn } from "../../test/support/httpServer.ts"
import { loadSpeech } from "../../test/support/Speech.ts"
import { type FromCallers, type Wave } from "./Waves.ts"

/** Each call begins this much later than the one before it, as calls do. */
const STAGGER_MS = 30

const wait = { timeoutMs: 12_000 }
const question = say(loadSpeech("question"))

/** What callers do, in turn. */
const scripts: ReadonlyArray<CallerScript> = [
  [listen(400, wait), question, listen(400, wait), say(loadSpeech("yes")), listen(400, wait), hangUp],
  [
    listen(400, wait),
    question,
    interrupt({ afterMs: 500, say: loadSpeech("stop"), ...wait }),
    listen(400, wait),
    hangUp
  ],
  [waitUntilAgentSpeaks(wait), pause(300), hangUp],
  [listen(400, wait), question, waitUntilAgentSpeaks(wait), pause(400), reset],
  [listen(400, wait), press("12#"), listen(400, wait), question, pause(200), hangUp],
  [pause(50), reset],
  [listen(400, wait), say(loadSpeech("question").subarray(0, 8000)), reset]
]

const answer = "We open at nine in the morning. Is there anything else that I can do for you today?"

/** Most answers are fine; of every twelve, some are not. */
const reply = (number: number): ChatReply => {
  const pace = { firstToken: "80 millis", tokensPerSecond: 80 } as const
  switch (number % 12) {
    case 3:
      return { refusal: { status: 500 } }
    case 6:
      return { text: answer, pace, fault: { kind: "cut", afterTokens: 8 } }
    case 9:
      return { text: answer, pace, fault: { kind: "stall", afterTokens: 8 } }
    default:
      return { text: answer, pace }
  }
}

const send = (message: FromCallers): void => void process.send?.(message)

/** Asks the webhook, on a connection of its own: one that is kept for the next request would look like a leftover. */
const post = (host: string, path: string, fields: Readonly<Record<string, string>>): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const body = new URLSearchParams(fields).toString()
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      "content-length": Buffer.byteLength(body),
      "x-twilio-signature": signFor(path, fields)
    }
    const asked = request(`http://${host}${path}`, { method: "POST", agent: false, headers }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (part: string) => void (text += part))
      response.on("end", () => resume(Effect.succeed(text)))
    })
    asked.on("error", (error) => resume(Effect.die(error)))
    asked.end(body)
  })

const hold = (host: string, number: number) =>
  Effect.gen(function* () {
    const sid = callSid(number)
    const fields = { CallSid: sid, From: "+15005550006", To: "+15005550010" }
    const token = tokenIn(yield* post(host, "/twiml", fields))
    if (token === undefined) return { audible: false, end: "turned away" }
    const call = yield* placeCall({
      connect: connectSocket(`ws://${host}/media-stream`),
      identity: { callSid: sid },
      parameters: { token },
      script: scripts[number % scripts.length] ?? [hangUp]
    })
    yield* post(host, "/twiml/after", fields)
    return { audible: call.playout.playedBytes > 0, end: call.end._tag }
  }).pipe(
    Effect.scoped,
    Effect.catch((error) => Effect.succeed({ audible: false, end: error.message }))
  )

const program = Effect.gen(function* () {
  const chat = yield* chatEmulator({ replies: ({ number }) => reply(number) })
  const stt = yield* sttEmulator({
    words: () => "What time do you open tomorrow?",
    latency: "60 millis",
    connectionFault: (connection) => (connection % 23 === 7 ? SttConnectionFault.Refuse({ status: 503 }) : undefined),
    commitFault: (commit) => (commit % 17 === 5 ? SttCommitFault.Cut() : undefined)
  })
  const tts = yield* ttsEmulator({
    firstAudio: "60 millis",
    // Twice as fast as people, so that there are more calls in a minute.
    charactersPerSecond: 30,
    itemFault: ({ number }) => (number % 29 === 11 ? TtsItemFault.Cut({ afterMs: 300 }) : undefined)
  })
  const origin = yield* serveEmulator(Layer.mergeAll(chat.routes, stt.routes, tts.routes))

  const waves = yield* Queue.unbounded<Wave>()
  process.on("message", (wave: Wave) => void Queue.offerUnsafe(waves, wave))
  send({ _tag: "Ready", origin: origin.href })
  for (;;) {
    const { count, first, host } = yield* Queue.take(waves)
    const calls = yield* Effect.forEach(
      Array.from({ length: count }, (_, index) => index),
      (index) => Effect.delay(hold(host, first + index), index * STAGGER_MS),
      { concurrency: "unbounded" }
    )
    send({ _tag: "Held", calls })
  }
})

process.on("disconnect", () => process.exit(0))
await Effect.runPromise(Effect.scoped(program))
