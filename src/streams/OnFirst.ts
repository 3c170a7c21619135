/** A stream in, the same stream out, with something done once ahead of its first element. Costs nothing after that. */
import { Effect, Stream } from "effect"

/** Runs an effect once, before the first element goes on; never if there is none. */
export const onFirst =
  (effect: Effect.Effect<unknown>) =>
  <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
    Stream.transformPull(self, (pull) =>
      Effect.sync(() => {
        let next = Effect.tap(pull, () => {
          next = pull
          return effect
        })
        return Effect.suspend(() => next)
      })
    )
