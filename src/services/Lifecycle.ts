/** Contract: whether the process is here to stay, and how it leaves. Owns the way out, not what is shut on it. */
import { Context, type Effect } from "effect"

/** The life of the process as a server of calls. */
export class Lifecycle extends Context.Service<
  Lifecycle,
  {
    /** Whether it has begun to leave: it takes no new calls from then on. */
    readonly isLeaving: Effect.Effect<boolean>
    /** Begins to leave, and waits for running calls to end, though no longer than the limit. Interrupting it cuts the wait short. */
    readonly leave: Effect.Effect<void>
  }
>()("parley/services/Lifecycle") {}
