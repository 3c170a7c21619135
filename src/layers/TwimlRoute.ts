/** The voice webhooks: an incoming call, or one whose stream has ended, in; the call document to go on with out. Owns no call. */
import { Effect, Layer, Option } from "effect"
import { HttpServerRequest } from "effect/http"
import { AppConfig } from "../services/AppConfig.ts"
import { CallAdmission } from "../services/CallAdmission.ts"
import { CallRegistry } from "../services/CallRegistry.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { Prewarm } from "../services/Prewarm.ts"
import { StreamTokens } from "../services/StreamTokens.ts"
import { brokenOffDocument, busyDocument, connectDocument, documentResponse, hangUpDocument } from "./CallDocuments.ts"
import { countCallTurnedAway } from "./EdgeMetrics.ts"
import { refusal } from "./Endpoint.ts"
import { MEDIA_STREAM_PATH } from "./MediaStreamRoute.ts"
import { callSidOf, twilioWebhook, type WebhookFields } from "./TwilioWebhook.ts"

/** Path of the webhook for incoming calls. */
export const TWIML_PATH = "/twiml"

/** Path of the webhook for calls whose stream has ended. */
export const AFTER_PATH = "/twiml/after"

/** A host name or IP address with an optional port and nothing else (RFC 3986, 3.2.2 and 3.2.3). */
const plainHost = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i

/**
 * Where the carrier opens the media stream: at the configured origin, or at the host the webhook was asked for.
 *
 * Undefined if there is no configured origin and the request does not name a plain host.
 */
export const mediaStreamUrl = (
  publicUrl: URL | undefined,
  headers: Readonly<Record<string, string | undefined>>
): URL | undefined => {
  if (publicUrl !== undefined) return new URL(`wss://${publicUrl.host}${MEDIA_STREAM_PATH}`)
  const host = headers["host"]
  if (host === undefined || !plainHost.test(host)) return undefined
  const [forwardedProtocol] = (headers["x-forwarded-proto"] ?? "").split(",")
  const scheme = forwardedProtocol?.trim().toLowerCase() === "https" ? "wss" : "ws"
  const url = `${scheme}://${host}${MEDIA_STREAM_PATH}`
  return URL.canParse(url) ? new URL(url) : undefined
}

/** Without a configured origin, the carrier knows better where it got the document from. */
const afterUrl = (publicUrl: URL | undefined): string =>
  publicUrl === undefined ? AFTER_PATH : new URL(AFTER_PATH, publicUrl).href

/** Answers with the fallback, and says so. */
const turnAway = Effect.fnUntraced(function* (reason: string) {
  const { fallbackNumber } = yield* EdgeConfig
  yield* countCallTurnedAway(reason)
  yield* Effect.logWarning(`call turned away: ${reason}`)
  return documentResponse(busyDocument(fallbackNumber))
})

const answer = Effect.fnUntraced(function* (fields: WebhookFields) {
  const { server } = yield* AppConfig
  const { fallbackNumber, verification } = yield* EdgeConfig
  const { headers } = yield* HttpServerRequest.HttpServerRequest
  const streamUrl = mediaStreamUrl(server.publicUrl, headers)
  if (streamUrl === undefined) {
    return refusal(400, "Expected a Host header of the form host or host:port; or set PUBLIC_URL")
  }
  const callSid = Option.getOrUndefined(callSidOf(fields))
  if (callSid === undefined && verification !== undefined) {
    return refusal(400, "Expected CallSid, which is CA and 32 hexadecimal digits")
  }
  const busy = yield* (yield* CallAdmission).busy
  if (Option.isSome(busy)) return yield* turnAway(busy.value)

  const connection = { streamUrl, afterUrl: afterUrl(server.publicUrl), fallbackNumber }
  if (callSid === undefined || verification === undefined) {
    yield* (yield* Prewarm).prepare
    return documentResponse(connectDocument({ ...connection, token: undefined }))
  }
  const token = yield* (yield* StreamTokens).mint(callSid)
  if (Option.isNone(token)) return yield* turnAway("webhook repeated")
  yield* (yield* Prewarm).prepare
  return documentResponse(connectDocument({ ...connection, token: token.value }))
})

const goOn = Effect.fnUntraced(function* (fields: WebhookFields) {
  const { fallbackNumber } = yield* EdgeConfig
  const callSid = callSidOf(fields)
  const isFinished = Option.isSome(callSid) && (yield* (yield* CallRegistry).isFinished(callSid.value))
  return documentResponse(isFinished ? hangUpDocument() : brokenOffDocument(fallbackNumber))
})

/** `POST /twiml` and `POST /twiml/after`, and `GET` for webhooks that are set up that way. */
export const twimlRoutes = Layer.mergeAll(twilioWebhook(TWIML_PATH, answer), twilioWebhook(AFTER_PATH, goOn))
