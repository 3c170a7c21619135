import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { makePendingStreams } from "../../src/layers/PendingStreams.ts"

describe("streams that have not started", () => {
  it.effect("are limited by address", () =>
    Effect.gen(function* () {
      const pending = makePendingStreams({ perAddress: 2, total: 10 })
      const leave = yield* pending.enter("a")
      yield* pending.enter("a")
      assert.strictEqual(yield* pending.enter("a"), undefined)
      assert.notStrictEqual(yield* pending.enter("b"), undefined)
      assert(leave !== undefined)
      // Once, and not again for somebody else.
      yield* leave
      yield* leave
      assert.notStrictEqual(yield* pending.enter("a"), undefined)
      assert.strictEqual(yield* pending.enter("a"), undefined)
    })
  )

  it.effect("are limited in all", () =>
    Effect.gen(function* () {
      const pending = makePendingStreams({ perAddress: 2, total: 3 })
      for (const address of ["a", "b", "c"]) assert.notStrictEqual(yield* pending.enter(address), undefined)
      assert.strictEqual(yield* pending.enter("d"), undefined)
    })
  )

  it.effect("are counted until their scope closes, refused ones not at all", () =>
    Effect.gen(function* () {
      const pending = makePendingStreams({ perAddress: 1, total: 10 })
      const scope = yield* Scope.make()
      yield* Scope.provide(Effect.andThen(pending.enter("a"), pending.enter("a")), scope)
      yield* Scope.close(scope, Exit.void)
      assert.notStrictEqual(yield* pending.enter("a"), undefined)
      assert.strictEqual(yield* pending.enter("a"), undefined)
    })
  )
})
