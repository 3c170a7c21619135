/** The voice webhook: an incoming call in, the call document that connects it to the media stream out. Owns no call. */
import { Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import VoiceResponse from "twilio/lib/twiml/VoiceResponse.js"
import { AppConfig } from "../services/AppConfig.ts"
import { endpoint, refusal } from "./Endpoint.ts"
import { MEDIA_STREAM_PATH } from "./MediaStreamRoute.ts"

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

/** The call document that hands the call to the media stream until the stream is closed. */
export const connectDocument = (streamUrl: URL): string => {
  const response = new VoiceResponse()
  response.connect().stream({ url: streamUrl.href })
  return response.toString()
}

const answer = Effect.gen(function* () {
  const { server } = yield* AppConfig
  const { headers } = yield* HttpServerRequest.HttpServerRequest
  const streamUrl = mediaStreamUrl(server.publicUrl, headers)
  return streamUrl === undefined
    ? refusal(400, "Expected a Host header of the form host or host:port; or set PUBLIC_URL")
    : HttpServerResponse.text(connectDocument(streamUrl), { contentType: "text/xml; charset=utf-8" })
})

/** `POST /twiml`, and `GET` for webhooks that are set up that way. */
export const twimlRoute = endpoint("/twiml", ["GET", "POST"], answer)
