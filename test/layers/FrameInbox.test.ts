import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Pull, Schema, Scheduler } from "effect"
import { type FrameInbox, makeFrameInbox } from "../../src/layers/FrameInbox.ts"
import { type TakeFrame } from "../../src/services/MediaLink.ts"
import { settle } from "../support/Settle.ts"

/** An inbox, and what was said to its connection. */
const open = () => {
  const said: Array<string> = []
  const inbox = makeFrameInbox({ hold: () => said.push("hold"), letGo: () => said.push("let go") })
  return { inbox, said }
}

const isDone = (exit: Exit.Exit<unknown, unknown>): boolean => Exit.isFailure(exit) && Pull.isDoneCause(exit.cause)

const Frames = Schema.Array(Schema.Struct({ waits: Schema.Boolean, yields: Schema.Boolean })).check(
  Schema.isMaxLength(40)
)
const Before = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10 }))

/** Takes everything at once, and keeps it. */
const keepAll = () => {
  const taken: Array<string> = []
  return { taken, take: keep(taken) }
}

const keep =
  (taken: Array<string>): TakeFrame =>
  (frame) => {
    taken.push(frame)
    return Effect.void
  }

describe("pulls", () => {
  it.effect("give all that wait, in order, then wait for the next, then end", () =>
    Effect.gen(function* () {
      const { inbox } = open()
      inbox.push("one")
      inbox.push("two")
      assert.deepStrictEqual(yield* inbox.pull, ["one", "two"])
      const next = yield* Effect.forkChild(inbox.pull, { startImmediately: true })
      assert.strictEqual(next.pollUnsafe(), undefined)
      inbox.push("three")
      assert.deepStrictEqual(yield* Fiber.join(next), ["three"])
      inbox.push("four")
      inbox.end()
      assert.deepStrictEqual(yield* inbox.pull, ["four"])
      assert(isDone(yield* Effect.exit(inbox.pull)))
    })
  )

  it.effect("end when the connection does while they wait", () =>
    Effect.gen(function* () {
      const { inbox } = open()
      const next = yield* Effect.forkChild(inbox.pull, { startImmediately: true })
      inbox.end()
      assert(isDone(yield* Fiber.await(next)))
    })
  )

  it.effect("that were given up on take nothing with them", () =>
    Effect.gen(function* () {
      const { inbox } = open()
      const next = yield* Effect.forkChild(inbox.pull, { startImmediately: true })
      yield* Fiber.interrupt(next)
      inbox.push("one")
      assert.deepStrictEqual(yield* inbox.pull, ["one"])
    })
  )
})

describe("a connection", () => {
  it.effect("is held when more waits than a few seconds of a call, and let go when it was taken", () =>
    Effect.gen(function* () {
      const { inbox, said } = open()
      inbox.push("x".repeat(64 * 1024))
      assert.deepStrictEqual(said, [])
      inbox.push("y")
      inbox.push("z")
      assert.deepStrictEqual(said, ["hold"])
      yield* inbox.pull
      assert.deepStrictEqual(said, ["hold", "let go"])
    })
  )

  it.effect("is held by a listener that has something to wait for, too", () =>
    Effect.gen(function* () {
      const { inbox, said } = open()
      const gate = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        inbox.listen((frame) => (frame === "wait" ? Deferred.await(gate) : Effect.void)),
        { startImmediately: true }
      )
      inbox.push("wait")
      inbox.push("x".repeat(64 * 1024 + 1))
      assert.deepStrictEqual(said, ["hold"])
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.yieldNow
      assert.deepStrictEqual(said, ["hold", "let go"])
      yield* Fiber.interrupt(fiber)
    })
  )
})

