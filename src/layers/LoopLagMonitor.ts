/** Measures the lag of the event loop: sleeps for a while, over and over, and sees how much longer it took. */
import { Clock, Duration, Effect, Layer, Metric } from "effect"
import { LoopLag } from "../services/LoopLag.ts"
import { loopLag } from "./EdgeMetrics.ts"

const INTERVAL = Duration.millis(100)

/** Measurements that are kept: a second of them. One stall of the process is no trend. */
const KEPT = 10

/** The last measurements, oldest first, in milliseconds. */
export type LagState = ReadonlyArray<number>

/** Nothing was measured yet. */
export const initial: LagState = []

/** Takes a measurement in; gives the mean of those that are kept. */
export const step = (state: LagState, lagMs: number): readonly [LagState, number] => {
  const next = [...state, Math.max(0, lagMs)].slice(-KEPT)
  return [next, next.reduce((sum, lag) => sum + lag, 0) / next.length]
}

/** Measures ten times a second for as long as the layer lives. */
export const layer: Layer.Layer<LoopLag> = Layer.effect(
  LoopLag,
  Effect.gen(function* () {
    let state = initial
    let meanMs = 0
    const measure = Effect.gen(function* () {
      const beforeNanos = yield* Clock.monotonicTimeNanos
      yield* Effect.sleep(INTERVAL)
      const tookMs = Number((yield* Clock.monotonicTimeNanos) - beforeNanos) / 1e6
      const [next, mean] = step(state, tookMs - Duration.toMillis(INTERVAL))
      state = next
      meanMs = mean
      yield* Metric.update(loopLag, mean)
    })
    yield* Effect.forkScoped(Effect.forever(measure))
    return LoopLag.of({ current: Effect.sync(() => meanMs) })
  })
)
