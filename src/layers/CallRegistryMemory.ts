/** Counts live calls in the memory of this process, and remembers the last ones that were brought to their end. */
import { Effect, Layer, Stream, SubscriptionRef } from "effect"
import { CallRegistry } from "../services/CallRegistry.ts"

/** Finished calls that are remembered; the carrier asks about one within seconds of its end. */
const FINISHED = 1000

/** A registry that starts empty. */
export const layer: Layer.Layer<CallRegistry> = Layer.effect(
  CallRegistry,
  Effect.gen(function* () {
    const live = yield* SubscriptionRef.make(0)
    const finished = new Set<string>()

    const begin = (limit: number) =>
      SubscriptionRef.modify(live, (calls) => (calls < limit ? [true, calls + 1] : [false, calls]))
    const end = SubscriptionRef.update(live, (calls) => calls - 1)

    return CallRegistry.of({
      enter: (limit) => Effect.acquireRelease(begin(limit), (entered) => (entered ? end : Effect.void)),
      count: SubscriptionRef.get(live),
      idle: SubscriptionRef.changes(live).pipe(
        Stream.filter((calls) => calls === 0),
        Stream.runHead,
        Effect.asVoid
      ),
      finish: (callSid) =>
        Effect.sync(() => {
          finished.add(callSid)
          const [oldest] = finished
          if (finished.size > FINISHED && oldest !== undefined) finished.delete(oldest)
        }),
      isFinished: (callSid) => Effect.sync(() => finished.has(callSid))
    })
  })
)
