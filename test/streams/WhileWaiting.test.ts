import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { whileWaiting } from "../../src/streams/WhileWaiting.ts"
import { settle } from "../support/Settle.ts"

const after = <A>(ms: number, value: A) => Effect.delay(Effect.succeed(value), ms)
const tooLate = (ms: number) => Effect.andThen(Effect.sleep(ms), Effect.fail("too late" as const))

/** What came of a stream when, in milliseconds, and how it ended. */
const run = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    const seen: Array<readonly [ms: number, element: A]> = []
    const fiber = yield* stream.pipe(
      Stream.runForEach((element) =>
        Effect.map(Clock.currentTimeMillis, (now) => void seen.push([now - began, element]))
      ),
      Effect.as("ended"),
      Effect.catch((error) => Effect.succeed(error)),
      Effect.forkChild
    )
    for (let n = 0; n < 100; n++) {
      yield* settle
      yield* TestClock.adjust("50 millis")
    }
    return { seen, end: yield* Fiber.join(fiber) }
  })

describe("a stream that is waited for", () => {
  it.effect("is as it is when it begins in time", () =>
    Effect.gen(function* () {
      const stream = Stream.fromIterable([100, 600]).pipe(Stream.mapEffect((ms) => after(ms, ms)))
      const waited = yield* run(stream.pipe(whileWaiting({ atMost: tooLate(500), filler: after(300, -1) })))
      assert.deepStrictEqual(waited, {
        seen: [
          [100, 100],
          [700, 600]
        ],
        end: "ended"
      })
    })
  )

  it.effect("has the filler ahead of it, once, and loses nothing of what was on its way", () =>
    Effect.gen(function* () {
      const stream = Stream.fromIterable([700, 900]).pipe(Stream.mapEffect((ms) => after(ms, ms)))
      const waited = yield* run(stream.pipe(whileWaiting({ atMost: Effect.never, filler: after(300, -1) })))
      assert.deepStrictEqual(waited, {
        seen: [
          [300, -1],
          [700, 700],
          [1600, 900]
        ],
        end: "ended"
      })
    })
  )

  it.effect("fails when it is too late, and gives up what was on its way", () =>
    Effect.gen(function* () {
      let givenUp = false
      const never = Stream.fromEffect(Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (givenUp = true))))
      const waited = yield* run(never.pipe(whileWaiting({ atMost: tooLate(500), filler: Effect.never })))
      assert.deepStrictEqual(waited, { seen: [], end: "too late" })
      assert.isTrue(givenUp)
    })
  )

  it.effect("is over when it ends or fails before it has begun", () =>
    Effect.gen(function* () {
      const filler = after(300, -1)
      const empty = Stream.drain(Stream.fromEffect(after(100, 0)))
      assert.deepStrictEqual(yield* run(empty.pipe(whileWaiting({ atMost: Effect.never, filler }))), {
        seen: [],
        end: "ended"
      })
      const broken = Stream.concat(empty, Stream.fail("broken" as const))
      assert.deepStrictEqual(yield* run(broken.pipe(whileWaiting({ atMost: Effect.never, filler }))), {
        seen: [],
        end: "broken"
      })
    })
  )
})
