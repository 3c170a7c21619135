import { assert, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { makeLineClock } from "../../src/streams/LineClock.ts"

it.effect("the line plays what it was sent, one after the other, and is empty then", () =>
  Effect.gen(function* () {
    const line = makeLineClock(yield* Clock.Clock)
    assert.strictEqual(line.send(800), 0)
    assert.strictEqual(line.send(800), 100)
    yield* TestClock.adjust("150 millis")
    assert.strictEqual(line.aheadMs(), 50)
    yield* TestClock.adjust("1 second")
    assert.strictEqual(line.aheadMs(), 0)
    assert.strictEqual(line.send(160), 1150)
    line.clear()
    assert.strictEqual(line.aheadMs(), 0)
  })
)

it.effect("what is heard lags behind by what marks are late, and trouble on the line is no lag", () =>
  Effect.gen(function* () {
    const line = makeLineClock(yield* Clock.Clock)
    const after = (name: string, lateMs: number) =>
      Effect.gen(function* () {
        line.send(800)
        line.mark(name)
        yield* TestClock.adjust(100 + lateMs)
        assert.isTrue(line.marked(name))
        line.clear()
        return line.unheardMs()
      })
    assert.strictEqual(yield* after("a", 200), 200)
    assert.strictEqual(yield* after("b", 280), 220)
    assert.strictEqual(yield* after("c", 60_000), 220 + (1000 - 220) / 4)
  })
)

it.effect("a mark says something once, and nothing when it was cleared or never sent", () =>
  Effect.gen(function* () {
    const line = makeLineClock(yield* Clock.Clock)
    line.mark("once")
    assert.isTrue(line.marked("once"))
    assert.isFalse(line.marked("once"))
    assert.isFalse(line.marked("never"))
    line.mark("cleared")
    line.clear()
    assert.isFalse(line.marked("cleared"))
  })
)
