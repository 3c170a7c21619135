import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as CallAdmissionLive from "../../src/layers/CallAdmission.ts"
import * as CallRegistryMemory from "../../src/layers/CallRegistryMemory.ts"
import * as LifecycleLive from "../../src/layers/Lifecycle.ts"
import { defaultEdgeSettings, type EdgeSettings } from "../../src/schema/EdgeSettings.ts"
import { CallAdmission } from "../../src/services/CallAdmission.ts"
import { CallRegistry } from "../../src/services/CallRegistry.ts"
import { EdgeConfig } from "../../src/services/EdgeConfig.ts"
import { Lifecycle } from "../../src/services/Lifecycle.ts"
import { LoopLag } from "../../src/services/LoopLag.ts"

const withEdge = (settings: Partial<EdgeSettings>, lagMs = () => 0, lines: Array<string> = []) =>
  Effect.provide(
    Layer.mergeAll(CallAdmissionLive.layer).pipe(
      Layer.provideMerge(LifecycleLive.layer),
      Layer.provideMerge([
        CallRegistryMemory.layer,
        Layer.succeed(LoopLag, { current: Effect.sync(lagMs) }),
        Layer.succeed(EdgeConfig, { ...defaultEdgeSettings, ...settings })
      ]),
      Layer.provideMerge(
        Logger.layer([Logger.map(Logger.formatStructured, ({ message }) => lines.push(String(message)))])
      )
    )
  )

const busy = Effect.map(
  CallAdmission.use(({ busy }) => busy),
  Option.getOrElse(() => "free")
)

const enter = Effect.map(
  CallAdmission.use(({ enter }) => enter),
  Option.getOrElse(() => "entered")
)

const count = CallRegistry.use(({ count }) => count)

/** A call that can be ended. */
const call = Effect.gen(function* () {
  const scope = yield* Scope.make()
  assert.strictEqual(yield* Scope.provide(enter, scope), "entered")
  return Scope.close(scope, Exit.void)
})

describe("room for calls", () => {
  it.effect("is there up to the limit, and again when a call ends", () =>
    Effect.gen(function* () {
      const hangUp = yield* call
      yield* call
      assert.strictEqual(yield* busy, "all lines busy")
      assert.strictEqual(yield* enter, "all lines busy")
      assert.strictEqual(yield* count, 2)
      yield* hangUp
      assert.strictEqual(yield* busy, "free")
      yield* call
    }).pipe(withEdge({ maxCalls: 2 }))
  )

  it.effect("is not there while the process is too late", () => {
    let lagMs = 101
    return Effect.gen(function* () {
      assert.strictEqual(yield* busy, "overloaded")
      assert.strictEqual(yield* enter, "overloaded")
      lagMs = 100
      assert.strictEqual(yield* busy, "free")
      yield* call
    }).pipe(withEdge({ maxLagMs: 100 }, () => lagMs))
  })

  it.effect("is there however late the process is, if that does not matter", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* enter, "entered")
    }).pipe(withEdge({ maxLagMs: 0 }, () => 10_000))
  )
})

describe("leaving", () => {
  it.effect("takes no time when there are no calls", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      yield* Lifecycle.use(({ leave }) => leave)
      assert.strictEqual(yield* busy, "stopping")
      assert.strictEqual(yield* enter, "stopping")
      assert.deepStrictEqual(lines, ["Stopping"])
    }).pipe(withEdge({}, undefined, lines))
  })

  it.effect("waits for the last call, and takes no new one", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const { isLeaving, leave } = yield* Lifecycle
      const hangUps = [yield* call, yield* call]
      assert.isFalse(yield* isLeaving)
      const left = yield* Effect.forkChild(leave, { startImmediately: true })
      assert.isTrue(yield* isLeaving)
      assert.strictEqual(yield* enter, "stopping")
      for (const hangUp of hangUps) {
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(left.pollUnsafe(), undefined)
        yield* hangUp
      }
      yield* Fiber.join(left)
      assert.deepStrictEqual(lines, [
        "Stopping: no new calls; 2 calls may go on for 10m; a second signal ends them now",
        "Stopping: the last call has ended"
      ])
    }).pipe(withEdge({}, undefined, lines))
  })

  it.effect("does not wait longer than the limit", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      yield* call
      const left = yield* Effect.forkChild(
        Lifecycle.use(({ leave }) => leave),
        { startImmediately: true }
      )
      yield* TestClock.adjust("9 minutes")
      assert.strictEqual(left.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(left)
      assert.strictEqual(lines.at(-1), "Stopping: 1 call cut off after 10m")
    }).pipe(withEdge({}, undefined, lines))
  })
})

describe("calls that were brought to their end", () => {
  it.effect("are remembered, the last thousand of them", () =>
    Effect.gen(function* () {
      const { finish, isFinished } = yield* CallRegistry
      yield* finish("CA0")
      assert.isTrue(yield* isFinished("CA0"))
      assert.isFalse(yield* isFinished("CA1"))
      yield* Effect.forEach(Array.from({ length: 1000 }), (_, call) => finish(`CA${call + 1}`), { discard: true })
      assert.isFalse(yield* isFinished("CA0"))
      assert.isTrue(yield* isFinished("CA1"))
    }).pipe(withEdge({}))
  )
})
