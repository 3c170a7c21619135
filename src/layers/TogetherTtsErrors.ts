/** What went wrong with speech synthesis, in Parley's words: refused upgrades, lost sockets and error messages in, errors out. Never quotes what was to be said. */
import { type Socket } from "effect/socket"
import { type FailureReason, TextToSpeechError } from "../schema/Errors.ts"
import { type TtsError } from "../schema/TogetherTts.ts"
import { type TogetherSettings } from "../services/AppConfig.ts"
import { machineWord } from "./MachineWord.ts"

/** What may be named in messages, so that they say what to change. */
export type TtsEndpoint = Pick<TogetherSettings, "baseUrl" | "ttsModel" | "ttsVoice">

const messageOf = (reason: FailureReason, { baseUrl, ttsModel, ttsVoice }: TtsEndpoint, about: string): string => {
  const host = baseUrl.host
  switch (reason) {
    case "Unauthorized":
      return `${host} refused the API key for speech synthesis (${about})`
    case "QuotaExceeded":
      return `the account at ${host} has reached its limit (${about})`
    case "RateLimited":
      return `${host} takes no more speech synthesis at the moment (${about})`
    case "Rejected":
      return `${host} rejected speech synthesis with the model "${ttsModel}" and the voice "${ttsVoice}" (${about})`
    case "Overloaded":
      return `${host} cannot synthesise speech at the moment (${about})`
    case "Disconnected":
      return `the connection to ${host} for speech synthesis was lost (${about})`
    case "Unreachable":
      return `${host} could not be reached for speech synthesis (${about})`
    case "Stalled":
    case "Malformed":
      return `speech synthesis at ${host} went wrong (${about})`
  }
}

/** An error of this endpoint; `about` is a few words of detail. */
export const ttsError = (reason: FailureReason, endpoint: TtsEndpoint, about: string): TextToSpeechError =>
  new TextToSpeechError({ reason, message: messageOf(reason, endpoint, about) })

const reasonOfStatus = (status: number): FailureReason => {
  if (status === 401 || status === 403) return "Unauthorized"
  if (status === 402) return "QuotaExceeded"
  if (status === 429) return "RateLimited"
  return status === 408 || status >= 500 ? "Overloaded" : "Rejected"
}

const reasonOfClose: Readonly<Record<number, FailureReason>> = {
  1013: "Overloaded",
  4401: "Unauthorized",
  4403: "Unauthorized",
  4429: "RateLimited",
  // Together: no healthy workers.
  4503: "Overloaded"
}

/** The `ws` package tells a refused upgrade only in the text of its error. */
const upgradeStatus = (text: string): number | undefined => {
  const status = /server response: (\d{3})\b/.exec(text)?.[1]
  return status === undefined ? undefined : Number(status)
}

/** The error behind an error event. The event itself is not to be kept: it holds the request with the key. */
const errorOfEvent = (event: unknown): { readonly message: string; readonly code: string | undefined } => {
  const error = typeof event === "object" && event !== null && "error" in event ? event.error : event
  if (typeof error !== "object" || error === null) return { message: "", code: undefined }
  return {
    message: "message" in error && typeof error.message === "string" ? error.message : "",
    code: "code" in error && typeof error.code === "string" ? machineWord(error.code) : undefined
  }
}

/** The error behind the end of a socket, or behind one that did not open. */
export const socketFailure = (endpoint: TtsEndpoint, error: Socket.SocketError): TextToSpeechError => {
  const reason = error.reason
  switch (reason._tag) {
    case "SocketCloseError":
      return ttsError(reasonOfClose[reason.code] ?? "Disconnected", endpoint, `closed with ${reason.code}`)
    case "SocketOpenError": {
      if (reason.kind === "Timeout") return ttsError("Unreachable", endpoint, "no answer to the connection in time")
      const { code, message } = errorOfEvent(reason.cause)
      const status = upgradeStatus(message)
      return status === undefined
        ? ttsError("Unreachable", endpoint, code ?? "connection failed")
        : ttsError(reasonOfStatus(status), endpoint, `status ${status}`)
    }
    default:
      return ttsError(
        "Disconnected",
        endpoint,
        errorOfEvent("cause" in reason ? reason.cause : undefined).code ?? "broken"
      )
  }
}

const reasonOfError = (error: TtsError): FailureReason => {
  const words = `${error.code ?? ""} ${error.type ?? ""}`.toLowerCase()
  const text = (error.message ?? "").toLowerCase()
  if (/api_key|authenti|authori|permission|forbidden/.test(words)) return "Unauthorized"
  if (/quota|credit|billing|payment/.test(words)) return "QuotaExceeded"
  if (/rate_limit|too_many|limit_exceeded/.test(words)) return "RateLimited"
  if (/unavailable|overload|no_healthy|capacity|timeout/.test(words)) return "Overloaded"
  if (/model|voice|invalid|not_found|unsupported|validation/.test(words)) return "Rejected"
  // Some messages come without a code that says as much.
  const named = /\b(model|voice)\b/.test(`${(error.param ?? "").toLowerCase()} ${text}`)
  const wrong = /unknown|invalid|unsupported|not supported|not found|no such|not exist|not available/.test(text)
  return named && wrong ? "Rejected" : "Overloaded"
}

/** The error behind what the service says is wrong. What it says in prose is left out: it may quote the text. */
export const serviceFailure = (endpoint: TtsEndpoint, error: TtsError | undefined): TextToSpeechError => {
  const { code, param, type } = error ?? {}
  const about = [machineWord(type), machineWord(code), machineWord(param)]
    .filter((part) => part !== undefined)
    .join(", ")
  return ttsError(reasonOfError(error ?? {}), endpoint, about === "" ? "no reason given" : about)
}
