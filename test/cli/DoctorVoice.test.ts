import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { FetchHttpClient, HttpRouter, HttpServerResponse } from "effect/http"
import { checkVoice } from "../../src/cli/DoctorVoice.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { TtsConnectionFault, ttsEmulator, type TtsEmulatorScript } from "../../src/testing/TtsEmulator.ts"

const kokoro = "hexgrad/Kokoro-82M"

const look = (origin: URL, ttsVoice: string) => {
  const settings = {
    apiKey: Redacted.make("not-to-be-seen"),
    baseUrl: new URL("/v1/", origin),
    sttModel: "stt",
    llmModel: "llm",
    ttsModel: kokoro,
    ttsVoice
  }
  return Effect.map(checkVoice("TTS_VOICE", settings), (found) => {
    assert.strictEqual(found.about, "voice")
    assert.notInclude(JSON.stringify(found), "not-to-be-seen")
    return found
  }).pipe(Effect.provide(Layer.merge(NodeWS.layerWebSocketConstructor, FetchHttpClient.layer)))
}

/** A provider that gives this list, or none. */
const listing = (list: HttpServerResponse.HttpServerResponse) =>
  serveEmulator(HttpRouter.add("GET", "/v1/voices", list))

/** Looks for a voice at a provider that follows a script; what was asked of its socket comes with it. */
const lookAt = Effect.fnUntraced(function* (script: TtsEmulatorScript, voice: string) {
  const tts = yield* ttsEmulator({ apiKey: Redacted.make("not-to-be-seen"), ...script })
  const found = yield* look(yield* serveEmulator(tts.routes), voice)
  return { found, events: yield* tts.events }
})

const voices = ["af_bella", "af_heart", "am_adam", "bf_emma"]

describe("a provider that lists its voices", () => {
  it.live.each(["af_heart", "af_bella+af_heart", "af_bella(2)+af_heart(1)", "af_bella(0.5) + am_adam(1.5)"])(
    "has %s",
    (voice) =>
      Effect.gen(function* () {
        const { events, found } = yield* lookAt({ voices }, voice)
        assert.deepStrictEqual(found, { standing: "ok", about: "voice", found: `TTS_VOICE: ${voice} is there` })
        assert.deepStrictEqual(events, [])
      })
  )

  it.live.each([
    ["af_hart", "af_hart", "af_heart, af_bella"],
    ["af_bella(2)+af_hart(1)", "af_hart", "af_heart, af_bella"],
    ["tara", "tara", "af_bella, af_heart, am_adam"]
  ] as const)("has no %s", ([voice, missing, others]) =>
    Effect.gen(function* () {
      const origin = yield* serveEmulator((yield* ttsEmulator({ voices })).routes)
      assert.deepStrictEqual(yield* look(origin, voice), {
        standing: "broken",
        about: "voice",
        found: `TTS_VOICE: ${missing} is not among the voices of ${kokoro} at ${origin.host}`,
        fix: `set TTS_VOICE to one of them, such as ${others}`
      })
    })
  )

  it.live("writes it another way", () =>
    Effect.gen(function* () {
      const { found } = yield* lookAt({ voices: ["Laidback Woman"] }, "laidback woman")
      assert.deepStrictEqual(found, {
        standing: "warning",
        about: "voice",
        found: `TTS_VOICE: laidback woman is Laidback Woman in the list of ${kokoro}`,
        fix: "write it as it is there"
      })
    })
  )

  it.live.each([
    ["of this model", { model: kokoro, voices: [{ name: "Heart", id: "af_heart" }] }],
    ["without the model", { voices: [{ id: "af_heart", name: null }] }],
    [
      "of all models",
      {
        data: [
          { model: "canopylabs/orpheus-3b-0.1-ft", voices: [{ name: "tara" }] },
          { model: kokoro, voices: [{ name: "af_heart", language: "en" }] }
        ]
      }
    ]
  ] as const)("gives a list %s", ([, list]) =>
    Effect.gen(function* () {
      const origin = yield* listing(HttpServerResponse.jsonUnsafe(list))
      assert.strictEqual((yield* look(origin, "af_heart")).standing, "ok")
      assert.strictEqual((yield* look(origin, "tara")).standing, "broken")
    })
  )
})

describe("a provider that does not list its voices", () => {
  it.live.each([
    ["greets", {}],
    ["says nothing", { connectionFault: () => TtsConnectionFault.Ungreeted() }]
  ] as const)("opens a session and %s", ([, script]) =>
    Effect.gen(function* () {
      const { events, found } = yield* lookAt(script, "af_heart")
      assert.deepStrictEqual(found, {
        standing: "ok",
        about: "voice",
        found: "TTS_VOICE: a session can be opened with af_heart"
      })
      // As a call does, and nothing is said in it.
      const [asked] = events
      assert(asked?._tag === "Asked")
      assert.deepInclude(asked.query, { model: kokoro, voice: "af_heart" })
      assert.notInclude(
        events.map(({ _tag }) => _tag),
        "Appended"
      )
    })
  )

  const unknown = { message: "no: not-to-be-seen", type: "invalid_request_error", code: "voice_not_found" }
  it.live.each([
    [
      "does not know it",
      TtsConnectionFault.CloseBeforeReady({ code: 1000, reason: "", error: unknown }),
      "broken",
      /^TTS_VOICE: \S+ rejected speech synthesis with the model "hexgrad\/Kokoro-82M" and the voice "af_hart" \(invalid_request_error, voice_not_found\)$/,
      "set TTS_VOICE to a voice of hexgrad/Kokoro-82M"
    ],
    [
      "has no such socket",
      TtsConnectionFault.Refuse({ status: 404 }),
      "broken",
      /rejected speech synthesis .*\(status 404\)$/,
      "set TTS_VOICE to a voice of hexgrad/Kokoro-82M"
    ],
    [
      "does not take the key for it",
      TtsConnectionFault.Refuse({ status: 403 }),
      "broken",
      /refused the API key for speech synthesis \(status 403\)$/,
      "use a key that HOST lets synthesise speech"
    ],
    [
      "has given enough",
      TtsConnectionFault.Refuse({ status: 402 }),
      "broken",
      /has reached its limit \(status 402\)$/,
      "add credit to the account"
    ],
    [
      "is busy",
      TtsConnectionFault.Refuse({ status: 503 }),
      "warning",
      /cannot synthesise speech at the moment \(status 503\)$/,
      "try again in a while"
    ],
    [
      "hangs up",
      TtsConnectionFault.CloseBeforeReady({ code: 1011, reason: "" }),
      "warning",
      /was lost \(closed with 1011\)$/,
      "try again in a while"
    ]
  ] as const)("%s", ([, fault, standing, expected, fix]) =>
    Effect.gen(function* () {
      const { found } = yield* lookAt({ connectionFault: () => fault }, "af_hart")
      assert.strictEqual(found.standing, standing)
      assert.match(found.found, expected)
      assert.strictEqual(found.fix?.replace(/127\.0\.0\.1:\d+/, "HOST"), fix)
    })
  )

  it.live.each([
    ["other words", HttpServerResponse.text("<html>")],
    ["an empty list", HttpServerResponse.jsonUnsafe({ data: [] })],
    ["a list without the model", HttpServerResponse.jsonUnsafe({ data: [{ model: "m", voices: [{ name: "tara" }] }] })]
  ] as const)("gives %s instead, and is asked for a session", ([, answer]) =>
    Effect.gen(function* () {
      const found = yield* look(yield* listing(answer), "af_heart")
      assert.include(found.found, "(status 404)")
    })
  )
})
