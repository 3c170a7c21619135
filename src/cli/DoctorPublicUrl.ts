/** Looks at the way from the world to this server: the public origin, what stands behind it, and a call's first steps through it. */
import { Clock, Effect, Option, Result, Schema } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { Socket } from "effect/socket"
import { MEDIA_STREAM_PATH } from "../layers/MediaStreamRoute.ts"
import { AFTER_PATH, TWIML_PATH } from "../layers/TwimlRoute.ts"
import { SIGNATURE_HEADER, sign } from "../layers/TwilioSignature.ts"
import { type EdgeSettings } from "../schema/EdgeSettings.ts"
import { makeIdentity } from "../testing/TwilioFrames.ts"
import { readTwiml } from "../testing/Twiml.ts"
import { type Finding, finding } from "./DoctorFinding.ts"
import { type Answer, ask } from "./DoctorNetwork.ts"
import { instanceIn, type VisitedServer } from "./DoctorServer.ts"

const broken = (found: string, fix: string): Finding => finding("broken", "public URL", found, fix)

const tunnelTo = (port: number): string =>
  `start a tunnel to this port and set PUBLIC_URL to its address, for example: ngrok http ${port}`

/** What an answer that is not this server's tells about who gave it. */
const explain = (origin: URL, { body, headers, status }: Answer, server: VisitedServer): Finding => {
  const { port } = server
  if (headers["ngrok-error-code"] === "ERR_NGROK_3200") {
    return broken(`the tunnel of ${origin.host} is not running`, tunnelTo(port))
  }
  if (status >= 300 && status < 400) {
    const to = headers["location"] ?? ""
    const place = URL.canParse(to, origin.href) ? new URL(to, origin).origin : "somewhere else"
    return broken(
      `${origin.origin} redirects to ${place}: signatures are made for the first address`,
      place.startsWith("https:") ? `set PUBLIC_URL to ${place}` : "have it answer itself"
    )
  }
  if (status === 401 || status === 403 || status === 407) {
    return broken(
      `${origin.origin} asks who is there (${status}), and Twilio does not say`,
      "take the password or the access rule off the tunnel or proxy; requests are verified by their signature"
    )
  }
  if ([502, 503, 504].includes(status) || (status >= 520 && status <= 530)) {
    return broken(
      `${origin.origin} is there, and does not reach this server (${status})`,
      `have the tunnel or proxy pass requests on to http://127.0.0.1:${port}`
    )
  }
  const instance = instanceIn(body)
  if (instance !== undefined) {
    return broken(
      `${origin.origin} is another Parley server than the one on port ${port}`,
      "correct PUBLIC_URL, or stop the other server"
    )
  }
  return broken(
    `${origin.origin}/health is answered by something else (${status}, ${headers["content-type"] ?? "no content type"})`,
    `correct PUBLIC_URL, or have the tunnel or proxy pass every path on to http://127.0.0.1:${port}`
  )
}

const socketUrl = (origin: URL, path: string): string => {
  const url = new URL(path, origin)
  url.protocol = origin.protocol === "https:" ? "wss:" : "ws:"
  return url.href
}

/** Why a socket could not be opened. */
class NoSocket extends Schema.TaggedError<NoSocket>()("NoSocket", {}) {}

/** Opens a media stream, says these frames, and gives the code it is closed with. */
const openStream = (url: string, frames: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const socket = yield* Socket.makeWebSocket(url)
    const { pull } = yield* socket.reader.pipe(Effect.mapError(() => new NoSocket()))
    const { write } = yield* socket.writer
    yield* Effect.forEach(frames, write, { discard: true })
    if (frames.length === 0) return undefined
    return yield* pull.pipe(
      Effect.forever,
      Effect.catchTag("SocketError", ({ reason }) =>
        Effect.succeed(
          reason._tag === "SocketCloseError" ? { code: reason.code, reason: reason.closeReason ?? "" } : undefined
        )
      )
    )
  }).pipe(Effect.scoped, Effect.timeoutOption("10 seconds"))

const checkUpgrade = (origin: URL) =>
  Effect.map(Effect.result(openStream(socketUrl(origin, MEDIA_STREAM_PATH), [])), (opened) =>
    Result.isSuccess(opened) && Option.isSome(opened.success)
      ? finding("ok", "media stream", "a WebSocket can be opened through the public URL")
      : finding(
          "broken",
          "media stream",
          "no WebSocket can be opened through the public URL",
          "have the tunnel or proxy pass upgrades on (HTTP/1.1, with the headers Upgrade and Connection)"
        )
  )

