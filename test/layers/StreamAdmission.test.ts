import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Result } from "effect"
import { type PhoneAccess } from "../../src/layers/PhoneAccess.ts"
import * as StreamAdmissionLive from "../../src/layers/StreamAdmission.ts"
import * as StreamTokensMemory from "../../src/layers/StreamTokensMemory.ts"
import { defaultEdgeSettings, type EdgeSettings } from "../../src/schema/EdgeSettings.ts"
import { type Start } from "../../src/schema/Twilio.ts"
import { EdgeConfig } from "../../src/services/EdgeConfig.ts"
import { StreamAdmission } from "../../src/services/StreamAdmission.ts"
import { StreamTokens } from "../../src/services/StreamTokens.ts"

const signed: EdgeSettings = {
  ...defaultEdgeSettings,
  verification: { origin: new URL("https://agent.example.com"), authTokens: [Redacted.make("12345")] }
}

const phoneWith = (token: string | undefined): PhoneAccess => ({
  enabled: true,
  token: token === undefined ? undefined : Redacted.make(token)
})

const startOf = (customParameters?: Readonly<Record<string, string>>): Start => ({
  event: "start",
  streamSid: "MZ1",
  start: { streamSid: "MZ1", callSid: "CA1", ...(customParameters === undefined ? {} : { customParameters }) }
})

const withEdge = (settings: EdgeSettings, phone?: PhoneAccess) =>
  Effect.provide(
    StreamAdmissionLive.layer(phone ?? StreamAdmissionLive.noPhone).pipe(
      Layer.provideMerge(Layer.merge(StreamTokensMemory.layer, Layer.succeed(EdgeConfig, settings)))
    )
  )

const admit = (frame: Start) => Effect.result(StreamAdmission.use((admission) => admission.admit(frame)))

const verdict = (parameters?: Readonly<Record<string, string>>) =>
  Effect.map(
    admit(startOf(parameters)),
    Result.match({ onSuccess: () => "admitted", onFailure: ({ reason }) => reason })
  )

const minted = Effect.map(
  StreamTokens.use((tokens) => tokens.mint("CA1")),
  (token) => Redacted.value(Option.getOrThrow(token))
)

describe("the carrier's stream", () => {
  it.effect("comes in with the token of its call, once, and the call does not see it", () =>
    Effect.gen(function* () {
      const token = yield* minted
      const first = yield* admit(startOf({ token, language: "en" }))
      assert.deepStrictEqual(first, Result.succeed(startOf({ language: "en" })))
      assert.strictEqual(yield* verdict({ token }), "used token")
    }).pipe(withEdge(signed))
  )

  it.effect("does not come in with another token, or none, or that of a call nobody knows", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* verdict({ token: "abc" }), "unknown call")
      yield* minted
      assert.strictEqual(yield* verdict({ token: "abc" }), "wrong token")
      assert.strictEqual(yield* verdict({}), "no token")
      assert.strictEqual(yield* verdict(), "no token")
    }).pipe(withEdge(signed))
  )

  it.effect("comes in as it is where nothing is verified", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* verdict(), "admitted")
      assert.deepStrictEqual(yield* admit(startOf({ token: "abc" })), Result.succeed(startOf({ token: "abc" })))
    }).pipe(withEdge(defaultEdgeSettings))
  )
})

describe("a browser phone's stream", () => {
  it.effect("comes in with the phone's token, whatever is verified, again and again", () =>
    Effect.gen(function* () {
      for (const settings of [signed, defaultEdgeSettings]) {
        yield* Effect.gen(function* () {
          assert.strictEqual(yield* verdict({ watch: "1", token: "secret" }), "admitted")
          assert.strictEqual(yield* verdict({ token: "secret" }), "admitted")
          assert.strictEqual(yield* verdict({ watch: "1", token: "guess" }), "wrong phone token")
          assert.strictEqual(yield* verdict({ watch: "1" }), "wrong phone token")
        }).pipe(withEdge(settings, phoneWith("secret")))
      }
    })
  )

  it.effect("comes in without a token where there is none and nothing is verified", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* verdict({ watch: "1" }), "admitted")
    }).pipe(withEdge(defaultEdgeSettings, phoneWith(undefined)))
  )

  it.effect("is no way around verification", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* verdict({ watch: "1" }), "browser phone without PHONE_TOKEN")
      assert.strictEqual(yield* verdict({ token: "" }), "unknown call")
      assert.strictEqual(yield* verdict({}), "no token")
    }).pipe(withEdge(signed, phoneWith(undefined)))
  )

  it.effect("does not come in where there is no browser phone", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* verdict({ watch: "1", token: "secret" }), "no browser phone here")
    }).pipe(withEdge(defaultEdgeSettings, { enabled: false, token: Redacted.make("secret") }))
  )

  it.effect("takes nothing from the carrier's streams", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* verdict({ token: yield* minted }), "admitted")
    }).pipe(withEdge(signed, phoneWith("secret")))
  )
})
