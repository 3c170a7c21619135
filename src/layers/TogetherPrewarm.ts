/** A call that is about to come in, connections to Together for it out: recognition, voice and language model. Owns no connection. */
import { Effect, FiberSet, Layer } from "effect"
import { HttpClient } from "effect/http"
import { AppConfig } from "../services/AppConfig.ts"
import { Prewarm } from "../services/Prewarm.ts"
import { ReadySockets } from "./ReadySockets.ts"
import { connectAhead } from "./TogetherLanguageModel.ts"
import { transcriptionAddress } from "./TogetherSttConnection.ts"
import { speechAddress } from "./TogetherTtsConnection.ts"

/** Connects to the services of first choice. */
export const layer: Layer.Layer<never, never, AppConfig | ReadySockets | HttpClient.HttpClient> = Layer.effect(
  Prewarm,
  Effect.gen(function* () {
    const { together } = yield* AppConfig
    const sockets = yield* ReadySockets
    const background = yield* FiberSet.make()
    const client = yield* HttpClient.HttpClient
    const connect = Effect.provideService(connectAhead(together.baseUrl), HttpClient.HttpClient, client)
    return {
      prepare: Effect.all(
        [
          sockets.dial(transcriptionAddress(together)),
          sockets.dial(speechAddress(together)),
          FiberSet.run(background, connect)
        ],
        { discard: true }
      )
    }
  })
)
