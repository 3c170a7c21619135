import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Redacted } from "effect"
import { FetchHttpClient, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { type Finding } from "../../src/cli/DoctorFinding.ts"
import { checkProvider } from "../../src/cli/DoctorProvider.ts"
import { checkNumbers } from "../../src/cli/DoctorTwilio.ts"
import { defaultEdgeSettings, type EdgeSettings } from "../../src/schema/EdgeSettings.ts"
import { type FallbackSettings } from "../../src/services/FallbackConfig.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { ttsEmulator } from "../../src/testing/TtsEmulator.ts"
import { freePort } from "../support/httpServer.ts"

const together = (baseUrl: URL) => ({
  apiKey: Redacted.make("not-to-be-seen"),
  baseUrl,
  sttModel: "openai/whisper-large-v3",
  llmModel: "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo",
  ttsModel: "hexgrad/Kokoro-82M",
  ttsVoice: "af_heart"
})

const ids = ["openai/whisper-large-v3", "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", "hexgrad/Kokoro-82M"]
const none: FallbackSettings = { speechToText: undefined, languageModel: undefined, textToSpeech: undefined }
const list = ids.map((id) => ({ id, object: "model" }))

const client = Layer.merge(NodeWS.layerWebSocketConstructor, FetchHttpClient.layer)

/** Answers one path like this, and has one voice; what was asked on that path is kept. */
const serveOne = (path: HttpRouter.PathInput, answer: HttpServerResponse.HttpServerResponse) =>
  Effect.gen(function* () {
    const authorizations: Array<string | undefined> = []
    const asked = HttpRouter.add(
      "GET",
      path,
      Effect.map(HttpServerRequest.HttpServerRequest, ({ headers }) => {
        authorizations.push(headers["authorization"])
        return answer
      })
    )
    const url = yield* serveEmulator(Layer.merge(asked, (yield* ttsEmulator({ voices: ["af_heart"] })).routes))
    return { url, authorizations }
  })

const look = (answer: HttpServerResponse.HttpServerResponse) =>
  Effect.gen(function* () {
    const { authorizations, url } = yield* serveOne("/v1/models", answer)
    const findings = yield* checkProvider(together(new URL("/v1", url)), none)
    assert.deepStrictEqual(authorizations, ["Bearer not-to-be-seen"])
    assert.notInclude(JSON.stringify(findings), "not-to-be-seen")
    return findings
  }).pipe(Effect.provide(client))

const standings = (findings: ReadonlyArray<Finding>) => findings.map(({ about, standing }) => `${about} ${standing}`)

describe("the model provider", () => {
  it.live.each([
    ["a list", list],
    ["a list in an object", { object: "list", data: list }]
  ] as const)("has the models, in %s", ([, body]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(standings(yield* look(HttpServerResponse.jsonUnsafe(body))), [
        "key ok",
        "models ok",
        "models ok",
        "models ok",
        "voice ok",
        "clock ok"
      ])
    })
  )

  it.live("lacks a model, and has one like it", () =>
    Effect.gen(function* () {
      const others = [
        ...list.filter(({ id }) => !id.includes("Llama")),
        { id: "meta-llama/Llama-3.3-70B-Instruct-Turbo" }
      ]
      const findings = yield* look(HttpServerResponse.jsonUnsafe(others))
      const missing = findings.filter(({ standing }) => standing === "broken")
      assert.strictEqual(missing.length, 1)
      assert.include(
        missing[0]?.found,
        "LLM_MODEL: meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo is not among the 3 models"
      )
      assert.include(missing[0]?.fix, "such as meta-llama/Llama-3.3-70B-Instruct-Turbo")
    })
  )

  it.live.each([
    [401, "broken", "set it to a key from"],
    [403, "broken", "set it to a key from"],
    [402, "broken", "add credit"],
    [404, "broken", "correct TOGETHER_BASE_URL"],
    [429, "warning", ""],
    [503, "warning", "try again"]
  ] as const)("answers with %d: %s", ([status, standing, fix]) =>
    Effect.gen(function* () {
      const error = { error: { message: "no: not-to-be-seen" } }
      const [key, ...others] = yield* look(HttpServerResponse.jsonUnsafe(error, { status }))
      assert.strictEqual(key?.standing, standing)
      assert.include(key?.fix ?? "", fix)
      assert.deepStrictEqual(standings(others), ["clock ok"])
    })
  )

  it.live("answers in another language", () =>
    Effect.gen(function* () {
      const findings = yield* look(HttpServerResponse.text("<html>"))
      assert.deepStrictEqual(standings(findings), ["key ok", "models warning", "voice ok", "clock ok"])
    })
  )

  it.live.each([
    [-120, "ahead of"],
    [3600, "behind"]
  ] as const)("has another time, by %d s", ([seconds, direction]) =>
    Effect.gen(function* () {
      const date = yield* Effect.sync(() =>
        new Date(Date.now() + Duration.toMillis(Duration.seconds(seconds))).toUTCString()
      )
      const findings = yield* look(HttpServerResponse.jsonUnsafe(list, { headers: { date } }))
      const clock = findings.find(({ about }) => about === "clock")
      assert.strictEqual(clock?.standing, "broken")
      assert.include(clock?.found, direction)
      assert.include(clock?.fix, "timedatectl")
    })
  )

  it.live("cannot be reached", () =>
    Effect.gen(function* () {
      const findings = yield* checkProvider(together(new URL(`http://127.0.0.1:${yield* freePort}/v1`)), none)
      assert.deepStrictEqual(standings(findings), ["provider broken"])
      assert.include(findings[0]?.found, "nothing listens there (ECONNREFUSED)")
    }).pipe(Effect.provide(client))
  )
})

