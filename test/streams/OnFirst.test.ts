import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import { onFirst } from "../../src/streams/OnFirst.ts"

describe("onFirst", () => {
  it.effect("runs once, ahead of the first of all elements, each time the stream is run", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const note = (what: string) => Effect.sync(() => void seen.push(what))
      const stream = Stream.make(1, 2).pipe(
        Stream.concat(Stream.make(3)),
        onFirst(note("first")),
        Stream.tap((n) => note(String(n)))
      )
      assert.deepStrictEqual(yield* Stream.runCollect(stream), [1, 2, 3])
      assert.deepStrictEqual(seen.splice(0), ["first", "1", "2", "3"])
      yield* Stream.runDrain(stream)
      assert.deepStrictEqual(seen, ["first", "1", "2", "3"])
    })
  )

  it.effect("does not run for a stream without elements, however it ends", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const first = onFirst(Effect.sync(() => void seen.push("first")))
      assert.deepStrictEqual(yield* Stream.runCollect(first(Stream.empty)), [])
      const exit = yield* Effect.exit(Stream.runCollect(first(Stream.fail("no"))))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(seen, [])
    })
  )
})
