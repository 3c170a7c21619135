import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { whileOwed } from "../../src/streams/OwedSpeech.ts"
import { settle } from "../support/Settle.ts"

/** Elements, each after so many milliseconds, and nothing after them. */
const after = (...waits: ReadonlyArray<number>): Stream.Stream<number> =>
  Stream.concat(
    Stream.mapEffect(Stream.fromIterable(waits), (ms) => Effect.as(Effect.sleep(ms), ms)),
    Stream.never
  )

/** What came of a stream that may be quiet for 2 s, and when it was over; undefined: not within 20 s. */
const run = (
  stream: Stream.Stream<number>,
  sinceMs: () => number | undefined,
  onQuiet: Effect.Effect<never, "quiet" | Cause.Done> = Effect.fail("quiet" as const)
) =>
  Effect.gen(function* () {
    const seen: Array<number> = []
    const fiber = yield* stream.pipe(
      whileOwed({ sinceMs, atMost: Duration.seconds(2), onQuiet }),
      Stream.runForEach((ms) => Effect.sync(() => void seen.push(ms))),
      Effect.exit,
      Effect.flatMap((exit) =>
        Effect.map(Clock.currentTimeMillis, (atMs) => ({ atMs, failed: exit._tag === "Failure" }))
      ),
      Effect.forkChild
    )
    for (let i = 0; i < 200; i++) {
      yield* settle
      yield* TestClock.adjust("100 millis")
    }
    const over = fiber.pollUnsafe() === undefined ? undefined : yield* Fiber.join(fiber)
    yield* Fiber.interrupt(fiber)
    return { seen, over }
  })

describe("speech that is owed", () => {
  it.effect("may take its time as long as it comes", () =>
    Effect.gen(function* () {
      const { over, seen } = yield* run(Stream.take(after(1900, 1900, 1900), 3), () => 0)
      assert.deepStrictEqual(seen, [1900, 1900, 1900])
      assert.deepStrictEqual(over, { atMs: 5700, failed: false })
    })
  )

  it.effect("fails when it is quiet for too long, counted from the last piece", () =>
    Effect.gen(function* () {
      const { over, seen } = yield* run(after(500), () => 0)
      assert.deepStrictEqual(seen, [500])
      assert.deepStrictEqual(over, { atMs: 2500, failed: true })
    })
  )

  it.effect("is waited for from the moment it is owed", () =>
    Effect.gen(function* () {
      let owedMs: number | undefined
      yield* Effect.forkChild(
        Effect.andThen(
          Effect.sleep(3300),
          Effect.sync(() => void (owedMs = 3300))
        )
      )
      const { over } = yield* run(after(500), () => owedMs)
      assert.deepStrictEqual(over, { atMs: 5300, failed: true })
    })
  )

  it.effect("may stay away when it is not owed", () =>
    Effect.gen(function* () {
      const { over } = yield* run(after(500), () => undefined)
      assert.isUndefined(over)
    })
  )

  it.effect("ends when being quiet means that it is over", () =>
    Effect.gen(function* () {
      const { over } = yield* run(after(500), () => 0, Cause.done())
      assert.deepStrictEqual(over, { atMs: 2500, failed: false })
    })
  )
})
