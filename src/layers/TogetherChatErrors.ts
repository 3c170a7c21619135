/** What went wrong with a completion, in the words of `effect/ai`: statuses, error objects and broken connections in, problems out. Never quotes the conversation. */
import { DateTime, Duration, Option, Result, Schema } from "effect"
import * as AiError from "effect/ai/AiError"
import { type HttpClientError } from "effect/http"
import { ChatErrorBody, type ChatErrorObject } from "../schema/TogetherChat.ts"
import { machineWord } from "./MachineWord.ts"

/** Which model is asked, and where; both may appear in error messages. */
export interface ChatEndpoint {
  readonly model: string
  /** Address of the completions resource. */
  readonly url: string
}

/** A request that failed. */
export interface ChatProblem {
  readonly reason: AiError.AiErrorReason
  /** Wait after which the same request may succeed, in milliseconds; undefined: it will not, or not soon. */
  readonly retryIn: number | undefined
}

/** Wait before a retry when the service does not ask for one, in milliseconds. */
const DEFAULT_WAIT_MS = 250

/** What an error response or error object says, as far as it could be read. */
interface Complaint {
  readonly status?: number | undefined
  readonly type?: string | undefined
  readonly code?: string | undefined
  readonly param?: string | undefined
  readonly message?: string | undefined
  readonly requestId?: string | undefined
  readonly retryAfter?: Duration.Duration | undefined
}

const decodeErrorBody = Schema.decodeUnknownOption(Schema.fromJsonString(ChatErrorBody))

const complaintOf = (error: ChatErrorObject | string, errorType?: string | null): Complaint =>
  typeof error === "string"
    ? { type: machineWord(errorType), message: error }
    : {
        type: machineWord(error.type) ?? machineWord(errorType),
        code: machineWord(error.code),
        param: machineWord(error.param),
        message: error.message ?? undefined
      }

/** Fields for the error's metadata; the vendor's own sentence may quote the prompt, hence its `pii.` key. */
const metadataOf = (complaint: Complaint) => {
  const fields: Record<string, string | number> = {}
  if (complaint.status !== undefined) fields["status"] = complaint.status
  if (complaint.type !== undefined) fields["type"] = complaint.type
  if (complaint.code !== undefined) fields["code"] = complaint.code
  if (complaint.requestId !== undefined) fields["requestId"] = complaint.requestId
  if (complaint.message !== undefined) fields["pii.message"] = complaint.message.slice(0, 500)
  return { together: fields }
}

const isStatus = (code: string | undefined): boolean => code !== undefined && /^[45]\d\d$/.test(code)

const statusOfType = (type: string | undefined): number | undefined => {
  if (type === undefined) return undefined
  if (/limited|rate_limit|too_many_requests/.test(type)) return 429
  if (/overloaded|unavailable/.test(type)) return 503
  if (/authentication|unauthorized|invalid_api_key/.test(type)) return 401
  if (/permission|forbidden/.test(type)) return 403
  if (/credit|quota|billing|payment/.test(type)) return 402
  if (/not_found|not_available/.test(type)) return 404
  if (/too_large/.test(type)) return 413
  if (/invalid_request|validation|context_length/.test(type)) return 400
  return undefined
}

const reasonOf = ({ model }: ChatEndpoint, status: number, complaint: Complaint): AiError.AiErrorReason => {
  const metadata = metadataOf(complaint)
  const about = complaint.type === undefined ? `status ${status}` : `status ${status}, ${complaint.type}`
  const invalid = (description: string) =>
    new AiError.InvalidRequestError({
      description,
      metadata,
      ...(complaint.param === undefined ? {} : { parameter: complaint.param })
    })
  switch (status) {
    case 401:
      return new AiError.AuthenticationError({
        kind: "InvalidKey",
        description: `The service refused the key (${about}).`,
        metadata
      })
    case 402:
      return new AiError.QuotaExhaustedError({ metadata })
    case 403:
      // To Together this is a conversation beyond the model's context, to most others a key that may not.
      return statusOfType(complaint.type) === 400
        ? invalid(`The conversation is longer than the model "${model}" takes (${about}).`)
        : new AiError.AuthenticationError({
            kind: "InsufficientPermissions",
            description: `The key may not use the model "${model}" (${about}).`,
            metadata
          })
    case 404:
      return invalid(`There is no model "${model}" for this key at this address (${about}).`)
    case 413:
      return invalid(`The request is too large for the model "${model}" (${about}).`)
    case 429:
      return new AiError.RateLimitError({
        metadata,
        ...(complaint.retryAfter === undefined ? {} : { retryAfter: complaint.retryAfter })
      })
    default:
      return status >= 400 && status < 500 && status !== 408
        ? invalid(`The service rejected the request to the model "${model}" (${about}).`)
        : new AiError.InternalProviderError({
            description: `The service could not answer with the model "${model}" (${about}).`,
            metadata
          })
  }
}

