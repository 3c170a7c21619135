/** Looks for a voice in the provider's list, or has a session opened with it where there is no list. Has nothing said, which would cost something. */
import { Effect, Result, Schema } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { Socket } from "effect/socket"
import { speechAddress } from "../layers/TogetherTtsConnection.ts"
import { serviceFailure, socketFailure } from "../layers/TogetherTtsErrors.ts"
import { type TextToSpeechError } from "../schema/Errors.ts"
import { decodeServerMessage } from "../schema/TogetherTts.ts"
import { type VariableName } from "../schema/Variables.ts"
import { type TogetherSettings } from "../services/AppConfig.ts"
import { type Finding, finding } from "./DoctorFinding.ts"
import { ask } from "./DoctorNetwork.ts"
import { similar } from "./Similar.ts"

/** Some voices are asked for by their name, some by their id. */
const Voice = Schema.Struct({
  name: Schema.optionalKey(Schema.NullOr(Schema.String)),
  id: Schema.optionalKey(Schema.NullOr(Schema.String))
})

/** Together gives the voices of each model, or those of the one that was asked for. */
const Voices = Schema.fromJsonString(
  Schema.Union([
    Schema.Struct({ data: Schema.Array(Schema.Struct({ model: Schema.String, voices: Schema.Array(Voice) })) }),
    Schema.Struct({ voices: Schema.Array(Voice) })
  ])
)

const decodeVoices = Schema.decodeResult(Voices)

/** How long `session.created` is waited for; there are services that do without. */
const GREETING = "1 second"

/** The voices of the model, by every name they can be asked for by; undefined: nobody says. */
const listedVoices = (
  settings: TogetherSettings
): Effect.Effect<ReadonlyArray<string> | undefined, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const { apiKey, baseUrl, ttsModel } = settings
    const request = HttpClientRequest.get(`${baseUrl.href.replace(/\/+$/, "")}/voices`).pipe(
      HttpClientRequest.setUrlParam("model", ttsModel),
      HttpClientRequest.bearerToken(apiKey)
    )
    const answer = yield* Effect.result(ask(request))
    if (Result.isFailure(answer) || answer.success.status !== 200) return undefined
    const decoded = decodeVoices(answer.success.body)
    if (Result.isFailure(decoded)) return undefined
    const list = decoded.success
    const voices =
      "voices" in list
        ? list.voices
        : list.data.filter(({ model }) => model === ttsModel).flatMap(({ voices }) => voices)
    const names = voices.flatMap(({ id, name }) => [name, id]).filter((name) => typeof name === "string")
    return names.length === 0 ? undefined : [...new Set(names)]
  })

/** What a voice is mixed of, as `af_bella(2)+af_heart(1)` is; a voice that is not mixed is all there is to it. */
const partsOf = (voice: string): ReadonlyArray<string> =>
  voice.split("+").map((part) => part.replace(/\([\d.]*\)\s*$/, "").trim())

const lookUp = (
  name: VariableName,
  { baseUrl, ttsModel, ttsVoice }: TogetherSettings,
  listed: ReadonlyArray<string>
): Finding => {
  const missing = listed.includes(ttsVoice) ? undefined : partsOf(ttsVoice).find((part) => !listed.includes(part))
  if (missing === undefined) return finding("ok", "voice", `${name}: ${ttsVoice} is there`)
  const otherwise = listed.find((voice) => voice.toLowerCase() === missing.toLowerCase())
  if (otherwise !== undefined) {
    return finding(
      "warning",
      "voice",
      `${name}: ${missing} is ${otherwise} in the list of ${ttsModel}`,
      "write it as it is there"
    )
  }
  const likely = similar(missing, listed)
  const others = likely.length === 0 ? listed.slice(0, 3) : likely
  return finding(
    "broken",
    "voice",
    `${name}: ${missing} is not among the voices of ${ttsModel} at ${baseUrl.host}`,
    `set ${name} to one of them, such as ${others.join(", ")}`
  )
}

/** Opens a session as a call does. */
const openSession = (settings: TogetherSettings): Effect.Effect<void, TextToSpeechError, Socket.WebSocketConstructor> =>
  Effect.gen(function* () {
    const { headers, url } = speechAddress(settings)
    const socket = yield* Socket.makeWebSocket(url, { headers })
    const pull = yield* Socket.readerString(socket)
    const greeted = Effect.gen(function* () {
      for (;;) {
        for (const text of yield* pull) {
          const decoded = decodeServerMessage(text)
          if (decoded._tag !== "Message") continue
          const { message } = decoded
          if (message.type === "session.created") return
          if (message.type === "error") {
            return yield* Effect.fail(serviceFailure(settings, message.error ?? { message: message.message }))
          }
        }
      }
    })
    yield* Effect.timeoutOrElse(greeted, { duration: GREETING, orElse: () => Effect.void })
  }).pipe(
    Effect.scoped,
    Effect.mapError((error) => (error._tag === "SocketError" ? socketFailure(settings, error) : error))
  )

const fixFor = (
  name: VariableName,
  { baseUrl, ttsModel }: TogetherSettings,
  { reason, retryable }: TextToSpeechError
): string => {
  if (retryable) return "try again in a while"
  switch (reason) {
    case "Unauthorized":
      return `use a key that ${baseUrl.host} lets synthesise speech`
    case "QuotaExceeded":
      return "add credit to the account"
    default:
      return `set ${name} to a voice of ${ttsModel}`
  }
}

const tryOut = (
  name: VariableName,
  settings: TogetherSettings
): Effect.Effect<Finding, never, Socket.WebSocketConstructor> =>
  openSession(settings).pipe(
    Effect.match({
      onSuccess: () => finding("ok", "voice", `${name}: a session can be opened with ${settings.ttsVoice}`),
      onFailure: (error) =>
        finding(
          error.retryable ? "warning" : "broken",
          "voice",
          `${name}: ${error.message}`,
          fixFor(name, settings, error)
        )
    })
  )

/** Looks for the voice that these settings ask for; `name` is the variable that it is set with. */
export const checkVoice = (
  name: VariableName,
  settings: TogetherSettings
): Effect.Effect<Finding, never, HttpClient.HttpClient | Socket.WebSocketConstructor> =>
  Effect.flatMap(listedVoices(settings), (listed) =>
    listed === undefined ? tryOut(name, settings) : Effect.succeed(lookUp(name, settings, listed))
  )
