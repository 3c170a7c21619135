/** Recognition, language model and voice as they are configured: each with its second choice if there is one, and behind circuits that all calls share. Owns no behaviour. */
import { Array as Arr, Context, Duration, Effect, Layer } from "effect"
import * as LanguageModel from "effect/ai/LanguageModel"
import { type HttpClient } from "effect/http"
import { type Socket } from "effect/socket"
import { AppConfig } from "../services/AppConfig.ts"
import { SpeechToText } from "../services/SpeechToText.ts"
import { TextToSpeech } from "../services/TextToSpeech.ts"
import { type Choice, Choices } from "./Choices.ts"
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

/** The same service from each of the choices, in order, each with its circuit and its patience. */
const candidatesOf = Effect.fnUntraced(function* <S, Service, R>(
  key: Context.Key<S, Service>,
  layer: Layer.Layer<S, never, R>,
  choices: Arr.NonEmptyReadonlyArray<Choice>,
  deadline: Duration.Duration
) {
  const config = yield* AppConfig
  return yield* Effect.forEach(choices, ({ circuit, settings }, index) =>
    Effect.gen(function* () {
      const own = Layer.provide(Layer.fresh(layer), Layer.succeed(AppConfig, { ...config, together: settings }))
      return {
        service: Context.get(yield* Layer.build(own), key),
        circuit,
        patience: patienceOf(deadline, choices.length, index)
      }
    })
  )
})

/** The three services of a call on Together, or on whoever else speaks like it. */
export const layer: Layer.Layer<
  SpeechToText | LanguageModel.LanguageModel | TextToSpeech,
  never,
  AppConfig | Choices | HttpClient.HttpClient | Socket.WebSocketConstructor
> = Layer.unwrap(
  Effect.gen(function* () {
    const { deadlines } = yield* AppConfig
    const choices = yield* Choices
    const recognisers = yield* candidatesOf(
      SpeechToText,
      TogetherSpeechToText.layer,
      choices.speechToText,
      deadlines.transcript
    )
    const voices = yield* candidatesOf(
      TextToSpeech,
      TogetherTextToSpeech.layer,
      choices.textToSpeech,
      deadlines.firstAudio
    )
    const models = yield* candidatesOf(
      LanguageModel.LanguageModel,
      TogetherLanguageModel.layer,
      choices.languageModel,
      deadlines.firstToken
    )
    const [first, ...others] = Arr.map(models, ({ service, ...rest }) => ({ model: service, ...rest }))
    return Layer.mergeAll(
      FallbackSpeechToText.layer(recognisers),
      FallbackTextToSpeech.layer(voices),
      Layer.succeed(LanguageModel.LanguageModel, FallbackLanguageModel.make(first, ...others))
    )
  })
)
