import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { makeTicker } from "../../src/cli/LoadTicker.ts"

describe("the ticker", () => {
  it.effect("does everything at its time, in order, and what is overdue at once", () =>
    Effect.gen(function* () {
      const ticker = yield* makeTicker
      const done: Array<string> = []
      const note = (what: string) => () => void done.push(`${what} at ${ticker.nowMs()}`)
      ticker.at(20, note("a"))
      ticker.at(4, note("b"))
      ticker.at(20, note("c"))
      ticker.at(-100, note("overdue"))
      yield* Effect.forkChild(ticker.run)
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(done, ["overdue at 2", "b at 4"])
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(done.slice(2), ["a at 20", "c at 20"])
    })
  )

  it.effect("does not do anything early, nor later than its step", () =>
    Effect.gen(function* () {
      const ticker = yield* makeTicker
      const late: Array<number> = []
      for (let dueMs = 0.3; dueMs < 100; dueMs += 0.7) ticker.at(dueMs, () => late.push(ticker.nowMs() - dueMs))
      yield* Effect.forkChild(ticker.run)
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(late.length, 143)
      assert.isAtLeast(Math.min(...late), 0)
      assert.isAtMost(Math.max(...late), 2)
    })
  )

  it.effect("goes on with what puts itself there again", () =>
    Effect.gen(function* () {
      const ticker = yield* makeTicker
      let count = 0
      const tick = (): void => ticker.at(++count * 20, tick)
      tick()
      yield* Effect.forkChild(ticker.run)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(count, 51)
    })
  )
})
