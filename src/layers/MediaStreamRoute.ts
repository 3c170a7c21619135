/** Where the carrier's media stream arrives: upgrades the request and runs one call on it. Owns the connection, not the call. */
import { Cause, Effect, Exit, Fiber } from "effect"
import { HttpMiddleware, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { CallRegistry } from "../services/CallRegistry.ts"
import { type MediaLink } from "../services/MediaLink.ts"
import { endpoint, refusal } from "./Endpoint.ts"
import * as SocketMediaLink from "./SocketMediaLink.ts"

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

/**
 * `GET /media-stream`: runs the call for as long as the connection lives, counted as a live one.
 *
 * The connection is closed when `run` ends, and `run` is interrupted when the server shuts down.
 */
export const mediaStreamRoute = <R>(run: (link: MediaLink) => Effect.Effect<void, never, R>) =>
  endpoint(
    MEDIA_STREAM_PATH,
    ["GET"],
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      if (request.headers["upgrade"]?.toLowerCase() !== "websocket") return upgradeRequired
      const socket = yield* request.upgrade
      const link = yield* SocketMediaLink.make(socket)
      const registry = yield* CallRegistry
      yield* registry.enter
      // A call tells its own story; the access log would add a line at its end, a strange one if the server stops.
      yield* HttpMiddleware.withLoggerDisabled(runToItsEnd(run(link)))
      return HttpServerResponse.empty()
    }).pipe(
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
