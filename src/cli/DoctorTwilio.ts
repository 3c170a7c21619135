/** Looks at the numbers of the carrier's account: which of them call this server, and what they do when it is down. */
import { Effect, Redacted, Result, Schema } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { TWIML_PATH } from "../layers/TwimlRoute.ts"
import { type EdgeSettings } from "../schema/EdgeSettings.ts"
import { type Finding, finding } from "./DoctorFinding.ts"
import { ask } from "./DoctorNetwork.ts"

/** Root of the carrier's REST API. */
export const TWILIO_API = new URL("https://api.twilio.com")

const Url = Schema.optionalKey(Schema.NullOr(Schema.String))

const decodeNumbers = Schema.decodeResult(
  Schema.fromJsonString(
    Schema.Struct({
      incoming_phone_numbers: Schema.Array(
        Schema.Struct({ phone_number: Schema.String, voice_url: Url, voice_fallback_url: Url })
      )
    })
  )
)

/** A number as it may be shown: it can be recognised by who owns it. */
const masked = (number: string): string => `the number ending in ${number.slice(-4)}`

const isSame = (one: string, other: URL): boolean =>
  URL.canParse(one) && new URL(one).href.replace(/\/+$/, "") === other.href

const readNumbers = (body: string, webhook: URL): ReadonlyArray<Finding> => {
  const decoded = decodeNumbers(body)
  if (Result.isFailure(decoded))
    return [finding("warning", "numbers", "Twilio's list of numbers could not be understood")]
  const numbers = decoded.success.incoming_phone_numbers
  const ours = numbers.filter(({ voice_url }) => isSame(voice_url ?? "", webhook))
  if (ours.length === 0) {
    const found =
      numbers.length === 0 ? "the account has no numbers" : `none of the account's numbers calls ${webhook.href}`
    return [finding("broken", "numbers", found, `set the voice webhook of a number to ${webhook.href}`)]
  }
  return ours.map(({ phone_number, voice_fallback_url }) =>
    (voice_fallback_url ?? "") === ""
      ? finding(
          "warning",
          "numbers",
          `${masked(phone_number)} calls this server, and has no fallback: while the server is down, callers hear an error`,
          "set the number's voice fallback URL to a TwiML Bin that apologises or rings somebody"
        )
      : finding("ok", "numbers", `${masked(phone_number)} calls this server, and has a fallback`)
  )
}

/** Asks the carrier for the numbers of the account; skipped without the account, its token and an origin to compare with. */
export const checkNumbers = (
  { accountSid, verification }: EdgeSettings,
  api: URL = TWILIO_API
): Effect.Effect<ReadonlyArray<Finding>, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    if (verification === undefined) return [finding("skipped", "numbers", "TWILIO_AUTH_TOKEN is not set")]
    if (accountSid === undefined) return [finding("skipped", "numbers", "TWILIO_ACCOUNT_SID is not set")]
    const [authToken] = verification.authTokens
    const url = new URL(`/2010-04-01/Accounts/${accountSid}/IncomingPhoneNumbers.json?PageSize=1000`, api)
    const answer = yield* Effect.result(
      ask(HttpClientRequest.get(url).pipe(HttpClientRequest.basicAuth(accountSid, Redacted.value(authToken))))
    )
    if (Result.isFailure(answer)) return [finding("warning", "numbers", `${api.host}: ${answer.failure}`)]
    const { body, status } = answer.success
    if (status === 200) return readNumbers(body, new URL(TWIML_PATH, verification.origin))
    return status === 401 || status === 403
      ? [
          finding(
            "broken",
            "numbers",
            `Twilio does not take TWILIO_AUTH_TOKEN for TWILIO_ACCOUNT_SID (${status})`,
            "set both to those of the account that owns the numbers; signatures are made with the same token"
          )
        ]
      : [finding("warning", "numbers", `Twilio answered with status ${status}`)]
  })
