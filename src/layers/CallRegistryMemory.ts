/** Counts live calls in the memory of this process. */
import { Effect, Layer, Ref } from "effect"
import { CallRegistry } from "../services/CallRegistry.ts"

/** A registry that starts empty. */
export const layer: Layer.Layer<CallRegistry> = Layer.effect(
  CallRegistry,
  Effect.gen(function* () {
    const live = yield* Ref.make(0)
    return CallRegistry.of({
      enter: Effect.acquireRelease(
        Ref.update(live, (calls) => calls + 1),
        () => Ref.update(live, (calls) => calls - 1)
      ),
      count: Ref.get(live)
    })
  })
)
