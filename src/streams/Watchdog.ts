/** A stream in, the same stream out, failing when it goes quiet. Owns no opinion of what is worth waiting for. */
import { Duration, Effect, Stream } from "effect"
import { withPatience } from "./Patience.ts"

/** How long a stream may be quiet while its consumer waits for it. */
export interface WatchdogSettings {
  /** Until the first element. */
  readonly first: Duration.Input
  /** Between elements, and from the last element to the end; as a function, it is asked each time. */
  readonly next: Duration.Input | (() => Duration.Input)
}

/**
 * Fails with `onQuiet` when nothing comes within the deadlines.
 *
 * `Stream.timeout` is no use for this: it ends the stream, so a stalled source would look like a finished one.
 */
export const watchdog =
  <E2>(settings: WatchdogSettings, onQuiet: (phase: "first" | "next") => E2) =>
  <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E | E2, R> =>
    Stream.transformPull(self, (pull, scope) => {
      let phase: "first" | "next" = "first"
      const next = (): Duration.Input => (typeof settings.next === "function" ? settings.next() : settings.next)
      return Effect.map(
        withPatience(
          pull,
          {
            limitMs: () => Duration.toMillis(phase === "first" ? settings.first : next()),
            lateMs: (beganMs, limitMs) => beganMs + limitMs,
            onLate: Effect.suspend(() => Effect.fail(onQuiet(phase)))
          },
          scope
        ),
        Effect.map((elements) => {
          phase = "next"
          return elements
        })
      )
    })
