/** What went wrong in, sentences for a person on standard error out. Loads what it needs only then: a command has to start fast. */
import { type Cause, Console, Effect } from "effect"

/** Says why a command failed. */
export const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { describeCause } = yield* Effect.promise(() => import("../layers/Startup.ts"))
    yield* Effect.forEach(describeCause(cause), (line) => Console.error(line), { discard: true })
  })
