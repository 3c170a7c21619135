import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { startEmbedded } from "../../src/cli/EmbeddedServer.ts"
import { personas } from "../../src/schema/Personas.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { ttsEmulator } from "../../src/testing/TtsEmulator.ts"

const start = (env: Readonly<Record<string, string>>) =>
  startEmbedded.pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))

describe("a server of the command's own", { timeout: 30_000 }, () => {
  it.live("has made its greeting before it takes a call", () =>
    Effect.gen(function* () {
      const tts = yield* ttsEmulator({})
      const origin = yield* serveEmulator(tts.routes)
      const { provider } = yield* start({
        TOGETHER_API_KEY: "test-key",
        TOGETHER_BASE_URL: `${origin}/v1`,
        PERSONA: personas[0].id
      })
      assert.strictEqual(provider, "together")
      const events = yield* tts.events
      const begun = events.flatMap((event) => (event._tag === "Began" ? [event.text] : []))
      const spoken = events.filter(({ _tag }) => _tag === "Spoken").length
      const greeting = personas[0].greeting.replace(/\s+/g, " ")
      assert.include(begun.slice(0, spoken).join(" "), greeting)
    })
  )

  it.live("greets in the built-in voice if its own cannot", () =>
    Effect.gen(function* () {
      const { url, warnings } = yield* start({
        TOGETHER_API_KEY: "test-key",
        TOGETHER_BASE_URL: "http://127.0.0.1:9/v1"
      })
      assert.match(url.href, /^http:\/\/127\.0\.0\.1:\d+\//)
      const told = (yield* warnings).join("\n")
      assert.include(told, "Speech synthesis has no connection")
      assert.include(told, "said in the built-in voice for now")
    })
  )

  it.live("is served by second choices as any server is", () =>
    Effect.gen(function* () {
      const tts = yield* ttsEmulator({})
      const origin = yield* serveEmulator(tts.routes)
      yield* start({
        TOGETHER_API_KEY: "test-key",
        TOGETHER_BASE_URL: "http://127.0.0.1:9/v1",
        FALLBACK_BASE_URL: `${origin}/v1`,
        FALLBACK_API_KEY: "second-key",
        TTS_FALLBACK_MODEL: "another-voice"
      })
      yield* tts.awaitEvent("Began")
    })
  )
})
