/** Contract: what a call will need of others is opened while its phone still rings. Owns no call and no connection. */
import { Context, Effect } from "effect"

/** Makes ready for calls to come. */
export interface Prewarm {
  /** One more call is about to come. Waits for nothing and never fails: a call that finds nothing ready opens it itself. */
  readonly prepare: Effect.Effect<void>
}

/** Who makes ready. Unless it is provided nothing is opened ahead of a call. */
export const Prewarm: Context.Reference<Prewarm> = Context.Reference<Prewarm>("parley/services/Prewarm", {
  defaultValue: () => ({ prepare: Effect.void })
})
