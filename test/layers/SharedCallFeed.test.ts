import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Queue, Stream } from "effect"
import { CallFeed } from "../../src/services/CallFeed.ts"
import * as CallFeedLive from "../../src/layers/CallFeed.ts"
import * as CallRegistryMemory from "../../src/layers/CallRegistryMemory.ts"
import * as SharedCallFeed from "../../src/layers/SharedCallFeed.ts"
import * as StreamTokensMemory from "../../src/layers/StreamTokensMemory.ts"
import { makeSupervisorDesk, type SupervisorDesk } from "../../src/layers/SupervisorDesk.ts"
import { SupervisorLink } from "../../src/layers/SupervisorLink.ts"
import { type CallEvent } from "../../src/schema/CallEvent.ts"
import { linkTo } from "../support/processLink.ts"

/** The feed of one of several processes. */
const feedAt = (desk: SupervisorDesk) =>
  Effect.gen(function* () {
    const link = yield* linkTo(desk)
    const own = Layer.fresh(CallFeedLive.layer({ enabled: true, token: undefined }))
    const layer = Layer.fresh(SharedCallFeed.layer).pipe(
      Layer.provide(own),
      Layer.provide(Layer.succeed(SupervisorLink, link))
    )
    const context = yield* Layer.build(layer)
    return yield* Effect.provideContext(CallFeed, context)
  })

const desk = makeSupervisorDesk.pipe(Effect.provide([CallRegistryMemory.layer, StreamTokensMemory.layer]))

const info = { callSid: "CA1", streamSid: "MZ1", parameters: { watch: "true" } }

const event = (atMs: number): CallEvent => ({ _tag: "Started", atMs })

describe("a call that is followed from another process", () => {
  it.live("is seen to its end, and hears what is typed", () =>
    Effect.gen(function* () {
      const shared = yield* desk
      const [here, there, elsewhere] = [yield* feedAt(shared), yield* feedAt(shared), yield* feedAt(shared)]
      const typed = yield* Queue.unbounded<string>()
      const seen = yield* Queue.unbounded<CallEvent>()
      const ended = yield* Deferred.make<void>()
      const { events, typed: type } = yield* there.watch("CA1")
      yield* Effect.forkScoped(
        Effect.andThen(
          Stream.runForEach(events, (event) => Queue.offer(seen, event)),
          Deferred.succeed(ended, undefined)
        )
      )
      assert.isFalse(yield* type("nobody is there yet"))
      assert.isFalse(yield* Effect.scoped(Effect.flatMap(elsewhere.watch("CA2"), ({ typed }) => typed("never"))))

      yield* Effect.gen(function* () {
        const sink = yield* here.observer.open(info, {
          hangUp: Effect.void,
          typed: (text) => Effect.asVoid(Queue.offer(typed, text))
        })
        yield* sink(event(1))
        yield* sink(event(2))
        assert.deepStrictEqual([yield* Queue.take(seen), yield* Queue.take(seen)], [event(1), event(2)])
        assert.isTrue(yield* type("hello"))
        assert.strictEqual(yield* Queue.take(typed), "hello")
      }).pipe(Effect.scoped)
      yield* Deferred.await(ended)
    })
  )

  it.live("is followed no more by whoever has gone", () =>
    Effect.gen(function* () {
      const shared = yield* desk
      const here = yield* feedAt(shared)
      const there = yield* feedAt(shared)
      const seen = yield* Queue.unbounded<CallEvent>()
      const follow = Effect.flatMap(there.watch("CA1"), ({ events }) => Stream.runHead(events))
      const sink = yield* here.observer.open(info, { hangUp: Effect.void, typed: () => Effect.void })
      yield* sink(event(1))
      // From its beginning, for who comes late; twice, as the first one has left nothing behind.
      for (let n = 0; n < 2; n++)
        Queue.offerUnsafe(
          seen,
          (yield* Effect.scoped(follow)).pipe((head) => (head._tag === "Some" ? head.value : event(-1)))
        )
      assert.deepStrictEqual(yield* Queue.takeAll(seen), [event(1), event(1)])
    })
  )
})