/** Sends a form as the carrier would. */
const postForm = (origin: URL, path: string, fields: Readonly<Record<string, string>>, edge: EdgeSettings) => {
  const url = new URL(path, origin).href
  const authToken = edge.verification?.authTokens[0]
  return ask(
    HttpClientRequest.post(url).pipe(
      HttpClientRequest.setHeaders(authToken === undefined ? {} : { [SIGNATURE_HEADER]: sign(authToken, url, fields) }),
      HttpClientRequest.bodyUrlParams(fields)
    )
  )
}

/** A call as the carrier would place it, up to the moment the agent would speak. */
const rehearse = Effect.fnUntraced(function* (origin: URL, edge: EdgeSettings) {
  const refused = (found: string, fix: string) => finding("broken", "rehearsal", found, fix)
  const { callSid, streamSid } = yield* makeIdentity()
  const fields = { CallSid: callSid, Direction: "inbound" }
  const webhook = yield* Effect.result(postForm(origin, TWIML_PATH, fields, edge))
  if (Result.isFailure(webhook)) return refused(`${TWIML_PATH}: ${webhook.failure}`, "see above")
  const { body, status } = webhook.success
  if (status !== 200) {
    return refused(
      `${TWIML_PATH} answered with status ${status}`,
      status === 403
        ? "the signature did not survive the way: see what the proxy does to paths, queries and headers"
        : "see what the proxy does to requests"
    )
  }
  const twiml = yield* Effect.result(readTwiml(body, { allowInsecure: true }))
  if (Result.isFailure(twiml))
    return refused(`${TWIML_PATH}: ${twiml.failure.message}`, "see what the proxy does to answers")
  const { parameters, url } = twiml.success
  const startMs = yield* Clock.currentTimeMillis
  const start = { streamSid, callSid, customParameters: parameters }
  const frame = JSON.stringify({ event: "start", streamSid, start })
  const closed = yield* Effect.result(openStream(socketUrl(origin, url.pathname), [frame]))
  const tookMs = (yield* Clock.currentTimeMillis) - startMs
  const end = Result.isSuccess(closed) ? Option.getOrUndefined(closed.success) : undefined
  if (end?.code !== 1000) {
    const how = end === undefined ? "was not opened or did not end" : `was closed with ${end.code} ${end.reason}`
    return refused(`the media stream ${how}`, "have the tunnel or proxy pass WebSockets on unchanged")
  }
  const after = yield* Effect.result(postForm(origin, AFTER_PATH, fields, edge))
  return Result.isSuccess(after) && after.success.status === 200
    ? finding("ok", "rehearsal", `webhook, media stream and hang-up work through the public URL (stream: ${tookMs} ms)`)
    : refused(`${AFTER_PATH} was not answered`, "have the proxy pass every path on")
})

/** Follows the way from the public origin to the server, and places a call on it if that costs nothing. */
export const checkPublicUrl = (
  origin: URL | undefined,
  server: VisitedServer,
  edge: EdgeSettings
): Effect.Effect<ReadonlyArray<Finding>, never, HttpClient.HttpClient | Socket.WebSocketConstructor> =>
  Effect.gen(function* () {
    if (origin === undefined) {
      return [
        finding(
          "warning",
          "public URL",
          "PUBLIC_URL is not set: it is taken from each request, and nothing can be verified",
          tunnelTo(server.port)
        )
      ]
    }
    const health = yield* Effect.result(ask(HttpClientRequest.get(new URL("/health", origin))))
    if (Result.isFailure(health)) {
      return [broken(`${origin.origin}: ${health.failure}`, tunnelTo(server.port))]
    }
    const { body, status } = health.success
    if (status !== 200 || instanceIn(body) !== server.instance) return [explain(origin, health.success, server)]
    const reached = finding("ok", "public URL", `${origin.origin} leads to this server`)
    const upgrade = yield* checkUpgrade(origin)
    if (upgrade.standing !== "ok") return [reached, upgrade]
    const rehearsal = server.own
      ? yield* rehearse(origin, edge)
      : finding("skipped", "rehearsal", "a call is only placed while the server does not run: stop it and come again")
    return [reached, upgrade, rehearsal]
  })
