/** A program that has just started, with a provider whose voice is away from the start: the whole of it, on real sockets. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { hangUp, say, waitUntilAgentQuiet, waitUntilAgentSpeaks } from "../../src/testing/CallerScript.ts"
import { connectSocket } from "../../src/testing/CarrierConnection.ts"
import { chatEmulator } from "../../src/testing/ChatEmulator.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { sttEmulator } from "../../src/testing/SttEmulator.ts"
import { ttsEmulator } from "../../src/testing/TtsEmulator.ts"
import { type TtsConnectionFault, TtsConnectionFault as Fault } from "../../src/testing/TtsScript.ts"
import { placeCall } from "../../src/testing/TwilioCaller.ts"
import { callSid } from "../support/httpServer.ts"
import { startProgram } from "../support/program.ts"
import { loadSpeech } from "../support/Speech.ts"

/** How often the agent was heard after a second of silence, before and after the caller's question. */
const callRightAway = (fault: TtsConnectionFault): Effect.Effect<readonly [number, number], unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const chat = yield* chatEmulator({ replies: ["We open at nine."] })
    const stt = yield* sttEmulator({ words: ["When do you open?"] })
    const tts = yield* ttsEmulator({ connectionFault: () => fault })
    const origin = yield* serveEmulator(Layer.mergeAll(chat.routes, stt.routes, tts.routes))
    const { host } = yield* startProgram({
      TOGETHER_API_KEY: "key",
      TOGETHER_BASE_URL: new URL("/v1", origin).href,
      FIRST_AUDIO_DEADLINE_MS: "2500",
      LOG_LEVEL: "none"
    })
    const wait = { timeoutMs: 10_000 }
    const call = yield* placeCall({
      connect: connectSocket(`ws://${host}/media-stream`),
      identity: { callSid: callSid(1) },
      script: [
        waitUntilAgentSpeaks(wait),
        waitUntilAgentQuiet(1000, wait),
        say(loadSpeech("question")),
        waitUntilAgentSpeaks(wait),
        waitUntilAgentQuiet(1000, wait),
        hangUp
      ]
    })
    assert.deepStrictEqual(call.failures, [])
    const [asked] = call.utterances
    assert(asked !== undefined)
    const track = call.recording.agent()
    const loud = (fromMs: number, untilMs: number): number =>
      track.subarray(fromMs * 8, untilMs * 8).filter((sample) => Math.abs(sample) > 500).length / 8
    return [loud(0, asked.startMs), loud(asked.endMs, call.recording.durationMs)]
  })

it.live.each([
  ["refuses to be called", Fault.Refuse({ status: 503 })],
  ["says nothing", Fault.HalfOpen()]
] as const)(
  "the voice %s: caller is greeted and apologised to in the built-in one",
  ([, fault]) =>
    Effect.gen(function* () {
      const [greeted, answered] = yield* callRightAway(fault)
      assert.isAbove(greeted, 500)
      assert.isAbove(answered, 500)
    }),
  60_000
)
