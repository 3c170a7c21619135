import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Logger, Redacted, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as CallFeedLive from "../../src/layers/CallFeed.ts"
import { admits, type PhoneAccess } from "../../src/layers/PhoneAccess.ts"
import { type CallEvent, type CallEventBody } from "../../src/schema/CallEvent.ts"
import { CallFeed } from "../../src/services/CallFeed.ts"
import { type CallControl } from "../../src/services/CallObserver.ts"
import { settle } from "../support/Settle.ts"

const open: PhoneAccess = { enabled: true, token: undefined }
const guarded: PhoneAccess = { enabled: true, token: Redacted.make("sesame") }

const feedOf = (access: PhoneAccess) =>
  Effect.map(Layer.build(CallFeedLive.layer(access)), (context) => Context.get(context, CallFeed))

const key = (digit: string, atMs = 0): CallEvent => ({ _tag: "Key", digit, atMs })

const score = (audioMs: number): CallEvent => ({ _tag: "Voice", audioMs, probability: 0.5, atMs: audioMs })

const ended: CallEventBody = { _tag: "Ended", reason: "caller hung up", malformedFrames: 0 }

/** A call of its own scope, and what was done to it. */
const placeCall = Effect.fnUntraced(function* (
  { observer }: CallFeed["Service"],
  callSid: string,
  parameters: Readonly<Record<string, string>> = { watch: "true" }
) {
  const scope = yield* Scope.make()
  const typed: Array<string> = []
  let hungUp = false
  const control: CallControl = {
    typed: (text) => Effect.sync(() => void typed.push(text)),
    hangUp: Effect.sync(() => void (hungUp = true))
  }
  const tell = yield* Scope.provide(observer.open({ callSid, streamSid: "MZ1", parameters }, control), scope)
  return { tell, typed, isHungUp: () => hungUp, end: Scope.close(scope, Exit.void) }
})

const collect = (watch: { readonly events: Stream.Stream<CallEvent> }) =>
  Effect.forkChild(Stream.runCollect(watch.events), { startImmediately: true })

describe("a follower", () => {
  it.effect("sees everything of a call it waited for, in order, until its end", () =>
    Effect.gen(function* () {
      const feed = yield* feedOf(open)
      const watch = yield* feed.watch("CA1")
      const seen = yield* collect(watch)
      const call = yield* placeCall(feed, "CA1")
      const events = [score(0), key("1"), score(32), { ...ended, atMs: 64 }]
      for (const event of events) yield* call.tell(event)
      yield* call.end
      assert.deepStrictEqual(yield* Fiber.join(seen), events)
    })
  )

  it.effect("who comes later sees what happened before, but for the scores", () =>
    Effect.gen(function* () {
      const feed = yield* feedOf(open)
      const call = yield* placeCall(feed, "CA1")
      yield* call.tell(score(0))
      yield* call.tell(key("1"))
      yield* call.tell(score(32))
      const seen = yield* collect(yield* feed.watch("CA1"))
      yield* call.tell(score(64))
      yield* call.tell(key("2"))
      yield* call.end
      assert.deepStrictEqual(yield* Fiber.join(seen), [key("1"), score(64), key("2")])
    })
  )

  it.effect("sees nothing of other calls", () =>
    Effect.gen(function* () {
      const feed = yield* feedOf(open)
      const seen = yield* collect(yield* feed.watch("CA1"))
      const call = yield* placeCall(feed, "CA1")
      const other = yield* placeCall(feed, "CA2")
      yield* other.tell(key("2"))
      yield* call.end
      assert.deepStrictEqual(yield* Fiber.join(seen), [])
    })
  )

  it.effect("does not see a second call of the same id while the first goes on", () =>
    Effect.gen(function* () {
      const feed = yield* feedOf(open)
      const watch = yield* feed.watch("CA1")
      const seen = yield* collect(watch)
      const call = yield* placeCall(feed, "CA1")
      const second = yield* placeCall(feed, "CA1")
      yield* second.tell(key("2"))
      yield* watch.typed("for the first")
      yield* second.end
      yield* call.tell(key("1"))
      yield* call.end
      assert.deepStrictEqual(yield* Fiber.join(seen), [key("1")])
      assert.deepStrictEqual([call.typed, second.typed], [["for the first"], []])
    })
  )

  it.effect("who does not keep up misses scores first, and then the oldest of the rest", () =>
    Effect.gen(function* () {
      const feed = yield* feedOf(open)
      const watch = yield* feed.watch("CA1")
      const call = yield* placeCall(feed, "CA1")
      for (let n = 0; n < 10_000; n++) yield* call.tell(score(n * 32))
      for (let n = 0; n < 300; n++) yield* call.tell(key("1", n))
      const some = yield* Fiber.join(yield* collect({ events: Stream.take(watch.events, 428) }))
      assert.strictEqual(some.filter(({ _tag }) => _tag === "Voice").length, 128)
      assert.deepStrictEqual(
        some.filter(({ _tag }) => _tag === "Key").map(({ atMs }) => atMs),
        Array.from({ length: 300 }, (_, n) => n)
      )

      for (let n = 0; n < 1000; n++) yield* call.tell(key("2", n))
      yield* call.end
      const rest = yield* Fiber.join(yield* collect(watch))
      assert.strictEqual(rest.length, 512)
      assert.strictEqual(rest.at(-1)?.atMs, 999)
    })
  )

  it.effect("can say something while the call goes on, not before and not after", () =>
    Effect.gen(function* () {
      const feed = yield* feedOf(open)
      const watch = yield* feed.watch("CA1")
      assert.isFalse(yield* watch.typed("too early"))
      const call = yield* placeCall(feed, "CA1")
      assert.isTrue(yield* watch.typed("hello"))
      yield* call.end
      assert.isFalse(yield* watch.typed("too late"))
      assert.deepStrictEqual(call.typed, ["hello"])
    })
  )
})

