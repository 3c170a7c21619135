/** One connection to Together's realtime transcription: text frames in, the service's messages out; owns no segments and no retries. */
import { Effect, Option, Redacted, Stream } from "effect"
import { Socket } from "effect/socket"
import { type FailureReason, SpeechToTextError } from "../schema/Errors.ts"
import { decodeServerMessage, type ServerMessage, type ServiceError, STT_FORMAT } from "../schema/TogetherStt.ts"
import { type TogetherSettings } from "../services/AppConfig.ts"
import { machineWord } from "./MachineWord.ts"
import { type SocketAddress } from "./ReadySockets.ts"

/** Time for a connection to be made and to say that it is ready, in milliseconds. */
export const READY_WITHIN_MS = 10_000

/** Address of the transcription socket below the API's root, with everything that is set for a session. */
export const transcriptionUrl = (settings: TogetherSettings): string => {
  const url = new URL(settings.baseUrl)
  url.protocol = url.protocol === "http:" || url.protocol === "ws:" ? "ws:" : "wss:"
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/realtime`
  url.hash = ""
  url.searchParams.set("model", settings.sttModel)
  url.searchParams.set("input_audio_format", STT_FORMAT)
  // Commits are ours: the service's own endpointing would cut turns a second time.
  url.searchParams.set("turn_detection", "none")
  return url.href
}

/** Where a session is dialled, and with what. */
export const transcriptionAddress = (settings: TogetherSettings): SocketAddress => ({
  url: transcriptionUrl(settings),
  headers: { Authorization: `Bearer ${Redacted.value(settings.apiKey)}`, "OpenAI-Beta": "realtime=v1" }
})

const reasonsByCode: ReadonlyMap<string | null | undefined, FailureReason> = new Map([
  ["invalid_api_key", "Unauthorized"],
  ["missing_api_key", "Unauthorized"],
  ["authentication_error", "Unauthorized"],
  ["permission_error", "Unauthorized"],
  ["insufficient_quota", "QuotaExceeded"],
  ["model_not_available", "Rejected"],
  ["model_not_accessible", "Rejected"],
  ["invalid_request_error", "Rejected"],
  ["rate_limit_exceeded", "RateLimited"],
  ["rate_limit_error", "RateLimited"],
  ["no_healthy_workers", "Overloaded"],
  ["overloaded_error", "Overloaded"],
  ["service_unavailable_error", "Overloaded"],
  ["server_error", "Overloaded"],
  ["idle_timeout", "Disconnected"]
])

/** Why the service failed, by its error's code or else its type; undefined when it gives neither or new ones. */
const reasonOf = ({ code, type }: ServiceError): FailureReason | undefined =>
  reasonsByCode.get(code) ?? reasonsByCode.get(type)

/** The error of an `error` or `failed` message; `fallback` is the reason when the service's own words do not tell. */
export const errorOf = (
  message: { readonly error?: ServiceError | undefined },
  fallback: FailureReason
): SpeechToTextError => {
  const error = message.error ?? {}
  return new SpeechToTextError({
    reason: reasonOf(error) ?? fallback,
    message: `Speech recognition failed (${machineWord(error.code) ?? machineWord(error.type) ?? "no reason given"})`
  })
}

/** Whether this error of the service concerns only the last request, and leaves the connection as it is. */
const concernsRequestOnly = (error: ServiceError): boolean => {
  const reason = reasonOf(error)
  return reason === undefined || (reason === "Rejected" && error.code?.startsWith("model_") !== true)
}

/** What a message means for the connection: the error that ends it, or undefined. */
const endedBy = (message: ServerMessage, ready: boolean): SpeechToTextError | undefined => {
  switch (message.type) {
    case "error":
      return ready && concernsRequestOnly(message.error ?? {}) ? undefined : errorOf(message, "Disconnected")
    case "conversation.item.input_audio_transcription.failed": {
      if (message.event_type !== undefined) return undefined
      const error = errorOf(message, "Disconnected")
      // Whatever it was about, it took the session with it, and a new session may do better.
      return concernsRequestOnly(message.error ?? {})
        ? new SpeechToTextError({ reason: "Disconnected", message: error.message })
        : error
    }
    default:
      return undefined
  }
}

const reasonOfStatus = (status: number): FailureReason => {
  if (status === 401 || status === 403) return "Unauthorized"
  if (status === 402) return "QuotaExceeded"
  if (status === 408) return "Stalled"
  if (status === 429) return "RateLimited"
  if (status >= 500) return "Overloaded"
  return "Rejected"
}

/** The error inside a socket's error event. The event itself must go nowhere: it leads to the request and its key. */
const innerError = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "error" in cause ? cause.error : undefined

/** The HTTP status that refused the upgrade, as the `ws` package tells it; undefined when there was no answer. */
const refusedStatus = (cause: unknown): number | undefined => {
  const message = cause instanceof Error ? cause.message : ""
  const status = /^Unexpected server response: (\d{3})/.exec(message)?.[1]
  return status === undefined ? undefined : Number(status)
}

const ofSocketError = (error: Socket.SocketError): SpeechToTextError => {
  const { reason } = error
  switch (reason._tag) {
    case "SocketCloseError": {
      const overloaded = reason.code === 4503 || reason.closeReason?.includes("no_healthy_workers") === true
      return new SpeechToTextError({
        reason: overloaded ? "Overloaded" : "Disconnected",
        message: `Speech recognition closed the connection (${overloaded ? "no healthy workers" : reason.code})`
      })
    }
    case "SocketOpenError": {
      const cause = innerError(reason.cause)
      const status = refusedStatus(cause)
      if (status !== undefined) {
        return new SpeechToTextError({
          reason: reasonOfStatus(status),
          message: `Speech recognition refused the connection with HTTP status ${status}`
        })
      }
      return reason.kind === "Timeout" ? notReady() : unreachable(cause)
    }
    default:
      return new SpeechToTextError({
        reason: "Disconnected",
        message: "The connection to speech recognition broke",
        ...("cause" in reason ? { cause: innerError(reason.cause) } : {})
      })
  }
}

const unreachable = (cause: unknown) => {
  // The error for a name with several addresses has a code and no message.
  const detail =
    cause instanceof Error ? cause.message || ("code" in cause ? String(cause.code) : cause.name) : undefined
  return new SpeechToTextError({
    reason: "Unreachable",
    message: `Speech recognition cannot be reached${detail === undefined ? "" : `: ${detail}`}`,
    ...(cause === undefined ? {} : { cause })
  })
}

/** Failure of a connection that was not ready in time. */
export const notReady = (): SpeechToTextError =>
  new SpeechToTextError({
    reason: "Stalled",
    message: `Speech recognition was not ready within ${READY_WITHIN_MS / 1000} s`
  })

/**
 * Sends text frames and receives the service's messages, `session.created` being the first that matters.
 *
 * Dials when it is run and closes with code 1000 when it is interrupted. Never ends by itself: every end of the
 * connection is a failure, with a reason that is retryable when the same may work on a new connection. Messages of
 * unknown types are left out.
 */
export const transcribe = (
  settings: TogetherSettings,
  outbound: Stream.Stream<string>
): Stream.Stream<ServerMessage, SpeechToTextError, Socket.WebSocketConstructor> => {
  const { headers, url } = transcriptionAddress(settings)
  const socket = Socket.makeWebSocket(url, { headers, openTimeout: READY_WITHIN_MS })
  const messages = (socket: Socket.Socket) => {
    let ready = false
    return outbound.pipe(
      Stream.pipeThroughChannel(Socket.toChannelString(socket)),
      Stream.mapError(ofSocketError),
      Stream.mapEffect((text) => {
        const message = decodeServerMessage(text)
        if (Option.isNone(message)) return Effect.as(Effect.logDebug("Speech recognition said something unknown"), [])
        const error = endedBy(message.value, ready)
        if (error !== undefined) return Effect.fail(error)
        ready ||= message.value.type === "session.created"
        return Effect.succeed([message.value])
      }),
      Stream.flattenIterable,
      Stream.concat(
        Stream.fail(
          new SpeechToTextError({ reason: "Disconnected", message: "Speech recognition ended the connection" })
        )
      )
    )
  }
  return Stream.unwrap(Effect.map(socket, messages))
}
