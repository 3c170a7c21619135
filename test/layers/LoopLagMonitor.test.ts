import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as LoopLagMonitor from "../../src/layers/LoopLagMonitor.ts"
import { LoopLag } from "../../src/services/LoopLag.ts"

const lag = LoopLag.use(({ current }) => current)

/** A clock on which every sleep takes longer than it should. */
const lateBy = (lateMs: () => number) =>
  Effect.map(Clock.Clock, (clock): Clock.Clock => {
    let addedNanos = 0n
    return Object.assign(Object.create(clock), {
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + addedNanos,
      monotonicTimeNanos: Effect.suspend(() => Effect.map(clock.monotonicTimeNanos, (nanos) => nanos + addedNanos)),
      sleep: (duration: Parameters<typeof clock.sleep>[0]) =>
        Effect.tap(clock.sleep(duration), () =>
          Effect.sync(() => {
            addedNanos += BigInt(Math.round(lateMs() * 1e6))
          })
        )
    })
  })

describe("the mean lag", () => {
  it("is that of the last ten measurements", () => {
    let state = LoopLagMonitor.initial
    let mean = 0
    const measure = (lagMs: number) => {
      ;[state, mean] = LoopLagMonitor.step(state, lagMs)
      return mean
    }
    assert.strictEqual(measure(30), 30)
    assert.strictEqual(measure(10), 20)
    assert.strictEqual(measure(-4), 40 / 3)
    for (let count = 0; count < 9; count++) measure(0)
    assert.strictEqual(mean, 0)
    assert.strictEqual(measure(500), 50)
  })
})

describe("the monitor", () => {
  it.effect("measures nothing where everything is on time", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* lag, 0)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* lag, 0)
    }).pipe(Effect.provide(LoopLagMonitor.layer))
  )

  it.effect("sees how late the process is, and forgets it within a second", () =>
    Effect.gen(function* () {
      let lateMs = 250
      const clock = yield* lateBy(() => lateMs)
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        assert.approximately(yield* lag, 250, 1)
        lateMs = 0
        yield* TestClock.adjust("500 millis")
        assert.approximately(yield* lag, 125, 26)
        yield* TestClock.adjust("600 millis")
        assert.strictEqual(yield* lag, 0)
      }).pipe(Effect.provide(LoopLagMonitor.layer), Effect.provideService(Clock.Clock, clock))
    })
  )
})