const seconds = (value: string | undefined): Duration.Duration | undefined =>
  value !== undefined && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Duration.seconds(Number(value)) : undefined

/**
 * How long the service asks to be left alone: `retry-after-ms`, `Retry-After` in seconds or as a date, else
 * `x-ratelimit-reset` in seconds.
 *
 * `now` is the time in milliseconds since the epoch.
 */
export const retryAfterOf = (
  headers: Readonly<Record<string, string | undefined>>,
  now: number
): Duration.Duration | undefined => {
  const millis = seconds(headers["retry-after-ms"])
  if (millis !== undefined) return Duration.millis(Duration.toSeconds(millis))
  const retryAfter = headers["retry-after"]
  const given = seconds(retryAfter)
  if (given !== undefined) return given
  const date = retryAfter === undefined ? Option.none() : DateTime.make(retryAfter)
  return Option.isSome(date)
    ? Duration.millis(Math.max(0, DateTime.toEpochMillis(date.value) - now))
    : seconds(headers["x-ratelimit-reset"])
}

/** The problem behind a response whose status is not 2xx. `body` is its text, `now` milliseconds since the epoch. */
export const statusProblem = (
  endpoint: ChatEndpoint,
  response: {
    readonly status: number
    readonly headers: Readonly<Record<string, string | undefined>>
    readonly body: string
    readonly now: number
  }
): ChatProblem => {
  const { headers, status } = response
  const said = Option.match(decodeErrorBody(response.body), {
    onNone: () => ({}),
    onSome: (body) => complaintOf(body.error, body.error_type)
  })
  const retryAfter = retryAfterOf(headers, response.now)
  const reason = reasonOf(endpoint, status, {
    ...said,
    status,
    requestId: machineWord(headers["x-request-id"]),
    retryAfter
  })
  // A plain 500 seldom goes away by asking again; everything above it is a gateway or an overload.
  const passing = status === 408 || status === 429 || status > 500
  const wait = retryAfter === undefined ? DEFAULT_WAIT_MS : Duration.toMillis(retryAfter)
  return { reason, retryIn: passing ? wait : undefined }
}

/** The reason behind an error object that came with status 200, in the stream or instead of it. */
export const errorObjectReason = (
  endpoint: ChatEndpoint,
  error: ChatErrorObject | string,
  errorType?: string | null
): AiError.AiErrorReason => {
  const complaint = complaintOf(error, errorType)
  const status = isStatus(complaint.code)
    ? Number(complaint.code)
    : (statusOfType(complaint.type) ?? statusOfType(complaint.code) ?? 500)
  return reasonOf(endpoint, status, complaint)
}

/** The problem behind a successful response that is something other than a stream of events. `body` is its text. */
export const notAStream = (endpoint: ChatEndpoint, contentType: string, body: string): ChatProblem => ({
  reason: Option.match(decodeErrorBody(body), {
    onNone: () =>
      new AiError.InvalidResponseError({
        description: `The service answered with "${contentType.slice(0, 80)}" where "text/event-stream" was expected.`
      }),
    onSome: ({ error, error_type }) => errorObjectReason(endpoint, error, error_type)
  }),
  retryIn: undefined
})

/** The system's or the HTTP client's own code for a broken connection, such as `ECONNREFUSED`. */
const codeOf = (error: unknown, depth = 4): string | undefined => {
  if (depth === 0 || typeof error !== "object" || error === null) return undefined
  const code = "code" in error && typeof error.code === "string" ? machineWord(error.code) : undefined
  return code ?? ("cause" in error ? codeOf(error.cause, depth - 1) : undefined)
}

/**
 * The problem behind a request that failed on the way, or a response that broke off.
 *
 * The client's own error is not kept as the cause: it holds the request, and with it the whole conversation.
 */
export const transportProblem = ({ url }: ChatEndpoint, error: HttpClientError.HttpClientError): ChatProblem => {
  const tag = error.reason._tag
  const unsendable = tag === "EncodeError" || tag === "InvalidUrlError" ? tag : undefined
  const host = Result.getOrElse(
    Result.try(() => new URL(url).host),
    () => "the service"
  )
  const what =
    unsendable !== undefined
      ? `The request to ${host} could not be made`
      : tag === "TransportError"
        ? `${host} could not be reached`
        : `The connection to ${host} was lost`
  const code = codeOf(error.reason.cause)
  const reason = new AiError.NetworkError({
    reason: unsendable ?? "TransportError",
    method: "POST",
    url,
    description: `${what}${code === undefined ? "" : ` (${code})`}.`
  })
  return { reason, retryIn: unsendable === undefined ? DEFAULT_WAIT_MS : undefined }
}
