/** A call that is about to come in, connections to Together for it out: recognition, voice and language model. Owns no connection. */
import { Effect, FiberSet, Layer } from "effect"
import { HttpClient } from "effect/http"
import { type TogetherSettings } from "../services/AppConfig.ts"
import { Prewarm } from "../services/Prewarm.ts"
import { type Choice, Choices, likely } from "./Choices.ts"
import { ReadySockets, type SocketAddress } from "./ReadySockets.ts"
import { connectAhead } from "./TogetherLanguageModel.ts"
import { transcriptionAddress } from "./TogetherSttConnection.ts"
import { speechAddress } from "./TogetherTtsConnection.ts"

/** Connects to the services of first choice, and to those of second choice while the first ones fail. */
export const layer: Layer.Layer<never, never, Choices | ReadySockets | HttpClient.HttpClient> = Layer.effect(
  Prewarm,
  Effect.gen(function* () {
    const { languageModel, speechToText, textToSpeech } = yield* Choices
    const sockets = yield* ReadySockets
    const background = yield* FiberSet.make()
    const client = yield* HttpClient.HttpClient

    const connect = (url: string) =>
      FiberSet.run(background, Effect.provideService(connectAhead(new URL(url)), HttpClient.HttpClient, client))
    const dial = (choices: ReadonlyArray<Choice>, addressOf: (settings: TogetherSettings) => SocketAddress) =>
      Effect.flatMap(likely(choices), (all) =>
        Effect.forEach(all, (settings) => sockets.dial(addressOf(settings)), { discard: true })
      )

    return {
      prepare: Effect.gen(function* () {
        yield* dial(speechToText, transcriptionAddress)
        yield* dial(textToSpeech, speechAddress)
        // Models at the same address are asked on the same connections.
        const urls = new Set((yield* likely(languageModel)).map(({ baseUrl }) => baseUrl.href))
        yield* Effect.forEach(urls, connect, { discard: true })
      })
    }
  })
)
