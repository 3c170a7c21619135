/** Whether a service that failed is worth asking: outcomes of all calls in, admission out, so that a dead one is not waited for by each. Owns no request and no retry. */
import { Clock, Effect, Metric } from "effect"

/** When a circuit opens and for how long. */
export interface CircuitSettings {
  /** Failures without a success between them, within the window, that open it. */
  readonly failures: number
  readonly windowMs: number
  /** Time in which nobody asks; after that one does, and another one if nothing is known of that for as long again. */
  readonly openMs: number
}

/** Five failures in half a minute, then a quarter of a minute of peace. */
export const defaultCircuitSettings: CircuitSettings = { failures: 5, windowMs: 30_000, openMs: 15_000 }

/** What is remembered of a service. Times are milliseconds on the Clock. */
export interface CircuitState {
  /** When it failed since it last worked, oldest first. */
  readonly failedAt: ReadonlyArray<number>
  /** Until when nobody is to ask; undefined: it is closed. */
  readonly openUntil: number | undefined
}

/** A service of which nothing bad is known. */
export const initial: CircuitState = { failedAt: [], openUntil: undefined }

/** Whether a request would be let through. */
export const isOpen = (state: CircuitState, nowMs: number): boolean =>
  state.openUntil !== undefined && nowMs < state.openUntil

/** Whether it has failed since it last worked. */
export const isFailing = (state: CircuitState): boolean => state.failedAt.length > 0

/** Lets a request through or not. The first one through an open circuit is on trial; the next one waits as long again. */
export const admit = (
  settings: CircuitSettings,
  state: CircuitState,
  nowMs: number
): readonly [CircuitState, admitted: boolean] => {
  if (state.openUntil === undefined) return [state, true]
  return isOpen(state, nowMs) ? [state, false] : [{ ...state, openUntil: nowMs + settings.openMs }, true]
}

/** The service worked. */
export const succeeded = (state: CircuitState): CircuitState =>
  state.failedAt.length === 0 && state.openUntil === undefined ? state : initial

/** The service failed. */
export const failed = (settings: CircuitSettings, state: CircuitState, nowMs: number): CircuitState => {
  const failedAt = [...state.failedAt.filter((at) => nowMs - at < settings.windowMs), nowMs].slice(-settings.failures)
  const opens = state.openUntil !== undefined || failedAt.length >= settings.failures
  return { failedAt, openUntil: opens ? nowMs + settings.openMs : undefined }
}

/** The circuit of one service, shared by all calls of the process. */
export interface Circuit {
  /** Whether nobody is to ask now; changes nothing. */
  readonly isOpen: Effect.Effect<boolean>
  /** Whether it has failed since it last worked; changes nothing. */
  readonly isFailing: Effect.Effect<boolean>
  /** Whether this request may be made; whoever is let through tells how it went. */
  readonly admit: Effect.Effect<boolean>
  readonly succeeded: Effect.Effect<void>
  readonly failed: Effect.Effect<void>
}

const gauge = Metric.gauge("parley_circuit_open", {
  description: "Whether a service is left alone for the time being because it kept failing: 1 or 0"
})

/** A circuit that is closed. `service` names it in the log and in the metric: few and our own words. */
export const make = (service: string, settings: CircuitSettings = defaultCircuitSettings): Effect.Effect<Circuit> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    const open = Metric.withAttributes(gauge, { service })
    yield* Metric.update(open, 0)
    let state = initial

    const change = (next: CircuitState): Effect.Effect<void> => {
      const before = state.openUntil !== undefined
      const after = next.openUntil !== undefined
      state = next
      if (before === after) return Effect.void
      return Effect.andThen(
        Metric.update(open, after ? 1 : 0),
        after
          ? Effect.logWarning(`${service} keeps failing: it is left alone for ${settings.openMs / 1000} s`)
          : Effect.logInfo(`${service} works again`)
      )
    }

    return {
      isOpen: Effect.sync(() => isOpen(state, nowMs())),
      isFailing: Effect.sync(() => isFailing(state)),
      admit: Effect.sync(() => {
        const [next, admitted] = admit(settings, state, nowMs())
        state = next
        return admitted
      }),
      succeeded: Effect.suspend(() => change(succeeded(state))),
      failed: Effect.suspend(() => change(failed(settings, state, nowMs())))
    }
  })
