/** Contract: who is asked when a service fails, read once at the start. Owns the choice, not what is made of it. */
import { Context } from "effect"
import { type TogetherSettings } from "./AppConfig.ts"

/** A second account, address, model or voice for each service; undefined: there is none. */
export interface FallbackSettings {
  readonly speechToText: TogetherSettings | undefined
  readonly languageModel: TogetherSettings | undefined
  readonly textToSpeech: TogetherSettings | undefined
}

/** The second choices. Unless they are provided there are none. */
export const FallbackConfig: Context.Reference<FallbackSettings> = Context.Reference<FallbackSettings>(
  "parley/services/FallbackConfig",
  { defaultValue: () => ({ speechToText: undefined, languageModel: undefined, textToSpeech: undefined }) }
)
