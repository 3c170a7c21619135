import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Queue, Schedule, Stream } from "effect"
import { inVirtualTime, timeStandsStill } from "../../src/testing/VirtualTime.ts"

const now = Clock.currentTimeMillis

describe("VirtualTime", () => {
  it.live("passes as it should and does not take long", () =>
    Effect.gen(function* () {
      const times = yield* inVirtualTime(
        Effect.gen(function* () {
          const begun = yield* now
          yield* Effect.sleep("30 minutes")
          const monotonic = yield* Clock.monotonicTimeNanos
          return [begun, yield* now, Number(monotonic) / 1e6]
        }),
        { startMs: 1000 }
      )
      assert.deepStrictEqual(times, [1000, 1_801_000, 1_801_000])
    })
  )

  it.live("wakes everyone in order, and lets each finish before the next", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const queue = yield* Queue.unbounded<string>()
      const sleeper = (name: string, ms: number) =>
        Effect.gen(function* () {
          yield* Effect.sleep(ms)
          log.push(`${yield* now} ${name}`)
          Queue.offerUnsafe(queue, name)
        })
      yield* inVirtualTime(
        Effect.gen(function* () {
          const listener = yield* Effect.forkChild(
            Effect.forever(Effect.flatMap(Queue.take(queue), (name) => Effect.sync(() => log.push(`heard ${name}`))))
          )
          yield* Effect.all([sleeper("c", 30), sleeper("a", 10), sleeper("b", 10), sleeper("d", 30.5)], {
            concurrency: "unbounded"
          })
          yield* Effect.sleep(1)
          yield* Fiber.interrupt(listener)
        })
      )
      assert.deepStrictEqual(log, ["10 a", "heard a", "10 b", "heard b", "30 c", "heard c", "30.5 d", "heard d"])
    })
  )

  it.live("serves timeouts, schedules and streams", () =>
    Effect.gen(function* () {
      const [timedOut, repeated, ticks] = yield* inVirtualTime(
        Effect.all([
          Effect.andThen(Effect.timeoutOption(Effect.never, "5 seconds"), now),
          Effect.andThen(
            Effect.repeat(Effect.void, Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 4 }))),
            now
          ),
          Stream.runCollect(Stream.mapEffect(Stream.take(Stream.tick("250 millis"), 3), () => now))
        ])
      )
      assert.strictEqual(timedOut, 5000)
      assert.strictEqual(repeated, 9000)
      assert.deepStrictEqual(ticks, [9000, 9250, 9500])
    })
  )

  it.live("lets settled promises speak before it passes", () =>
    Effect.gen(function* () {
      const at = yield* inVirtualTime(
        Effect.gen(function* () {
          yield* Effect.forkChild(Effect.sleep("1 second"))
          yield* Effect.promise(async () => {
            for (let i = 0; i < 50; i++) await Promise.resolve()
          })
          return yield* now
        })
      )
      assert.strictEqual(at, 0)
    })
  )

  it.live("stands still while it is told to", () =>
    Effect.gen(function* () {
      const elsewhere = Effect.callback<void>((resume) => {
        const timer = setTimeout(() => resume(Effect.void), 20)
        return Effect.sync(() => clearTimeout(timer))
      })
      const at = yield* inVirtualTime(
        Effect.gen(function* () {
          yield* Effect.forkChild(Effect.sleep("1 second"))
          yield* timeStandsStill(elsewhere)
          const still = yield* now
          yield* Effect.sleep("2 seconds")
          return [still, yield* now]
        })
      )
      assert.deepStrictEqual(at, [0, 2000])
      // Outside of virtual time it does nothing.
      yield* timeStandsStill(elsewhere)
    })
  )

  it.live("gives up on what waits forever, and cleans up in time", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      const exit = yield* Effect.exit(
        inVirtualTime(
          Effect.forever(Effect.sleep("1 second")).pipe(
            Effect.onInterrupt(() =>
              Effect.andThen(
                Effect.sleep("10 seconds"),
                Effect.map(now, (ms) => log.push(ms))
              )
            )
          ),
          { limit: "1 minute" }
        )
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "not done after 1m of virtual time")
      assert.deepStrictEqual(log, [71_000])
    })
  )

  it.live("does not hold up the event loop with fibers that only yield", () =>
    Effect.gen(function* () {
      let done = false
      setImmediate(() => setImmediate(() => (done = true)))
      yield* inVirtualTime(Effect.whileLoop({ while: () => !done, body: () => Effect.yieldNow, step: () => {} }))
      assert.isTrue(done)
    })
  )

  it.effect("has nothing to do with the clock outside of it", () =>
    Effect.gen(function* () {
      const fiber = yield* inVirtualTime(Effect.as(Effect.sleep("1 hour"), "done"), { limit: "2 hours" })
      assert.strictEqual(fiber, "done")
      assert.strictEqual(yield* now, 0)
    })
  )

  it.live("gives failures and interruption on", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Effect.flip(inVirtualTime(Effect.fail("no"))), "no")
      const fiber = yield* Effect.forkChild(inVirtualTime(Effect.never), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
    })
  )
})