describe("a call", () => {
  it.effect("costs nothing per window while nobody follows it", () =>
    Effect.gen(function* () {
      const feed = yield* feedOf(open)
      const call = yield* placeCall(feed, "CA1")
      assert.strictEqual(call.tell(score(0)), Effect.void)
      const scope = yield* Scope.make()
      yield* Scope.provide(feed.watch("CA1"), scope)
      assert.notStrictEqual(call.tell(score(32)), Effect.void)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(call.tell(score(64)), Effect.void)
    })
  )

  it.effect("that is over is remembered for a few seconds, with its last events only", () =>
    Effect.gen(function* () {
      const feed = yield* feedOf(open)
      const call = yield* placeCall(feed, "CA1")
      for (let n = 0; n < 1000; n++) yield* call.tell(key("1", n))
      yield* call.end
      yield* TestClock.adjust("9 seconds")
      const late = yield* Fiber.join(yield* collect(yield* feed.watch("CA1")))
      assert.strictEqual(late.length, 128)
      assert.strictEqual(late.at(-1)?.atMs, 999)

      yield* TestClock.adjust("2 seconds")
      const seen = yield* collect(yield* feed.watch("CA1"))
      yield* settle
      assert.isUndefined(seen.pollUnsafe())
      const again = yield* placeCall(feed, "CA1")
      yield* again.end
      assert.deepStrictEqual(yield* Fiber.join(seen), [])
    })
  )

  it.effect("that did not ask for it is neither followed nor touched", () =>
    Effect.gen(function* () {
      const feed = yield* feedOf(guarded)
      const call = yield* placeCall(feed, "CA1", {})
      yield* call.tell(key("1"))
      const watch = yield* feed.watch("CA1")
      assert.isFalse(yield* watch.typed("hello"))
      const seen = yield* collect(watch)
      yield* settle
      assert.isUndefined(seen.pollUnsafe())
      assert.isFalse(call.isHungUp())
    })
  )

  it.effect.each([
    [guarded, "", true],
    [guarded, "Sesame", true],
    [guarded, "sesame", false],
    [open, "whatever", false],
    [{ ...open, enabled: false }, "", true],
    [{ ...guarded, enabled: false }, "sesame", true]
  ] as const)("from a browser phone is hung up where that may not be (%#)", ([access, token, hungUp]) =>
    Effect.gen(function* () {
      const feed = yield* feedOf(access)
      const call = yield* placeCall(feed, "CA1", { watch: "true", token })
      assert.strictEqual(call.isHungUp(), hungUp)
      yield* call.tell(key("1"))
      const watch = yield* feed.watch("CA1")
      assert.strictEqual(yield* watch.typed("hello"), !hungUp)
    }).pipe(Effect.provide(Logger.layer([])))
  )
})

it("a token is compared as a whole", () => {
  assert.isTrue(admits(guarded, "sesame"))
  for (const wrong of [undefined, "", "s", "sesam", "sesames", "SESAME", "sesame\u0000"]) {
    assert.isFalse(admits(guarded, wrong), String(wrong))
  }
  assert.isTrue(admits(open, undefined))
  assert.isFalse(admits({ ...open, enabled: false }, undefined))
})
