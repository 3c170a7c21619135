/** Looks at the model provider, and at the one of the second choices: whether it can be reached, takes the key and has the models and the voice, and what its clock says. */
import { Clock, DateTime, Duration, Effect, Option, Redacted, Result, Schema } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { type Socket } from "effect/socket"
import { type VariableName } from "../schema/Variables.ts"
import { type TogetherSettings } from "../services/AppConfig.ts"
import { type FallbackSettings } from "../services/FallbackConfig.ts"
import { type Finding, finding } from "./DoctorFinding.ts"
import { type Answer, ask } from "./DoctorNetwork.ts"
import { checkVoice } from "./DoctorVoice.ts"
import { similar } from "./Similar.ts"

/** Together gives a list, others the same list in an object. */
const Models = Schema.fromJsonString(
  Schema.Union([
    Schema.Array(Schema.Struct({ id: Schema.String })),
    Schema.Struct({ data: Schema.Array(Schema.Struct({ id: Schema.String })) })
  ])
)

const decodeModels = Schema.decodeResult(Models)

/** Clocks that differ by this much are one clock. */
const SKEW_LIMIT_MS = 30_000

/** Something that is asked with one key at one address, and what it is to have. */
interface Account {
  readonly apiKey: Redacted.Redacted
  readonly baseUrl: URL
  readonly keyName: VariableName
  readonly urlName: VariableName
  readonly models: ReadonlyArray<readonly [name: VariableName, model: string]>
  /** Whose voice it is to have, and the variable that voice is set with. */
  readonly speech: { readonly settings: TogetherSettings; readonly voiceName: VariableName } | undefined
}

/** The ids in a list of models; undefined if it is none. */
const idsIn = (body: string): ReadonlyArray<string> | undefined => {
  const decoded = decodeModels(body)
  if (Result.isFailure(decoded)) return undefined
  const models = decoded.success
  return ("data" in models ? models.data : models).map(({ id }) => id)
}

const checkModel = ([name, model]: Account["models"][number], ids: ReadonlyArray<string>, host: string): Finding => {
  if (ids.includes(model)) return finding("ok", "models", `${name}: ${model} is there`)
  const others = similar(model, ids)
  const advice =
    others.length === 0 ? "one of the provider's models" : `one of its models, such as ${others.join(", ")}`
  return finding(
    "broken",
    "models",
    `${name}: ${model} is not among the ${ids.length} models of ${host}`,
    `set ${name} to ${advice}`
  )
}

/** What is to be had with a key that is taken. */
const checkStock = Effect.fnUntraced(function* ({ baseUrl, models, speech }: Account, body: string) {
  const ids = idsIn(body)
  const findings =
    ids === undefined
      ? [finding("warning", "models", "the provider's list of models could not be understood")]
      : models.map((wanted) => checkModel(wanted, ids, baseUrl.host))
  // A model that is not there has no voices.
  if (speech === undefined || ids?.includes(speech.settings.ttsModel) === false) return findings
  return [...findings, yield* checkVoice(speech.voiceName, speech.settings)]
})

const checkKey = ({ status }: Answer, { baseUrl, keyName, urlName }: Account): Finding => {
  switch (status) {
    case 200:
      return finding("ok", "key", `${baseUrl.host} takes ${keyName}`)
    case 401:
    case 403:
      return finding(
        "broken",
        "key",
        `${baseUrl.host} does not take ${keyName} (${status})`,
        keyName === "TOGETHER_API_KEY"
          ? "set it to a key from https://api.together.ai/settings/api-keys"
          : `set it to a key that ${baseUrl.host} gave out`
      )
    case 402:
      return finding(
        "broken",
        "key",
        `the account's spending limit is reached (${status})`,
        "add credit to the account"
      )
    case 404:
      return finding("broken", "key", `there is no ${baseUrl.href}/models (404)`, `correct ${urlName}`)
    case 429:
      return finding("warning", "key", `${baseUrl.host} has too many requests of this account now (429)`)
    default:
      return finding("warning", "key", `${baseUrl.host} answered with status ${status}`, "try again in a while")
  }
}

