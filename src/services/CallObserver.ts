/** Contract: somebody watches calls (logs, metrics, a live page, a test). Owns what becomes of events, never the call. */
import { Context, Effect, Layer, type Scope } from "effect"
import { type CallEvent, type CallInfo } from "../schema/CallEvent.ts"

/**
 * Takes a call's events in order. Called for every scored window: it must be quick and must not wait.
 *
 * A sink that has no use for an event answers `Effect.void` itself: that one is not run.
 */
export type CallSink = (event: CallEvent) => Effect.Effect<void>

/** What an observer may do to a call, besides watching it. */
export interface CallControl {
  /** Words that came as text count as spoken by the caller. */
  readonly typed: (text: string) => Effect.Effect<void>
  /** Ends the call from the agent's side. */
  readonly hangUp: Effect.Effect<void>
}

/** Watches all calls of the process. */
export class CallObserver extends Context.Service<
  CallObserver,
  {
    /** A sink for one call, which lives as long as the call's scope. */
    readonly open: (call: CallInfo, control: CallControl) => Effect.Effect<CallSink, never, Scope.Scope>
  }
>()("parley/services/CallObserver") {
  /** Watches nothing. */
  static readonly layerNone = Layer.succeed(this, { open: () => Effect.succeed(() => Effect.void) })

  /** Tells several observers, in the order given. */
  static readonly combine = (observers: ReadonlyArray<CallObserver["Service"]>): CallObserver["Service"] => ({
    open: (call, control) =>
      Effect.map(
        Effect.forEach(observers, (observer) => observer.open(call, control)),
        (sinks): CallSink =>
          (event) => {
            let all = Effect.void
            for (const sink of sinks) {
              const told = sink(event)
              if (told !== Effect.void) all = all === Effect.void ? told : Effect.andThen(all, told)
            }
            return all
          }
      )
  })
}
