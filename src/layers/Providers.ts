/** Recognition, language model and voice as they are configured: each with its second choice if there is one, and behind circuits that all calls share. Owns no behaviour. */
import { Context, Duration, Effect, Layer } from "effect"
import * as LanguageModel from "effect/ai/LanguageModel"
import { type HttpClient } from "effect/http"
import { type Socket } from "effect/socket"
import { AppConfig, type TogetherSettings } from "../services/AppConfig.ts"
import { FallbackConfig } from "../services/FallbackConfig.ts"
import { SpeechToText } from "../services/SpeechToText.ts"
import { TextToSpeech } from "../services/TextToSpeech.ts"
import * as Circuit from "./Circuit.ts"
import * as FallbackLanguageModel from "./FallbackLanguageModel.ts"
import * as FallbackSpeechToText from "./FallbackSpeechToText.ts"
import * as FallbackTextToSpeech from "./FallbackTextToSpeech.ts"
import * as TogetherLanguageModel from "./TogetherLanguageModel.ts"
import * as TogetherSpeechToText from "./TogetherSpeechToText.ts"
import * as TogetherTextToSpeech from "./TogetherTextToSpeech.ts"

/** What a call's own deadline leaves for telling that it has run out, in milliseconds. */
const MARGIN_MS = 50

/** The share of a deadline after which the second choice is asked. */
const FIRST_SHARE = 0.5

/** How long each of so many candidates is waited for, so that all of them fit into a deadline. */
const patienceOf = (deadline: Duration.Duration, candidates: number, index: number): Duration.Duration => {
  const ms = Math.max(1, Duration.toMillis(deadline) - MARGIN_MS)
  if (candidates === 1) return Duration.millis(ms)
  return Duration.millis(index === 0 ? ms * FIRST_SHARE : (ms * (1 - FIRST_SHARE)) / (candidates - 1))
}

/** The same service for each of the settings, in order, each with its circuit and its patience. */
const candidatesOf = Effect.fnUntraced(function* <S, Service, R>(
  service: string,
  key: Context.Key<S, Service>,
  layer: Layer.Layer<S, never, R>,
  settings: ReadonlyArray<TogetherSettings>,
  deadline: Duration.Duration
) {
  const config = yield* AppConfig
  return yield* Effect.forEach(settings, (together, index) =>
    Effect.gen(function* () {
      const own = Layer.provide(Layer.fresh(layer), Layer.succeed(AppConfig, { ...config, together }))
      return {
        service: Context.get(yield* Layer.build(own), key),
        circuit: yield* Circuit.make(index === 0 ? service : `second ${service}`),
        patience: patienceOf(deadline, settings.length, index)
      }
    })
  )
})

const chosen = (first: TogetherSettings, second: TogetherSettings | undefined): ReadonlyArray<TogetherSettings> =>
  second === undefined ? [first] : [first, second]

/** The three services of a call on Together, or on whoever else speaks like it. */
export const layer: Layer.Layer<
  SpeechToText | LanguageModel.LanguageModel | TextToSpeech,
  never,
  AppConfig | HttpClient.HttpClient | Socket.WebSocketConstructor
> = Layer.unwrap(
  Effect.gen(function* () {
    const { deadlines, together } = yield* AppConfig
    const second = yield* FallbackConfig
    const recognisers = yield* candidatesOf(
      "speech recognition",
      SpeechToText,
      TogetherSpeechToText.layer,
      chosen(together, second.speechToText),
      deadlines.transcript
    )
    const voices = yield* candidatesOf(
      "speech synthesis",
      TextToSpeech,
      TogetherTextToSpeech.layer,
      chosen(together, second.textToSpeech),
      deadlines.firstAudio
    )
    const [first, ...others] = (yield* candidatesOf(
      "language model",
      LanguageModel.LanguageModel,
      TogetherLanguageModel.layer,
      chosen(together, second.languageModel),
      deadlines.firstToken
    )).map(({ service, ...rest }) => ({ model: service, ...rest }))
    return Layer.mergeAll(
      FallbackSpeechToText.layer(recognisers),
      FallbackTextToSpeech.layer(voices),
      first === undefined
        ? TogetherLanguageModel.layer
        : Layer.succeed(LanguageModel.LanguageModel, FallbackLanguageModel.make(first, ...others))
    )
  })
)
