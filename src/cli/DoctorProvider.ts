/** Looks at the model provider: whether it can be reached, takes the key and has the models, and what its clock says. */
import { Clock, DateTime, Duration, Effect, Option, Result, Schema } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { type TogetherSettings } from "../services/AppConfig.ts"
import { type Finding, finding } from "./DoctorFinding.ts"
import { type Answer, ask } from "./DoctorNetwork.ts"

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

const lastPart = (id: string): string => id.slice(id.lastIndexOf("/") + 1).toLowerCase()

/** Models whose names have most in common with the one that is missing. */
const similar = (wanted: string, ids: ReadonlyArray<string>): ReadonlyArray<string> => {
  const words = new Set(lastPart(wanted).split(/[-_.]/))
  const score = (id: string): number =>
    lastPart(id)
      .split(/[-_.]/)
      .filter((word) => words.has(word)).length
  return ids
    .filter((id) => score(id) > 0)
    .sort((one, other) => score(other) - score(one))
    .slice(0, 3)
}

const checkModels = (together: TogetherSettings, body: string): ReadonlyArray<Finding> => {
  const decoded = decodeModels(body)
  if (Result.isFailure(decoded)) {
    return [finding("warning", "models", "the provider's list of models could not be understood")]
  }
  const models = decoded.success
  const ids = ("data" in models ? models.data : models).map(({ id }) => id)
  const wanted = [
    ["STT_MODEL", together.sttModel],
    ["LLM_MODEL", together.llmModel],
    ["TTS_MODEL", together.ttsModel]
  ] as const
  return wanted.map(([name, model]) => {
    if (ids.includes(model)) return finding("ok", "models", `${name}: ${model} is there`)
    const others = similar(model, ids)
    const advice =
      others.length === 0 ? "one of the provider's models" : `one of its models, such as ${others.join(", ")}`
    return finding(
      "broken",
      "models",
      `${name}: ${model} is not among the ${ids.length} models of ${together.baseUrl.host}`,
      `set ${name} to ${advice}`
    )
  })
}

const checkKey = ({ status }: Answer, { baseUrl }: TogetherSettings): Finding => {
  switch (status) {
    case 200:
      return finding("ok", "key", `${baseUrl.host} takes TOGETHER_API_KEY`)
    case 401:
    case 403:
      return finding(
        "broken",
        "key",
        `${baseUrl.host} does not take TOGETHER_API_KEY (${status})`,
        "set it to a key from https://api.together.ai/settings/api-keys"
      )
    case 402:
      return finding(
        "broken",
        "key",
        `the account's spending limit is reached (${status})`,
        "add credit to the account"
      )
    case 404:
      return finding("broken", "key", `there is no ${baseUrl.href}/models (404)`, "correct TOGETHER_BASE_URL")
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

/** Asks for the list of models, which takes a key and costs nothing. */
export const checkProvider = (
  together: TogetherSettings
): Effect.Effect<ReadonlyArray<Finding>, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const request = HttpClientRequest.get(`${together.baseUrl.href.replace(/\/+$/, "")}/models`).pipe(
      HttpClientRequest.bearerToken(together.apiKey)
    )
    const beforeMs = yield* Clock.currentTimeMillis
    const answer = yield* Effect.result(ask(request))
    const afterMs = yield* Clock.currentTimeMillis
    if (Result.isFailure(answer)) {
      return [
        finding(
          "broken",
          "provider",
          `${together.baseUrl.host}: ${answer.failure}`,
          "see whether this machine may reach it, and whether TOGETHER_BASE_URL is right"
        )
      ]
    }
    const key = checkKey(answer.success, together)
    const clock = checkClock(answer.success.headers["date"], beforeMs, afterMs)
    return key.standing === "ok" ? [key, ...checkModels(together, answer.success.body), clock] : [key, clock]
  })
