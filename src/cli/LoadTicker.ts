/** One timer for everything that is due in a process: actions with their times in, each done at its time. A fiber of its own for each would cost more than what it does. */
import { Clock, Effect } from "effect"

/** How often the timer looks, in milliseconds. */
const STEP_MS = 2

/** What does things when they are due. Times are the Clock's monotonic ones, in milliseconds. */
export interface Ticker {
  readonly nowMs: () => number
  /** Does something at a time, or as soon as possible after it; what is due first is done first, to within 2 ms. */
  readonly at: (dueMs: number, act: () => void) => void
  /** Keeps everything going; ends by interruption. */
  readonly run: Effect.Effect<never>
}

/** A ticker on the Clock. */
export const makeTicker: Effect.Effect<Ticker> = Effect.map(Clock.Clock, (clock) => {
  const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const steps = new Map<number, Array<() => void>>()
  /** The last step whose actions were done. */
  let done = Math.floor(nowMs() / STEP_MS)

  const doDue = (): void => {
    const until = Math.floor(nowMs() / STEP_MS)
    // What is due by now and put there meanwhile waits for the next look.
    while (done < until) {
      const step = ++done
      const acts = steps.get(step)
      if (acts === undefined) continue
      steps.delete(step)
      for (const act of acts) act()
    }
  }

  return {
    nowMs,
    at: (dueMs, act) => {
      const step = Math.max(done + 1, Math.ceil(dueMs / STEP_MS))
      const acts = steps.get(step)
      if (acts === undefined) steps.set(step, [act])
      else acts.push(act)
    },
    run: Effect.forever(
      Effect.suspend(() => {
        doDue()
        return Effect.sleep(Math.max(1, Math.ceil((done + 1) * STEP_MS - nowMs())))
      })
    )
  }
})
