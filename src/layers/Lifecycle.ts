/** Leaves when the calls that are running have ended, or the limit for that is reached. */
import { Duration, Effect, Layer, Option, Ref } from "effect"
import { CallRegistry } from "../services/CallRegistry.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { Lifecycle } from "../services/Lifecycle.ts"

const calls = (count: number): string => (count === 1 ? "1 call" : `${count} calls`)

/** Here to stay, at first. */
export const layer: Layer.Layer<Lifecycle, never, CallRegistry | EdgeConfig> = Layer.effect(
  Lifecycle,
  Effect.gen(function* () {
    const { drainLimit } = yield* EdgeConfig
    const registry = yield* CallRegistry
    const leaving = yield* Ref.make(false)

    const awaitCalls = Effect.gen(function* () {
      const limit = Duration.format(drainLimit)
      yield* Effect.logInfo(
        `Stopping: no new calls; ${calls(yield* registry.count)} may go on for ${limit}; a second signal ends them now`
      )
      const ended = yield* Effect.timeoutOption(registry.idle, drainLimit)
      if (Option.isSome(ended)) return yield* Effect.logInfo("Stopping: the last call has ended")
      yield* Effect.logWarning(`Stopping: ${calls(yield* registry.count)} cut off after ${limit}`)
    })

    return Lifecycle.of({
      isLeaving: Ref.get(leaving),
      leave: Effect.gen(function* () {
        yield* Ref.set(leaving, true)
        yield* (yield* registry.count) === 0 ? Effect.logInfo("Stopping") : awaitCalls
      })
    })
  })
)
