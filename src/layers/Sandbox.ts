/** Everything a call needs, on this machine: recognition, replies and voice without a key and without a network, and what to say about it. */
import { Layer } from "effect"
import type * as LanguageModel from "effect/ai/LanguageModel"
import { type SpeechToText } from "../services/SpeechToText.ts"
import { type TextToSpeech } from "../services/TextToSpeech.ts"
import * as SandboxLanguageModel from "./SandboxLanguageModel.ts"
import * as SandboxSpeechToText from "./SandboxSpeechToText.ts"
import * as SandboxTextToSpeech from "./SandboxTextToSpeech.ts"

export { sandboxPersona } from "./SandboxGuide.ts"

/** What the sandbox is, for people: at the start of the server and on its page. */
export const sandboxNotice =
  "This is the sandbox: a scripted guide answers with a synthetic voice made on this machine, no words are recognised " +
  "and no language model runs; set TOGETHER_API_KEY for the real thing."

/** The key that makes the guide count, so that one can interrupt it. */
export const sandboxCountKey = "1"

/** The three services of the sandbox. Never fails: what is wrong is told by the service that meets it. */
export const layer: Layer.Layer<SpeechToText | LanguageModel.LanguageModel | TextToSpeech> = Layer.mergeAll(
  SandboxSpeechToText.layer,
  SandboxLanguageModel.layer,
  SandboxTextToSpeech.layer
)
