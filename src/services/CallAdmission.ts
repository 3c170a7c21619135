/** Contract: whether this process can take one more call now. Owns the limit, not the calls. */
import { Context, type Effect, type Option, type Scope } from "effect"

/**
 * Why no call is taken.
 *
 * - `stopping` — the process is about to leave
 * - `all lines busy` — as many calls as may be are running
 * - `overloaded` — the event loop is too late for audio that is not
 */
export type BusyReason = "stopping" | "all lines busy" | "overloaded"

/** Room for calls. */
export class CallAdmission extends Context.Service<
  CallAdmission,
  {
    /** Why a call could not be taken now; none: it could. */
    readonly busy: Effect.Effect<Option.Option<BusyReason>>
    /** Takes a call until the scope closes; says why if it cannot. */
    readonly enter: Effect.Effect<Option.Option<BusyReason>, never, Scope.Scope>
  }
>()("parley/services/CallAdmission") {}
