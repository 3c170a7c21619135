/** Who is asked for recognition, language model and voice, in order, and how each of them is doing: known to calls and to those who prepare for them. Owns no request. */
import { type Array as Arr, Context, Effect, Layer } from "effect"
import { AppConfig, type TogetherSettings } from "../services/AppConfig.ts"
import { FallbackConfig } from "../services/FallbackConfig.ts"
import * as Circuit from "./Circuit.ts"

/** One who may be asked. */
export interface Choice {
  readonly settings: TogetherSettings
  /** Shared by all calls. */
  readonly circuit: Circuit.Circuit
}

/** The first choice, and those that are asked when it fails. */
type InOrder = Arr.NonEmptyReadonlyArray<Choice>

/** The choices for each service. */
export class Choices extends Context.Service<
  Choices,
  { readonly speechToText: InOrder; readonly languageModel: InOrder; readonly textToSpeech: InOrder }
>()("parley/layers/Choices") {}

const choicesOf = Effect.fnUntraced(function* (
  service: string,
  first: TogetherSettings,
  second: TogetherSettings | undefined
): Effect.fn.Return<InOrder> {
  const choice: Choice = { settings: first, circuit: yield* Circuit.make(service) }
  if (second === undefined) return [choice]
  return [choice, { settings: second, circuit: yield* Circuit.make(`second ${service}`) }]
})

/** The choices as they are configured. */
export const layer: Layer.Layer<Choices, never, AppConfig> = Layer.effect(
  Choices,
  Effect.gen(function* () {
    const { together } = yield* AppConfig
    const second = yield* FallbackConfig
    return {
      speechToText: yield* choicesOf("speech recognition", together, second.speechToText),
      languageModel: yield* choicesOf("language model", together, second.languageModel),
      textToSpeech: yield* choicesOf("speech synthesis", together, second.textToSpeech)
    }
  })
)

/**
 * Those that a call which comes now will ask: not one that is left alone, and up to the first that has not failed since
 * it last worked.
 */
export const likely = Effect.fnUntraced(function* (
  choices: ReadonlyArray<Choice>
): Effect.fn.Return<ReadonlyArray<TogetherSettings>> {
  const asked: Array<TogetherSettings> = []
  for (const { circuit, settings } of choices) {
    if (!(yield* circuit.isOpen)) asked.push(settings)
    if (!(yield* circuit.isFailing)) break
  }
  return asked
})
