/** Runs one media stream against the Clock, over a connection. Owns waking up in time; what happens then is `TwilioLine.ts`. */
import { Clock, Effect } from "effect"
import { type CarrierConnection } from "./CarrierConnection.ts"
import { type LineOptions, type LineResult, makeLine } from "./TwilioLine.ts"

/** What a stream is made of, and what it runs over. */
export interface TwilioStreamOptions extends Omit<LineOptions, "send"> {
  readonly connection: CarrierConnection
  /** Told once, when line time begins, what the Clock's `currentTimeMillis` was then. */
  readonly onOpen: (originMs: number) => void
}

/** Less than this is no time, in milliseconds. */
const EPSILON_MS = 1e-6

/**
 * Calls, speaks and listens until the call is over.
 *
 * Frames are due at absolute times, 20 ms times their number after `start`: a late wake-up is caught up with and never
 * adds to the ones after it. One sleep covers a frame and everything due before it; only what comes up unforeseen in
 * between gets a sleep of its own. Sleeps are whole milliseconds.
 */
export const runTwilioStream = (options: TwilioStreamOptions): Effect.Effect<LineResult> =>
  Effect.gen(function* () {
    const { connection } = options
    const clock = yield* Clock.Clock
    const line = makeLine({ ...options, send: connection.sendUnsafe })
    const rate = 1 + (options.impairments.clockSkewPpm ?? 0) / 1e6

    line.open()
    const origin = clock.monotonicTimeNanosUnsafe()
    options.onOpen(clock.currentTimeMillisUnsafe())
    const nowMs = (): number => (Number(clock.monotonicTimeNanosUnsafe() - origin) / 1e6) * rate
    const sleepUntil = (atMs: number): Effect.Effect<void> =>
      Effect.sleep(Math.max(1, Math.ceil((atMs - nowMs()) / rate - EPSILON_MS)))

    /** When the speaking fiber wakes up, and an extra one if there is something to do before that. */
    let wakesMs = 0
    let extraWakesMs = Infinity

    const speak = Effect.gen(function* () {
      for (;;) {
        line.advanceTo(nowMs())
        const result = line.result()
        if (result !== undefined) return result
        wakesMs = line.nextMs()
        yield* sleepUntil(wakesMs)
      }
    })

    const extraIsNeeded = (): boolean => line.nextMs() < Math.min(wakesMs, extraWakesMs)

    const wakeExtra = Effect.gen(function* () {
      while (line.result() === undefined && extraIsNeeded()) {
        extraWakesMs = line.nextMs()
        yield* sleepUntil(extraWakesMs)
        extraWakesMs = Infinity
        line.advanceTo(nowMs())
      }
    })

    const listen = connection.receive.pipe(
      Effect.tap((frames) =>
        Effect.suspend(() => {
          for (const frame of frames) line.receive(nowMs(), frame)
          return extraIsNeeded() ? Effect.forkScoped(wakeExtra) : Effect.void
        })
      ),
      Effect.forever,
      Effect.catch((closed) => Effect.sync(() => line.closed(nowMs(), closed)))
    )

    const result = yield* Effect.raceFirst(speak, listen)
    if (result.end._tag === "CallerHungUp") yield* connection.close
    if (result.end._tag === "CallerLost") yield* connection.reset
    return result
  }).pipe(Effect.scoped)
