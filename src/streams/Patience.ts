/** A pull in, the same pull out, given up on when it is waited for too long. Owns one fiber and one timer for all of a stream's pulls, not the limit. */
import { Clock, Effect, Exit, Fiber, type Scope } from "effect"

/** How long is waited. Times are milliseconds of the Clock's monotonic time. */
export interface Patience<E, R> {
  /** Asked when a wait begins: the least time it may take, in milliseconds. */
  readonly limitMs: () => number
  /** When a wait will have taken too long; if that is after `nowMs` it is asked again then. */
  readonly lateMs: (beganMs: number, limitMs: number, nowMs: number) => number
  /** What becomes of a wait that took too long. */
  readonly onLate: Effect.Effect<never, E, R>
}

interface Wait<A, E, R> {
  readonly beganMs: number
  readonly limitMs: number
  readonly resume: (answer: Effect.Effect<A, E, R>) => void
}

/**
 * Gives up on pulls that take too long; after that the pull is over for good.
 *
 * A race and a timer for each pull cost more than most of what is pulled. Here one fiber pulls when it is asked to, and a
 * timer that was set for one pull is left to run out during later ones; what is left of their time is looked at then.
 */
export const withPatience = <A, E, E2, R2>(
  pull: Effect.Effect<A, E>,
  { lateMs, limitMs, onLate }: Patience<E2, R2>,
  scope: Scope.Scope
): Effect.Effect<Effect.Effect<A, E | E2, R2>> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    let wait: Wait<A, E | E2, R2> | undefined
    /** Came when whoever had asked for it was gone: for the next one who asks. */
    let kept: Exit.Exit<A, E> | undefined
    /** Wakes up who pulls; undefined while it is awake. */
    let wake: (() => void) | undefined
    let asked = false

    const question = Effect.callback<void>((resume) => {
      if (asked) resume(Effect.void)
      else wake = () => resume(Effect.void)
    })

    const puller = yield* Effect.gen(function* () {
      for (;;) {
        yield* question
        const exit = yield* Effect.exit(pull)
        asked = false
        const current = wait
        wait = undefined
        if (current === undefined) kept = exit
        else current.resume(exit)
        if (Exit.isFailure(exit)) return
      }
    }).pipe(Effect.forkIn(scope, { startImmediately: true }))

    const ask = Effect.callback<A, E | E2, R2>((resume) => {
      if (kept !== undefined) {
        resume(kept)
        kept = undefined
        return
      }
      wait = { beganMs: nowMs(), limitMs: limitMs(), resume }
      const go = wake
      wake = undefined
      asked = true
      go?.()
      return Effect.sync(() => void (wait = undefined))
    })

    /** When the timer goes off; infinite: there is none. */
    let wakesMs = Infinity
    let watcher: Fiber.Fiber<void> | undefined

    const watch = Effect.gen(function* () {
      for (;;) {
        yield* Effect.sleep(Math.max(0, wakesMs - nowMs()))
        // If it was the process that was held up, what is waited for may be there to be read: timers come first.
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        const current = wait
        if (current === undefined) break
        const now = nowMs()
        wakesMs = lateMs(current.beganMs, current.limitMs, now)
        if (wakesMs > now) continue
        wait = undefined
        yield* Fiber.interrupt(puller)
        current.resume(onLate)
        break
      }
      wakesMs = Infinity
    })

    const setTimer = Effect.suspend(() => {
      const before = watcher === undefined ? Effect.void : Fiber.interrupt(watcher)
      return Effect.map(
        Effect.andThen(before, Effect.forkIn(watch, scope, { startImmediately: true })),
        (fiber) => void (watcher = fiber)
      )
    })

    return Effect.suspend(() => {
      const latestMs = nowMs() + limitMs()
      if (wakesMs <= latestMs) return ask
      wakesMs = latestMs
      return Effect.andThen(setTimer, ask)
    })
  })
