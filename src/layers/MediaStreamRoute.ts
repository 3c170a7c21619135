/** Where the carrier's media stream arrives: upgrades the request and runs one call on it. Owns the connection, not the call. */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Cause, Effect, Exit, Fiber, Layer, Option } from "effect"
import { HttpMiddleware, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { type EndReason } from "../schema/CallEvent.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { CallAdmission } from "../services/CallAdmission.ts"
import { CallRegistry } from "../services/CallRegistry.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { type MediaLink } from "../services/MediaLink.ts"
import { clientAddress } from "./ClientAddress.ts"
import { directWebSocketOn } from "./DirectWebSocket.ts"
import { countCallTurnedAway, countStreamRefused } from "./EdgeMetrics.ts"
import { endpoint, refusal } from "./Endpoint.ts"
import { makePendingStreams, type PendingStreams } from "./PendingStreams.ts"
import { FOREIGN_ORIGIN, isForeign } from "./RequestOrigin.ts"
import * as SocketMediaLink from "./SocketMediaLink.ts"
import { type AdmittedStream, awaitAdmission, refuseStream } from "./StreamGate.ts"
import { isCallSid } from "./TwilioWebhook.ts"
import { isUpgradeSigned, SIGNATURE_HEADER } from "./TwilioSignature.ts"

/** Path of the media stream, as the call document names it. */
export const MEDIA_STREAM_PATH = "/media-stream"

const upgradeRequired = refusal(426, "Expected a WebSocket upgrade", {
  upgrade: "websocket",
  connection: "close, Upgrade"
})

const isLostConnection = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some(
    (reason) => Cause.isInterruptReason(reason) && reason.annotations.has(HttpServerError.ClientAbort.key)
  )

/**
 * Runs the call, interrupted only by the server.
 *
 * The HTTP layer interrupts the request when its connection is lost. The link ends at the same moment, so the call is
 * left to end by itself, which is how it knows that it was not the server that hung up.
 */
const runToItsEnd = Effect.fnUntraced(function* <R>(call: Effect.Effect<void, never, R>) {
  const running = yield* Effect.forkScoped(call)
  yield* Effect.onExit(Fiber.join(running), (exit) =>
    isLostConnection(exit) ? Effect.timeoutOption(Fiber.await(running), "2 seconds") : Effect.void
  )
})

/** Turns down an upgrade before there is a connection. */
const refuseUpgrade = Effect.fnUntraced(function* (status: number, reason: string) {
  yield* countStreamRefused(reason)
  yield* Effect.logWarning(`media stream refused: ${reason}`)
  return refusal(status, `The media stream is refused: ${reason}`)
})

/** How the agent closes a call in which everything was said; any other word, and the carrier goes on with the fallback. */
const AGENT_HUNG_UP: EndReason = "agent hung up"

/** The link as the call has it: the registry is told when the agent hangs up, and with it the carrier that asks. */
const linkOf = (admitted: AdmittedStream, registry: CallRegistry["Service"]): MediaLink => ({
  ...admitted.link,
  close: (reason) =>
    Effect.andThen(
      reason === AGENT_HUNG_UP ? registry.finish(admitted.callSid) : Effect.void,
      admitted.link.close(reason)
    )
})

/** Waits for the stream to start, and no longer counts it as one that has not. */
const admit = (socket: SocketMediaLink.SocketLink, leavePending: Effect.Effect<void>) =>
  Effect.ensuring(awaitAdmission(socket), leavePending)

/** Runs the call, if there is one and room for it. */
const hold = Effect.fnUntraced(function* <R>(
  socket: SocketMediaLink.SocketLink,
  stream: Option.Option<AdmittedStream>,
  run: (link: MediaLink) => Effect.Effect<void, never, R>
) {
  if (Option.isNone(stream)) return
  const admitted = stream.value
  yield* Effect.gen(function* () {
    const busy = yield* (yield* CallAdmission).enter
    if (Option.isSome(busy)) {
      yield* countCallTurnedAway(busy.value)
      return yield* refuseStream(socket, SocketMediaLink.CloseCode.TryAgainLater, busy.value)
    }
    const call = run(linkOf(admitted, yield* CallRegistry))
    // A call handles its errors: what is left is a mistake of the program, and the access log does not tell of calls.
    yield* runToItsEnd(Effect.tapDefect(call, (defect) => Effect.logError("call broke off", Cause.die(defect))))
  }).pipe(isCallSid(admitted.callSid) ? Effect.annotateLogs({ callSid: admitted.callSid }) : (self) => self)
})

const accept = Effect.fnUntraced(function* <R>(
  run: (link: MediaLink) => Effect.Effect<void, never, R>,
  pending: PendingStreams
) {
  const { verification } = yield* EdgeConfig
  const request = yield* HttpServerRequest.HttpServerRequest
  if (request.headers["upgrade"]?.toLowerCase() !== "websocket") return upgradeRequired

  // Whoever visits a page would place calls for it, from a machine or a network that the page itself is not on.
  if (isForeign(request, (yield* AppConfig).server.publicUrl)) return yield* refuseUpgrade(403, FOREIGN_ORIGIN)

  const signature = verification === undefined ? undefined : request.headers[SIGNATURE_HEADER]
  if (verification !== undefined && signature !== undefined) {
    if (!isUpgradeSigned(verification, MEDIA_STREAM_PATH, signature)) {
      return yield* refuseUpgrade(403, "wrong signature")
    }
  }
  // Where the carrier says that it is the carrier, it may come as often as it wants, and from one address.
  const leavePending = signature === undefined ? yield* pending.enter(clientAddress(request)) : Effect.void
  if (leavePending === undefined) return yield* refuseUpgrade(429, "too many streams that have not started")

  const tcp = NodeHttpServerRequest.toIncomingMessage(request).socket
  const upgraded = yield* request.upgrade
  const socket = yield* SocketMediaLink.make(upgraded, {
    unsent: () => tcp.writableLength,
    direct: () => directWebSocketOn(tcp)
  })
  // A call tells its own story; the access log would add a line at its end, a strange one if the server stops.
  yield* HttpMiddleware.withLoggerDisabled(
    Effect.andThen(admit(socket, leavePending), (stream) => hold(socket, stream, run))
  )
  return HttpServerResponse.empty()
})

/**
 * `GET /media-stream`: runs the call for as long as the connection lives, counted as a live one.
 *
 * `run` gets a stream that may come in, from its `start` frame on. The connection is closed when `run` ends, and `run`
 * is interrupted when the server shuts down.
 */
export const mediaStreamRoute = <R>(run: (link: MediaLink) => Effect.Effect<void, never, R>) =>
  Layer.unwrap(
    Effect.map(EdgeConfig, ({ maxCalls, maxPendingPerAddress }) => {
      const pending = makePendingStreams({ perAddress: maxPendingPerAddress, total: maxCalls + maxPendingPerAddress })
      return endpoint(
        MEDIA_STREAM_PATH,
        ["GET"],
        accept(run, pending).pipe(
          // An `Upgrade` header on a connection that is not to be upgraded.
          Effect.catchTag("HttpServerError", () => Effect.succeed(upgradeRequired)),
          // A handshake that was refused has been answered already: this response is only what the log says.
          Effect.catchTag("SocketError", (error) =>
            Effect.as(
              Effect.annotateLogs(Effect.logDebug("Media stream was not opened"), { detail: error.message }),
              HttpServerResponse.empty({ status: 400 })
            )
          )
        )
      )
    })
  )
