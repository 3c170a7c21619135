/** Contract: which calls are live in this process, and which were brought to their end. Owns the count, not the calls. */
import { Context, type Effect, type Scope } from "effect"

/** The calls that are live now. */
export class CallRegistry extends Context.Service<
  CallRegistry,
  {
    /** Counts one call until the scope closes, unless `limit` are live already; whether it did. */
    readonly enter: (limit: number) => Effect.Effect<boolean, never, Scope.Scope>
    /** How many calls are live. */
    readonly count: Effect.Effect<number>
    /** Waits until no call is live. */
    readonly idle: Effect.Effect<void>
    /** Remembers for a while that the agent has said all it had to say in this call. */
    readonly finish: (callSid: string) => Effect.Effect<void>
    /** Whether that is remembered of this call. */
    readonly isFinished: (callSid: string) => Effect.Effect<boolean>
  }
>()("parley/services/CallRegistry") {}
