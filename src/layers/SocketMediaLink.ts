/** A `MediaLink` over a WebSocket: owns the handshake, the end and the frames of one connection, not what they mean. */
import { Array as Arr, Cause, Effect, Predicate, type Scope, Stream } from "effect"
import { Socket } from "effect/socket"
import { type MediaLink } from "../services/MediaLink.ts"

/** Close codes of a peer that hangs up or is lost: normal, going away, no code given, no close frame at all. */
const hangUpCodes: ReadonlySet<number> = new Set([1000, 1001, 1005, 1006])

/** Close reasons longer than this many bytes are refused by the protocol (RFC 6455, 5.5). */
const MAX_REASON_BYTES = 123

const isHangUp = ({ reason }: Socket.SocketError): boolean =>
  reason._tag === "SocketCloseError" && hangUpCodes.has(reason.code)

const fitReason = (reason: string): string => {
  let fitted = reason
  while (Buffer.byteLength(fitted) > MAX_REASON_BYTES) fitted = fitted.slice(0, -1)
  return fitted
}

/**
 * Accepts the connection and gives its two directions; the scope owns the connection and closes it.
 *
 * Binary frames are skipped: the carrier sends none. Fails if the peer is gone before the handshake is done.
 */
export const make = Effect.fnUntraced(function* (
  socket: Socket.Socket
): Effect.fn.Return<MediaLink, Socket.SocketError, Scope.Scope> {
  const { pull } = yield* socket.reader
  const { write } = yield* socket.writer

  // A write after the connection is released would wait for the next one, which never comes.
  let open = true
  const markClosed = Effect.sync(() => {
    open = false
  })
  yield* Effect.addFinalizer(() => markClosed)

  const pullTexts: Effect.Effect<Arr.NonEmptyReadonlyArray<string>, Socket.SocketError> = Effect.flatMap(
    pull,
    (frames) => {
      const texts = frames.every(Predicate.isString) ? frames : frames.filter(Predicate.isString)
      return Arr.isReadonlyArrayNonEmpty(texts) ? Effect.succeed(texts) : pullTexts
    }
  )
  const logUnusualEnd = (error: Socket.SocketError) =>
    isHangUp(error)
      ? Effect.void
      : Effect.annotateLogs(Effect.logDebug("Media stream broke off"), {
          reason: error.reason._tag,
          detail: error.message
        })
  const pullUntilEnd = Effect.catchTag(pullTexts, "SocketError", (error) =>
    markClosed.pipe(Effect.andThen(logUnusualEnd(error)), Effect.andThen(Cause.done()))
  )

  return {
    inbound: Stream.fromPull(Effect.succeed(pullUntilEnd)),
    send: (frame) => Effect.suspend(() => (open ? Effect.ignore(write(frame), { log: "Debug" }) : Effect.void)),
    close: (reason) =>
      Effect.suspend(() => {
        if (!open) return Effect.void
        open = false
        return Effect.ignore(write(new Socket.CloseEvent(1000, fitReason(reason))), { log: "Debug" })
      })
  }
})
