import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as StreamTokensMemory from "../../src/layers/StreamTokensMemory.ts"
import { StreamTokens } from "../../src/services/StreamTokens.ts"

const mint = (call: string) =>
  Effect.map(
    StreamTokens.use((tokens) => tokens.mint(call)),
    (token) => Option.getOrUndefined(Option.map(token, Redacted.value))
  )

const minted = (call: string) =>
  Effect.map(mint(call), (token) => {
    assert(token !== undefined, "expected a token")
    return token
  })

const redeem = (call: string, token: string) =>
  Effect.map(
    StreamTokens.use((tokens) => tokens.redeem(call, token)),
    Option.getOrElse(() => "admitted")
  )

const withTokens = Effect.provide(StreamTokensMemory.layer)

describe("the token of a call", () => {
  it.effect("is good once", () =>
    Effect.gen(function* () {
      const token = yield* minted("CA1")
      assert.match(token, /^[\w-]{32}$/)
      assert.strictEqual(yield* redeem("CA1", token), "admitted")
      assert.strictEqual(yield* redeem("CA1", token), "used token")
    }).pipe(withTokens)
  )

  it.effect("is another one for each call, and good for that call alone", () =>
    Effect.gen(function* () {
      const first = yield* minted("CA1")
      const second = yield* minted("CA2")
      assert.notStrictEqual(first, second)
      assert.strictEqual(yield* redeem("CA2", first), "wrong token")
      assert.strictEqual(yield* redeem("CA3", first), "unknown call")
      assert.strictEqual(yield* redeem("CA1", ""), "wrong token")
      assert.strictEqual(yield* redeem("CA1", `${first} `), "wrong token")
      // Who guesses wrong does not lock anybody out.
      assert.strictEqual(yield* redeem("CA1", first), "admitted")
      assert.strictEqual(yield* redeem("CA2", second), "admitted")
    }).pipe(withTokens)
  )

  it.effect("is the same one again while nobody has used it, and its minute is not a new one", () =>
    Effect.gen(function* () {
      const token = yield* minted("CA1")
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(yield* minted("CA1"), token)
      yield* TestClock.adjust("19999 millis")
      assert.strictEqual(yield* redeem("CA1", token), "admitted")
      assert.strictEqual(yield* mint("CA1"), undefined)
    }).pipe(withTokens)
  )

  it.effect("is no good after a minute, and the call gets no other one", () =>
    Effect.gen(function* () {
      const token = yield* minted("CA1")
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(yield* redeem("CA1", token), "expired token")
      assert.strictEqual(yield* mint("CA1"), undefined)
      yield* TestClock.adjust("5 hours")
      assert.strictEqual(yield* mint("CA1"), undefined)
    }).pipe(withTokens)
  )

  it.effect("is not made a second time for a call that has used it, however often its webhook is repeated", () =>
    Effect.gen(function* () {
      yield* redeem("CA1", yield* minted("CA1"))
      for (let repeat = 0; repeat < 3; repeat++) {
        assert.strictEqual(yield* mint("CA1"), undefined)
        yield* TestClock.adjust("10 minutes")
      }
    }).pipe(withTokens)
  )

  it.effect("is forgotten with the oldest calls when there are very many", () =>
    Effect.gen(function* () {
      const token = yield* minted("CA0")
      yield* Effect.forEach(Array.from({ length: 20_000 }), (_, call) => mint(`CA${call + 1}`), { discard: true })
      assert.strictEqual(yield* redeem("CA0", token), "unknown call")
      assert.strictEqual(yield* redeem("CA1", ""), "wrong token")
    }).pipe(withTokens)
  )

  it.effect("does not show when it is printed", () =>
    Effect.gen(function* () {
      const token = Option.getOrThrow(yield* StreamTokens.use((tokens) => tokens.mint("CA1")))
      assert.notInclude(`${String(token)}${JSON.stringify({ token })}`, Redacted.value(token))
    }).pipe(withTokens)
  )
})
