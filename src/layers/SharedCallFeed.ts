/** Follows calls wherever they are held in a server that is several processes: the feed of this process, and what the others tell. Owns no call. */
import { type Cause, Effect, FiberMap, Layer, Queue, Stream } from "effect"
import { type CallEvent } from "../schema/CallEvent.ts"
import { CallFeed } from "../services/CallFeed.ts"
import { SupervisorLink } from "./SupervisorLink.ts"

/** Events a follower may be behind of a call that another process holds. */
const BACKLOG = 512

/** The feed of this process as followers here see it; what happens in its calls is told to followers elsewhere. */
export const layer: Layer.Layer<CallFeed, never, CallFeed | SupervisorLink> = Layer.effect(
  CallFeed,
  Effect.gen(function* () {
    const own = yield* CallFeed
    const link = yield* SupervisorLink
    /** Followers elsewhere, by the number of their watch. */
    const elsewhere = yield* FiberMap.make<number>()
    const follow = yield* FiberMap.runtime(elsewhere)()
    const run = Effect.runForkWith(yield* Effect.context<never>())

    /** Tells another process what happens in a call, if it is here. */
    const tellOf = (watch: number, callSid: string): Effect.Effect<void> =>
      Effect.gen(function* () {
        const { events } = yield* own.watch(callSid)
        yield* Stream.runForEach(events, (event) => Effect.sync(() => link.tell({ _tag: "Watched", watch, event })))
        link.tell({ _tag: "Watched", watch, event: undefined })
      }).pipe(Effect.scoped)

    const say = (callSid: string, text: string): Effect.Effect<boolean> =>
      Effect.scoped(Effect.flatMap(own.watch(callSid), ({ typed }) => typed(text)))

    link.onOrder((order) => {
      switch (order._tag) {
        case "Watch":
          return void follow(order.watch, tellOf(order.watch, order.callSid))
        case "Unwatch":
          return void run(FiberMap.remove(elsewhere, order.watch))
        case "TypeHere": {
          const { callSid, id, text } = order
          return void run(Effect.map(say(callSid, text), (heard) => link.tell({ _tag: "TypedThere", id, heard })))
        }
      }
    })

    return CallFeed.of({
      observer: own.observer,
      watch: Effect.fnUntraced(function* (callSid: string) {
        const here = yield* own.watch(callSid)
        const there = yield* Queue.sliding<CallEvent, Cause.Done>(BACKLOG)
        yield* Effect.acquireRelease(
          Effect.sync(() => link.watch(callSid, there)),
          (unwatch) => Effect.sync(unwatch)
        )
        return {
          // The call is in one of them, and over for the follower when it is over there.
          events: Stream.merge(here.events, Stream.fromQueue(there), { haltStrategy: "either" }),
          typed: (text) =>
            Effect.flatMap(here.typed(text), (heard) =>
              heard ? Effect.succeed(true) : link.ask({ _tag: "Typed", callSid, text })
            )
        }
      })
    })
  })
)
