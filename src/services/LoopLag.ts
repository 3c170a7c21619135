/** Contract: how late this process is to do what is due. Owns the measurement, not what follows from it. */
import { Context, type Effect } from "effect"

/** The lag of the event loop. */
export class LoopLag extends Context.Service<
  LoopLag,
  {
    /** Mean of the last second, in milliseconds. */
    readonly current: Effect.Effect<number>
  }
>()("parley/services/LoopLag") {}
