import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, PlatformError } from "effect"
import { getExpectedTwilioSignature } from "twilio/lib/webhooks/webhooks.js"
import { signing } from "../../src/cli/Signing.ts"

const AUTH_TOKEN = "0123456789abcdef0123456789abcdef"

const fields = { CallSid: "CA1", From: "+15005550006" }

/** How requests are signed in this environment, with that `.env`. */
const signed = (env: Readonly<Record<string, string>>, dotEnv?: string) =>
  signing.pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })),
    Effect.provide(
      FileSystem.layerNoop({
        readFileString: (path) =>
          dotEnv === undefined
            ? Effect.fail(
                PlatformError.systemError({
                  _tag: "NotFound",
                  module: "FileSystem",
                  method: "readFileString",
                  pathOrDescriptor: path
                })
              )
            : Effect.succeed(dotEnv)
      })
    )
  )

describe("signing", () => {
  it.effect("is left out without an auth token", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* signed({}))
      assert.isUndefined(yield* signed({ TWILIO_AUTH_TOKEN: "" }))
      assert.isUndefined(yield* signed({ PUBLIC_URL: "https://agent.example.com" }))
    })
  )

  it.effect.each<
    readonly [env: Readonly<Record<string, string>>, dotEnv: string | undefined, url: string, known: string]
  >([
    [{ TWILIO_AUTH_TOKEN: AUTH_TOKEN }, undefined, "http://127.0.0.1:3001/twiml", "http://127.0.0.1:3001/twiml"],
    [
      { TWILIO_AUTH_TOKEN: AUTH_TOKEN, PUBLIC_URL: "https://agent.example.com" },
      undefined,
      "http://127.0.0.1:3001/voice?line=2",
      "https://agent.example.com/voice?line=2"
    ],
    [
      {},
      `TWILIO_AUTH_TOKEN=${AUTH_TOKEN}\nPUBLIC_URL=https://agent.example.com\n`,
      "http://127.0.0.1:3001/twiml",
      "https://agent.example.com/twiml"
    ],
    [
      { TWILIO_AUTH_TOKEN: AUTH_TOKEN, PUBLIC_URL: "https://agent.example.com" },
      undefined,
      "wss://agent.example.com/media-stream",
      "wss://agent.example.com/media-stream"
    ]
  ])("is for the URL the carrier knows: %#", ([env, dotEnv, url, known]) =>
    Effect.gen(function* () {
      const sign = yield* signed(env, dotEnv)
      assert.strictEqual(sign?.(url, fields), getExpectedTwilioSignature(AUTH_TOKEN, known, fields))
    })
  )

  it.effect("says what is wrong with the settings for it", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(signed({ TWILIO_AUTH_TOKEN: AUTH_TOKEN, PUBLIC_URL: "here" }))
      assert.strictEqual(message, 'The call cannot be signed: PUBLIC_URL is "here", expected a URL')
    })
  )
})
