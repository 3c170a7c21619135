import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { watchdog } from "../../src/streams/Watchdog.ts"

const settings = { first: "2 seconds", next: "500 millis" } as const

const after = (ms: number, value: string) => Stream.fromEffect(Effect.as(Effect.sleep(ms), value))

const watch = <E>(source: Stream.Stream<string, E>) =>
  source.pipe(
    watchdog(settings, (phase) => phase),
    Stream.runCollect,
    Effect.exit,
    Effect.forkChild
  )

describe("watchdog", () => {
  it.effect("lets a stream through that keeps coming", () =>
    Effect.gen(function* () {
      const fiber = yield* watch(Stream.concat(after(1999, "a"), after(499, "b")))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.succeed(["a", "b"]))
    })
  )

  it.effect("fails when the first element is late", () =>
    Effect.gen(function* () {
      const fiber = yield* watch(after(2001, "a"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail("first" as const))
    })
  )

  it.effect("fails when a later element is late", () =>
    Effect.gen(function* () {
      const fiber = yield* watch(Stream.concat(after(10, "a"), after(501, "b")))
      yield* TestClock.adjust("511 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail("next" as const))
    })
  )

  it.effect("fails when the end does not come", () =>
    Effect.gen(function* () {
      const fiber = yield* watch(Stream.concat(after(10, "a"), Stream.never))
      yield* TestClock.adjust("510 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail("next" as const))
    })
  )

  it.effect("does not blame the stream for a slow consumer", () =>
    Effect.gen(function* () {
      const fiber = yield* Stream.make("a", "b", "c").pipe(
        Stream.rechunk(1),
        watchdog(settings, (phase) => phase),
        Stream.tap(() => Effect.sleep("10 seconds")),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["a", "b", "c"])
    })
  )
})