const checkClock = (date: string | undefined, beforeMs: number, afterMs: number): Finding => {
  const theirs = Option.flatMap(Option.fromNullishOr(date), DateTime.make)
  if (Option.isNone(theirs)) return finding("skipped", "clock", "the provider did not say what time it is")
  // The header has whole seconds, and was written somewhere between the two.
  const skewMs = (beforeMs + afterMs) / 2 - (DateTime.toEpochMillis(theirs.value) + 500)
  if (Math.abs(skewMs) < SKEW_LIMIT_MS) return finding("ok", "clock", "this machine's clock is right")
  const by = Duration.format(Duration.seconds(Math.round(Math.abs(skewMs) / 1000)))
  return finding(
    "broken",
    "clock",
    `this machine's clock is ${by} ${skewMs > 0 ? "ahead of" : "behind"} the provider's: certificates and logs will not be right`,
    "set it, for example with: timedatectl set-ntp true"
  )
}

/** Asks for the list of models, which takes a key and costs nothing, and for what else there is to see. */
const checkAccount = (
  account: Account
): Effect.Effect<ReadonlyArray<Finding>, never, HttpClient.HttpClient | Socket.WebSocketConstructor> =>
  Effect.gen(function* () {
    const { baseUrl } = account
    const request = HttpClientRequest.get(`${baseUrl.href.replace(/\/+$/, "")}/models`).pipe(
      HttpClientRequest.bearerToken(account.apiKey)
    )
    const beforeMs = yield* Clock.currentTimeMillis
    const answer = yield* Effect.result(ask(request))
    const afterMs = yield* Clock.currentTimeMillis
    if (Result.isFailure(answer)) {
      return [
        finding(
          "broken",
          "provider",
          `${baseUrl.host}: ${answer.failure}`,
          `see whether this machine may reach it, and whether ${account.urlName} is right`
        )
      ]
    }
    const key = checkKey(answer.success, account)
    const clock = checkClock(answer.success.headers["date"], beforeMs, afterMs)
    return key.standing === "ok" ? [key, ...(yield* checkStock(account, answer.success.body)), clock] : [key, clock]
  })

/** The models of the second choices. */
const secondModels = (second: FallbackSettings): Account["models"] => [
  ...(second.speechToText === undefined ? [] : ([["STT_FALLBACK_MODEL", second.speechToText.sttModel]] as const)),
  ...(second.languageModel === undefined ? [] : ([["LLM_FALLBACK_MODEL", second.languageModel.llmModel]] as const)),
  ...(second.textToSpeech === undefined ? [] : ([["TTS_FALLBACK_MODEL", second.textToSpeech.ttsModel]] as const))
]

const isSameAccount = (one: TogetherSettings, other: TogetherSettings): boolean =>
  one.baseUrl.href === other.baseUrl.href && Redacted.value(one.apiKey) === Redacted.value(other.apiKey)

/** Calls do without a second choice: what is wrong with it is not in their way, until the day it is needed. */
const asWarning = (found: Finding): Finding =>
  found.standing === "broken" ? { ...found, standing: "warning", found: `second choice: ${found.found}` } : found

/** Looks at the provider, its three models and the voice, and at the second choices, wherever they are. */
export const checkProvider = (
  together: TogetherSettings,
  second: FallbackSettings
): Effect.Effect<ReadonlyArray<Finding>, never, HttpClient.HttpClient | Socket.WebSocketConstructor> =>
  Effect.gen(function* () {
    const first: Account = {
      apiKey: together.apiKey,
      baseUrl: together.baseUrl,
      keyName: "TOGETHER_API_KEY",
      urlName: "TOGETHER_BASE_URL",
      models: [
        ["STT_MODEL", together.sttModel],
        ["LLM_MODEL", together.llmModel],
        ["TTS_MODEL", together.ttsModel]
      ],
      speech: { settings: together, voiceName: "TTS_VOICE" }
    }
    const findings = yield* checkAccount(first)
    const other = second.speechToText ?? second.languageModel ?? second.textToSpeech
    if (other === undefined) return findings
    const elsewhere = yield* checkAccount({
      apiKey: other.apiKey,
      baseUrl: other.baseUrl,
      keyName: Redacted.value(other.apiKey) === Redacted.value(together.apiKey) ? first.keyName : "FALLBACK_API_KEY",
      urlName: other.baseUrl.href === together.baseUrl.href ? first.urlName : "FALLBACK_BASE_URL",
      models: secondModels(second),
      speech:
        second.textToSpeech === undefined
          ? undefined
          : { settings: second.textToSpeech, voiceName: "TTS_FALLBACK_VOICE" }
    })
    // One account is not told of twice, nor one clock.
    const news = elsewhere.filter(
      ({ about }) => about === "models" || about === "voice" || (about !== "clock" && !isSameAccount(together, other))
    )
    return [...findings, ...news.map(asWarning)]
  })
