/** Lets everything that can run now run, without moving the clock. */
import { Effect } from "effect"

/** Gives way often enough for any chain of forks and queues in a test to come to rest. */
export const settle: Effect.Effect<void> = Effect.forEach(Array.from({ length: 100 }), () => Effect.yieldNow, {
  discard: true
})