describe("a listener", () => {
  it.effect("takes what waits, and then each frame within its push", () =>
    Effect.gen(function* () {
      const { inbox } = open()
      const { take, taken } = keepAll()
      inbox.push("one")
      const fiber = yield* Effect.forkChild(inbox.listen(take), { startImmediately: true })
      assert.deepStrictEqual(taken, ["one"])
      inbox.push("two")
      assert.deepStrictEqual(taken, ["one", "two"])
      inbox.end()
      assert(isDone(yield* Fiber.await(fiber)))
    })
  )

  it.effect("hears no more once it is done, and the frames behind stay", () =>
    Effect.gen(function* () {
      const { inbox } = open()
      const fiber = yield* Effect.forkChild(
        inbox.listen((frame) => (frame === "stop" ? Cause.done() : Effect.void)),
        { startImmediately: true }
      )
      inbox.push("one")
      inbox.push("stop")
      inbox.push("two")
      assert(isDone(yield* Fiber.await(fiber)))
      assert.deepStrictEqual(yield* inbox.pull, ["two"])
    })
  )

  it.effect("that throws dies of it in its own fiber, not in the connection's", () =>
    Effect.gen(function* () {
      const { inbox } = open()
      const fiber = yield* Effect.forkChild(
        inbox.listen(() => {
          throw new Error("mine")
        }),
        { startImmediately: true }
      )
      inbox.push("one")
      const exit = yield* Fiber.await(fiber)
      assert(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  it.effect.prop(
    "gets every frame once and in order, whatever it waits for and however they arrive",
    [Frames, Before],
    ([frames, before]) =>
      Effect.gen(function* () {
        const { inbox } = open()
        const begun: Array<string> = []
        let busy = 0
        const names = frames.map((_, n) => `f${n}`)
        for (const name of names.slice(0, before)) inbox.push(name)
        const fiber = yield* Effect.forkChild(
          inbox.listen((frame) => {
            assert.strictEqual(busy, 0, "the one before is not done with")
            begun.push(frame)
            if (frames[Number(frame.slice(1))]?.waits !== true) return Effect.void
            busy++
            return Effect.map(Effect.yieldNow, () => void busy--)
          }),
          { startImmediately: true }
        )
        for (const [n, name] of names.entries()) {
          if (n < before) continue
          inbox.push(name)
          if (frames[n]?.yields === true) yield* Effect.yieldNow
        }
        inbox.end()
        assert(isDone(yield* Fiber.await(fiber)))
        assert.deepStrictEqual(begun, names)
      })
  )
})

/** Has fibers give way once, before one of their steps. */
class GivingWayAt extends Scheduler.MixedScheduler {
  #stepsLeft: number
  gaveWay = false

  constructor(step: number) {
    super()
    this.#stepsLeft = step
  }

  override shouldYield(): boolean {
    if (this.gaveWay || this.#stepsLeft-- > 0) return false
    this.gaveWay = true
    return true
  }
}

type Taker = (inbox: FrameInbox, got: Array<string>) => Effect.Effect<never, Cause.Done>

const takers: ReadonlyArray<readonly [who: string, take: Taker]> = [
  [
    "pulls",
    (inbox, got) =>
      Effect.forever(
        Effect.map(inbox.pull, (frames) => void got.push(...frames)),
        { disableYield: true }
      )
  ],
  ["listens", (inbox, got) => inbox.listen(keep(got))],
  [
    "has something to do about each frame",
    (inbox, got) => inbox.listen((frame) => Effect.sync(() => void got.push(frame)))
  ]
]

const arrivals = [
  ["two frames", ["one", "two"], false],
  ["the end", [], true],
  ["two frames and the end", ["one", "two"], true]
] as const

const cases = takers.flatMap((taker) => arrivals.map((arrival) => [...taker, ...arrival] as const))

describe("whoever", () => {
  it.effect.each(cases)("%s misses nothing, wherever it gives way: $2", ([, take, , frames, ends]) =>
    Effect.gen(function* () {
      for (let step = 0; ; step++) {
        const { inbox } = open()
        const got: Array<string> = []
        const scheduler = new GivingWayAt(step)
        const fiber = yield* take(inbox, got).pipe(
          Effect.provideService(Scheduler.Scheduler, scheduler),
          Effect.forkChild({ startImmediately: true })
        )
        for (const frame of frames) inbox.push(frame)
        if (ends) inbox.end()
        yield* settle
        const over = fiber.pollUnsafe() !== undefined
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual({ step, got, over }, { step, got: [...frames], over: ends })
        if (!scheduler.gaveWay) return assert.isAbove(step, 5)
      }
    })
  )
})
