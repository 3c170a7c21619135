import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Queue, Scope } from "effect"
import { TestClock } from "effect/testing"
import { type Patience, withPatience } from "../../src/streams/Patience.ts"
import { beforeTimers, holdUp, readAtOnce, readToQueue } from "../support/HeldUp.ts"

const atMost = (ms: number): Patience<"late", never> => ({
  limitMs: () => ms,
  lateMs: (beganMs, limitMs) => beganMs + limitMs,
  onLate: Effect.fail("late" as const)
})

const make = Effect.fnUntraced(function* (patience: Patience<"late", never>) {
  const queue = yield* Queue.unbounded<number>()
  const pull = yield* withPatience(Queue.take(queue), patience, yield* Scope.Scope)
  return { queue, pull }
})

describe("patience", () => {
  it.effect("counts from the moment that something is waited for, whatever was waited for before", () =>
    Effect.gen(function* () {
      const { pull, queue } = yield* make(atMost(1000))
      for (const n of [1, 2, 3]) {
        const fiber = yield* Effect.forkChild(pull, { startImmediately: true })
        yield* TestClock.adjust("700 millis")
        yield* Queue.offer(queue, n)
        assert.strictEqual(yield* Fiber.join(fiber), n)
        // Nobody waits meanwhile.
        yield* TestClock.adjust("5 seconds")
      }
      const last = yield* Effect.forkChild(
        Effect.flatMap(Effect.flip(pull), (error) => Effect.map(Clock.currentTimeMillis, (atMs) => ({ error, atMs }))),
        { startImmediately: true }
      )
      const beganMs = yield* Clock.currentTimeMillis
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(last.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(last), { error: "late" as const, atMs: beganMs + 1000 })
    }).pipe(Effect.scoped)
  )

  it.effect("is shorter when the limit is shorter than it was before", () =>
    Effect.gen(function* () {
      let ms = 20_000
      const { pull, queue } = yield* make({ ...atMost(0), limitMs: () => ms })
      const first = yield* Effect.forkChild(pull, { startImmediately: true })
      yield* Queue.offer(queue, 1)
      assert.strictEqual(yield* Fiber.join(first), 1)
      ms = 300
      const second = yield* Effect.forkChild(Effect.flip(pull), { startImmediately: true })
      yield* TestClock.adjust("300 millis")
      assert.strictEqual(yield* Fiber.join(second), "late")
    }).pipe(Effect.scoped)
  )

  it.effect("loses nothing when whoever waited is gone before it comes", () =>
    Effect.gen(function* () {
      const { pull, queue } = yield* make(atMost(60_000))
      for (const settled of [true, false]) {
        const gone = yield* Effect.forkChild(pull, { startImmediately: true })
        yield* Fiber.interrupt(gone)
        if (settled) yield* Queue.offer(queue, 1)
        const next = yield* Effect.forkChild(pull, { startImmediately: true })
        if (!settled) yield* Queue.offer(queue, 1)
        yield* Queue.offer(queue, 2)
        assert.strictEqual(yield* Fiber.join(next), 1)
        assert.strictEqual(yield* pull, 2)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("lets go of what is pulled when it was too late", () =>
    Effect.gen(function* () {
      let letGo = false
      const never = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (letGo = true)))
      const pull = yield* withPatience(never, atMost(100), yield* Scope.Scope)
      const fiber = yield* Effect.forkChild(Effect.flip(pull), { startImmediately: true })
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "late")
      assert.isTrue(letGo)
    }).pipe(Effect.scoped)
  )

  it.live.each([
    ["at once", readAtOnce<number>],
    ["a turn of the loop later", readToQueue<number>]
  ] as const)("has what was there to be read when the process was held up, if it comes %s", ([, open]) =>
    Effect.gen(function* () {
      const { next, send } = yield* open()
      const pull = yield* withPatience(next, atMost(20), yield* Scope.Scope)
      yield* beforeTimers
      const fiber = yield* Effect.forkChild(pull, { startImmediately: true })
      send(1)
      holdUp(60)
      assert.strictEqual(yield* Fiber.join(fiber), 1)
    }).pipe(Effect.scoped)
  )
})
