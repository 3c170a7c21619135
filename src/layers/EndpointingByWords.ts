/** Judges the end of turns by their words and the caller's habit, with the estimator in `streams/Endpointing.ts`. */
import { Effect, Layer } from "effect"
import { Endpointing } from "../services/Endpointing.ts"
import { type EndpointingSettings, pauseFor } from "../streams/Endpointing.ts"

/** Between bounds; see `docs/tuning.md`. */
export const layer = (settings: EndpointingSettings): Layer.Layer<Endpointing> =>
  Layer.succeed(Endpointing, { pauseFor: (turn) => Effect.sync(() => pauseFor(settings, turn)) })

/** Every turn ends after the usual pause. */
export const layerFixed: Layer.Layer<Endpointing> = Layer.succeed(Endpointing, {
  pauseFor: () => Effect.succeed(undefined)
})
