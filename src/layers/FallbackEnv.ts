/** The second choices from configuration variables: what is chosen, and what cannot be meant. Owns neither their reading nor their use. */
import { Redacted } from "effect"
import { type VariableName, type VariableValues } from "../schema/Variables.ts"
import { type TogetherSettings } from "../services/AppConfig.ts"
import { type FallbackSettings } from "../services/FallbackConfig.ts"

const models = ["STT_FALLBACK_MODEL", "LLM_FALLBACK_MODEL", "TTS_FALLBACK_MODEL"] as const

/** Whether a second choice is asked with the key, and at the address, of the first one. */
const isSameAccount = (values: Partial<VariableValues>): boolean => {
  const { FALLBACK_API_KEY: key, FALLBACK_BASE_URL: url, TOGETHER_API_KEY: firstKey, TOGETHER_BASE_URL: first } = values
  const sameKey = key === undefined || (firstKey !== undefined && Redacted.value(key) === Redacted.value(firstKey))
  return sameKey && (url === undefined || url.href === first?.href)
}

/** What a second choice cannot be, one variable a time; values that were refused by themselves are absent. */
export const checkFallback = (
  values: Partial<VariableValues>,
  wrong: (name: VariableName, message: string) => void
): void => {
  const isSet = (name: VariableName): boolean => values[name] !== undefined
  const known = (name: VariableName): boolean => Object.hasOwn(values, name)

  if (models.every((name) => known(name) && !isSet(name))) {
    for (const name of ["FALLBACK_BASE_URL", "FALLBACK_API_KEY"] as const) {
      if (isSet(name)) wrong(name, `is set: expected at least one of ${models.join(", ")} to use it for`)
    }
  }
  if (isSet("TTS_FALLBACK_VOICE") && known("TTS_FALLBACK_MODEL") && !isSet("TTS_FALLBACK_MODEL")) {
    wrong("TTS_FALLBACK_MODEL", "is not set: expected the model that has TTS_FALLBACK_VOICE; it may be TTS_MODEL again")
  }
  const { FALLBACK_BASE_URL: url, TOGETHER_BASE_URL: first } = values
  if (url !== undefined && first !== undefined && url.origin !== first.origin) {
    if (known("FALLBACK_API_KEY") && !isSet("FALLBACK_API_KEY")) {
      wrong("FALLBACK_API_KEY", `is not set: expected the key for ${url.origin}, as TOGETHER_API_KEY is not sent there`)
    }
  }
  if (!isSameAccount(values)) return
  const pairs = [
    ["STT_FALLBACK_MODEL", "STT_MODEL"],
    ["LLM_FALLBACK_MODEL", "LLM_MODEL"],
    ["TTS_FALLBACK_MODEL", "TTS_MODEL"]
  ] as const
  for (const [name, firstName] of pairs) {
    if (values[name] === undefined || values[name] !== values[firstName]) continue
    const voice = values.TTS_FALLBACK_VOICE
    if (name === "TTS_FALLBACK_MODEL" && voice !== undefined && voice !== values.TTS_VOICE) continue
    wrong(name, `is ${firstName}, at the same place: expected something else, which may work when that does not`)
  }
}

/** The second choice of each service that has one. */
export const fallbackOf = (values: VariableValues): FallbackSettings => {
  const second: TogetherSettings = {
    apiKey: values.FALLBACK_API_KEY ?? values.TOGETHER_API_KEY ?? Redacted.make(""),
    baseUrl: values.FALLBACK_BASE_URL ?? values.TOGETHER_BASE_URL,
    sttModel: values.STT_FALLBACK_MODEL ?? values.STT_MODEL,
    llmModel: values.LLM_FALLBACK_MODEL ?? values.LLM_MODEL,
    ttsModel: values.TTS_FALLBACK_MODEL ?? values.TTS_MODEL,
    ttsVoice: values.TTS_FALLBACK_VOICE ?? values.TTS_VOICE
  }
  return {
    speechToText: values.STT_FALLBACK_MODEL === undefined ? undefined : second,
    languageModel: values.LLM_FALLBACK_MODEL === undefined ? undefined : second,
    textToSpeech: values.TTS_FALLBACK_MODEL === undefined ? undefined : second
  }
}
