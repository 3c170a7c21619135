/** A stream in, the same stream out, with something ahead of it if it is slow to begin, and failing if it is too slow. Owns no opinion of how slow that is. */
import { type Array as Arr, Effect, Fiber, type Pull, Stream } from "effect"

/** What to do until the first element comes. */
export interface WaitingOptions<B, E, R> {
  /** Ends, by failing, the wait for the first element; run again after the filler, so it has to know since when. */
  readonly atMost: Effect.Effect<never, E, R>
  /** What goes ahead of the stream if it is done before the first element comes. */
  readonly filler: Effect.Effect<B, E, R>
}

/** Fills the time until a stream begins. A stream that ends or fails before that is not waited for any longer either. */
export const whileWaiting =
  <B, E2, R2>({ atMost, filler }: WaitingOptions<B, E2, R2>) =>
  <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A | B, E | E2, R | R2> =>
    Stream.transformPull(self, (pull, scope) =>
      Effect.gen(function* () {
        let begun = false
        let filled = false
        // A fiber of its own: whoever gives up waiting for it must not break off what is on its way.
        const first = yield* Effect.forkIn(pull, scope)
        const waiting = Fiber.join(first).pipe(
          Effect.tap(() => Effect.sync(() => void (begun = true))),
          Effect.raceFirst(atMost)
        )
        const fill = Effect.map(filler, (element): Arr.NonEmptyReadonlyArray<A | B> => {
          filled = true
          return [element]
        })
        const next: Pull.Pull<Arr.NonEmptyReadonlyArray<A | B>, E | E2, void, R | R2> = Effect.suspend(() => {
          if (begun) return pull
          return filled ? waiting : Effect.raceFirst(waiting, fill)
        })
        return next
      })
    )