describe("the second choices", () => {
  const first = HttpServerResponse.jsonUnsafe(list)

  it.live("on the same account are looked for among its models", () =>
    Effect.gen(function* () {
      const { url } = yield* serveOne("/v1/models", first)
      const settings = together(new URL("/v1", url))
      const second = { ...settings, llmModel: "hexgrad/Kokoro-82M", ttsModel: "hexgrad/Kokoro-83M" }
      const findings = yield* checkProvider(settings, { ...none, languageModel: second, textToSpeech: second })
      // A model that is not there is not asked for its voice.
      assert.deepStrictEqual(standings(findings).slice(-3), ["clock ok", "models ok", "models warning"])
      assert.strictEqual(findings.at(-2)?.found, "LLM_FALLBACK_MODEL: hexgrad/Kokoro-82M is there")
      assert.include(findings.at(-1)?.found, "second choice: TTS_FALLBACK_MODEL: hexgrad/Kokoro-83M is not among")
      assert.include(findings.at(-1)?.fix, "set TTS_FALLBACK_MODEL to one of its models, such as hexgrad/Kokoro-82M")
    }).pipe(Effect.provide(client))
  )

  it.live("have a voice of their own, which may be missing", () =>
    Effect.gen(function* () {
      const { url } = yield* serveOne("/v1/models", first)
      const settings = together(new URL("/v1", url))
      const findings = yield* checkProvider(settings, { ...none, textToSpeech: { ...settings, ttsVoice: "af_hart" } })
      assert.deepStrictEqual(standings(findings).slice(-3), ["clock ok", "models ok", "voice warning"])
      assert.include(findings.at(-1)?.found, "second choice: TTS_FALLBACK_VOICE: af_hart is not among the voices of")
      assert.strictEqual(findings.at(-1)?.fix, "set TTS_FALLBACK_VOICE to one of them, such as af_heart")
    }).pipe(Effect.provide(client))
  )

  it.live("elsewhere are asked for with their own key, which is not shown", () =>
    Effect.gen(function* () {
      const here = yield* serveOne("/v1/models", first)
      const there = yield* serveOne("/openai/v1/models", HttpServerResponse.empty({ status: 401 }))
      const second = {
        ...together(new URL("/openai/v1", there.url)),
        apiKey: Redacted.make("nor-this"),
        sttModel: "whisper-1"
      }
      const findings = yield* checkProvider(together(new URL("/v1", here.url)), { ...none, speechToText: second })
      assert.deepStrictEqual(standings(findings).slice(-2), ["clock ok", "key warning"])
      assert.include(findings.at(-1)?.found, "does not take FALLBACK_API_KEY (401)")
      assert.deepStrictEqual(there.authorizations, ["Bearer nor-this"])
      assert.deepStrictEqual(here.authorizations, ["Bearer not-to-be-seen"])
      assert.notInclude(JSON.stringify(findings), "nor-this")
    }).pipe(Effect.provide(client))
  )
})

