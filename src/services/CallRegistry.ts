/** Contract: which calls are live in this process. Owns the count, not the calls. */
import { Context, type Effect, type Scope } from "effect"

/** The calls that are live now. */
export class CallRegistry extends Context.Service<
  CallRegistry,
  {
    /** Counts one call until the scope closes. */
    readonly enter: Effect.Effect<void, never, Scope.Scope>
    /** How many calls are live. */
    readonly count: Effect.Effect<number>
  }
>()("parley/services/CallRegistry") {}
