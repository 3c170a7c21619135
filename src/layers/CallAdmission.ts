/** Takes calls while the process is here to stay, keeps up, and has fewer than it may have. */
import { Effect, Layer, Option } from "effect"
import { type BusyReason, CallAdmission } from "../services/CallAdmission.ts"
import { CallRegistry } from "../services/CallRegistry.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { Lifecycle } from "../services/Lifecycle.ts"
import { LoopLag } from "../services/LoopLag.ts"

/** Calls are counted in the registry; a limit of 0 ms of lag is none. */
export const layer: Layer.Layer<CallAdmission, never, CallRegistry | EdgeConfig | Lifecycle | LoopLag> = Layer.effect(
  CallAdmission,
  Effect.gen(function* () {
    const { maxCalls, maxLagMs } = yield* EdgeConfig
    const registry = yield* CallRegistry
    const lifecycle = yield* Lifecycle
    const lag = yield* LoopLag

    const unfit = Effect.gen(function* (): Effect.fn.Return<Option.Option<BusyReason>> {
      if (yield* lifecycle.isLeaving) return Option.some("stopping")
      return maxLagMs > 0 && (yield* lag.current) > maxLagMs ? Option.some("overloaded") : Option.none()
    })

    const full = Option.some<BusyReason>("all lines busy")

    return CallAdmission.of({
      busy: Effect.gen(function* () {
        const reason = yield* unfit
        return Option.isNone(reason) && (yield* registry.count) >= maxCalls ? full : reason
      }),
      enter: Effect.gen(function* () {
        const reason = yield* unfit
        return Option.isNone(reason) && !(yield* registry.enter(maxCalls)) ? full : reason
      })
    })
  })
)
