/** A voice's speech in, the same speech out, and an end to it when the voice owes more and goes quiet. Owns no opinion of what it owes. */
import { type Array as Arr, type Cause, Clock, Duration, Effect, type Pull, Stream } from "effect"

/** What a voice owes. */
export interface Owed<E, R> {
  /** Since when there is something it should have said, in milliseconds of the Clock's monotonic time; undefined: it may be quiet. */
  readonly sinceMs: () => number | undefined
  /** How long it may be quiet then. */
  readonly atMost: Duration.Duration
  /** What becomes of the stream when it was quiet for longer: it fails, or ends with `Cause.done()`. */
  readonly onQuiet: Effect.Effect<never, E | Cause.Done, R>
}

/** Ends a voice's stream when it is waited for, owes something, and goes quiet for too long. */
export const whileOwed =
  <E2, R2>({ atMost, onQuiet, sinceMs }: Owed<E2, R2>) =>
  <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E | E2, R | R2> =>
    Stream.transformPull(self, (pull) =>
      Effect.map(Clock.Clock, (clock) => {
        const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
        const limitMs = Duration.toMillis(atMost)
        const quiet = Effect.gen(function* () {
          const beganMs = nowMs()
          for (;;) {
            // What it will owe by then is not known: asked again when it could be late at the earliest.
            const since = sinceMs()
            const leftMs = Math.max(beganMs, since ?? nowMs()) + limitMs - nowMs()
            if (since !== undefined && leftMs <= 0) return yield* onQuiet
            yield* Effect.sleep(leftMs)
          }
        })
        const next: Pull.Pull<Arr.NonEmptyReadonlyArray<A>, E | E2, void, R | R2> = Effect.raceFirst(pull, quiet)
        return next
      })
    )
