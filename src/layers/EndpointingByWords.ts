/** Judges the end of turns by their words and the caller's habit, with the estimator in `streams/Endpointing.ts`. */
import { Effect, Layer } from "effect"
import { AppConfig } from "../services/AppConfig.ts"
import { Endpointing } from "../services/Endpointing.ts"
import { endpointingOf, type EndpointingSettings, pauseFor } from "../streams/Endpointing.ts"

/** Between bounds; see `docs/tuning.md`. */
export const layer = (settings: EndpointingSettings): Layer.Layer<Endpointing> =>
  Layer.succeed(Endpointing, { pauseFor: (turn) => Effect.sync(() => pauseFor(settings, turn)) })

/** Between the bounds of the configuration. */
export const layerConfigured: Layer.Layer<Endpointing, never, AppConfig> = Layer.unwrap(
  Effect.map(AppConfig, ({ turns }) => layer(endpointingOf(turns)))
)

/** Every turn ends after the usual pause. */
export const layerFixed: Layer.Layer<Endpointing> = Layer.succeed(Endpointing, {
  pauseFor: () => Effect.succeed(undefined)
})
