/** A voice's speech in, the same speech out, and an end to it when the voice owes more and goes quiet. Owns no opinion of what it owes. */
import { type Cause, Duration, type Effect, Stream } from "effect"
import { withPatience } from "./Patience.ts"

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
    Stream.transformPull(self, (pull, scope) => {
      const limitMs = Duration.toMillis(atMost)
      return withPatience(
        pull,
        {
          limitMs: () => limitMs,
          lateMs: (beganMs, _limitMs, nowMs) => {
            // What it will owe by then is not known: asked again when it could be late at the earliest.
            const since = sinceMs()
            return (since === undefined ? nowMs : Math.max(beganMs, since)) + limitMs
          },
          onLate: onQuiet
        },
        scope
      )
    })
