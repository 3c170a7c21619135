/** The carrier's end of a media stream as frames, over a real WebSocket or in memory. Owns the connection, not what the frames mean. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { type Array, Cause, Effect, Exit, Fiber, Predicate, Queue, Schema, type Scope, Stream } from "effect"
import { Socket } from "effect/socket"
import { type MediaLink } from "../services/MediaLink.ts"

/** WebSocket close codes: in good order, lost without a close, and a server that met something unexpected. */
const NORMAL = 1000
const LOST = 1006
const SERVER_ERROR = 1011

/** The server ended the stream. `code` is a WebSocket close code; 1006 means that it was lost. */
export interface ServerClosed {
  readonly code: number
  readonly reason: string
}

/** One media stream, seen from the carrier. */
export interface CarrierConnection {
  /** Sends one text frame, in order and without waiting; does nothing once the stream has ended. */
  readonly sendUnsafe: (frame: string) => void
  /** The next frames from the server; fails when the server has ended the stream and everything it sent was taken. */
  readonly receive: Effect.Effect<Array.NonEmptyReadonlyArray<string | Uint8Array>, ServerClosed>
  /** Ends the stream in good order. */
  readonly close: Effect.Effect<unknown>
  /** Breaks the stream off, without a word. */
  readonly reset: Effect.Effect<unknown>
}

/** A media stream could not be opened. */
export class ConnectError extends Schema.TaggedError<ConnectError>()("ConnectError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** Both ends of a media stream. */
export interface MemoryConnection {
  /** What the server's code is given. */
  readonly link: MediaLink
  readonly caller: CarrierConnection
}

const makePair = Effect.gen(function* () {
  const toServer = yield* Queue.unbounded<string, Cause.Done>()
  const toCaller = yield* Queue.unbounded<string, ServerClosed>()
  const end = (closed: ServerClosed): Effect.Effect<void> =>
    Effect.sync(() => {
      Queue.endUnsafe(toServer)
      Queue.failCauseUnsafe(toCaller, Cause.fail(closed))
    })
  const link: MediaLink = {
    inbound: Stream.fromQueue(toServer),
    send: (frame) => Effect.sync(() => void Queue.offerUnsafe(toCaller, frame)),
    close: (reason) => end({ code: NORMAL, reason })
  }
  const caller: CarrierConnection = {
    sendUnsafe: (frame) => void Queue.offerUnsafe(toServer, frame),
    receive: Queue.takeAll(toCaller),
    close: end({ code: NORMAL, reason: "" }),
    reset: end({ code: LOST, reason: "" })
  }
  return { link, caller, end }
})

/** A media stream in memory: no I/O and no limits, and the ending of a socket. What was sent before it still arrives. */
export const connectMemory: Effect.Effect<MemoryConnection> = Effect.map(makePair, ({ caller, link }) => ({
  caller,
  link
}))

/** How long a caller that has hung up waits for the server's code to end. */
const SERVER_GRACE = "10 seconds"

/**
 * Opens a media stream to code in this process: runs `serve` with the server's end until the scope closes.
 *
 * When it ends, so does the stream: with code 1000, or with 1011 and the cause if it failed. Closing the stream from the
 * caller's side waits for it to end, though no longer than 10 s.
 */
export const connectTo = <E, R>(
  serve: (link: MediaLink) => Effect.Effect<unknown, E, R>
): Effect.Effect<CarrierConnection, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { caller, end, link } = yield* makePair
    const serving = yield* serve(link).pipe(
      Effect.exit,
      Effect.flatMap((exit) =>
        Exit.isSuccess(exit)
          ? end({ code: NORMAL, reason: "" })
          : end({ code: SERVER_ERROR, reason: Cause.pretty(exit.cause) })
      ),
      Effect.forkScoped
    )
    const served = Effect.timeoutOption(Fiber.await(serving), SERVER_GRACE)
    return { ...caller, close: Effect.andThen(caller.close, served), reset: Effect.andThen(caller.reset, served) }
  })

const closedBy = (error: Socket.SocketError): ServerClosed =>
  error.reason._tag === "SocketCloseError"
    ? { code: error.reason.code, reason: error.reason.closeReason ?? "" }
    : { code: LOST, reason: error.message }

/** What a WebSocket says about why it could not be opened, such as the status the upgrade was answered with. */
const explain = (error: Socket.SocketError): string => {
  const cause = "cause" in error.reason ? error.reason.cause : undefined
  return Predicate.hasProperty(cause, "message") ? `${error.message}: ${String(cause.message)}` : error.message
}

/**
 * Opens a media stream over a WebSocket, which is closed with the scope.
 *
 * Fails when it is not open within 10 s, or the upgrade is answered with anything but 101.
 */
export const connectSocket = (
  url: string | URL,
  headers: Readonly<Record<string, string>> = {}
): Effect.Effect<CarrierConnection, ConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const webSocket = yield* Effect.acquireRelease(
      Effect.try({
        try: () => new NodeWS.WebSocket(url, { headers, perMessageDeflate: false }),
        catch: (cause) => new ConnectError({ message: `no WebSocket can be opened to ${String(url)}`, cause })
      }),
      (webSocket) => Effect.sync(() => webSocket.close(NORMAL))
    )
    // Errors are told by the reader; one that comes when there is none must not end the process.
    webSocket.on("error", () => {})
    const socket = yield* Socket.fromWebSocket(Effect.succeed(webSocket))
    const reader = yield* socket.reader.pipe(
      Effect.mapError((cause) => new ConnectError({ message: `${String(url)}: ${explain(cause)}`, cause }))
    )
    return {
      sendUnsafe: (frame) => {
        if (webSocket.readyState === webSocket.OPEN) webSocket.send(frame)
      },
      receive: Effect.mapError(reader.pull, closedBy),
      close: Effect.sync(() => webSocket.close(NORMAL)),
      reset: Effect.sync(() => webSocket.terminate())
    }
  })