describe("the numbers of the carrier's account", () => {
  const accountSid = `AC${"0".repeat(32)}`
  const edge: EdgeSettings = {
    ...defaultEdgeSettings,
    accountSid,
    verification: { origin: new URL("https://agent.example.com"), authTokens: [Redacted.make("not-to-be-seen")] }
  }
  const lookAt = (answer: HttpServerResponse.HttpServerResponse) =>
    Effect.gen(function* () {
      const path = `/2010-04-01/Accounts/${accountSid}/IncomingPhoneNumbers.json` as const
      const { authorizations, url } = yield* serveOne(path, answer)
      const findings = yield* checkNumbers(edge, url)
      assert.deepStrictEqual(authorizations, [
        `Basic ${Buffer.from(`${accountSid}:not-to-be-seen`).toString("base64")}`
      ])
      const text = JSON.stringify(findings)
      for (const secret of ["not-to-be-seen", "5550100"]) assert.notInclude(text, secret)
      return findings
    }).pipe(Effect.provide(client))
  const number = (voice_url: string | null, voice_fallback_url: string | null = null) => ({
    phone_number: "+15550100",
    voice_url,
    voice_fallback_url
  })
  const numbers = (...all: ReadonlyArray<ReturnType<typeof number>>) =>
    HttpServerResponse.jsonUnsafe({ incoming_phone_numbers: all })

  it.live("are those that call this server, with a fallback or without", () =>
    Effect.gen(function* () {
      const findings = yield* lookAt(
        numbers(
          number("https://agent.example.com/twiml"),
          number("https://agent.example.com/twiml/", "https://handler.twilio.com/twiml/EH1"),
          number("https://other.example.com/twiml"),
          number(null)
        )
      )
      assert.deepStrictEqual(standings(findings), ["numbers warning", "numbers ok"])
      assert.include(findings[0]?.found, "the number ending in 0100")
    })
  )

  it.live.each([
    [
      "that call somebody else",
      numbers(number("https://other.example.com/twiml")),
      "none of the account's numbers calls"
    ],
    ["that are not there", numbers(), "the account has no numbers"],
    ["of an account with another token", HttpServerResponse.empty({ status: 401 }), "does not take TWILIO_AUTH_TOKEN"]
  ] as const)("%s are told with what to do", ([, answer, expected]) =>
    Effect.gen(function* () {
      const [found, ...others] = yield* lookAt(answer)
      assert.strictEqual(others.length, 0)
      assert.strictEqual(found?.standing, "broken")
      assert.include(found?.found, expected)
      assert.isDefined(found?.fix)
    })
  )

  it.live("are left alone without an account or its token", () =>
    Effect.gen(function* () {
      const nowhere = new URL("http://127.0.0.1:1")
      const look = (edge: EdgeSettings) => Effect.map(checkNumbers(edge, nowhere), standings)
      assert.deepStrictEqual(yield* look({ ...edge, accountSid: undefined }), ["numbers skipped"])
      assert.deepStrictEqual(yield* look({ ...edge, verification: undefined }), ["numbers skipped"])
    }).pipe(Effect.provide(client))
  )
})
