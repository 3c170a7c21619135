/** A `MediaLink` over a WebSocket: owns the handshake, the end and the frames of one connection, not what they mean. */
import { Array as Arr, Cause, Effect, Predicate, Pull, type Scope, Stream } from "effect"
import { Socket } from "effect/socket"
import { MAX_FRAME_BYTES } from "../schema/Twilio.ts"
import { type MediaLink } from "../services/MediaLink.ts"
import { type DirectWebSocket } from "./DirectWebSocket.ts"
import { countStreamRefused } from "./EdgeMetrics.ts"
import { makeFrameInbox } from "./FrameInbox.ts"

/** Closed as usual; the peer broke a rule; a frame was too big; there is no room now (RFC 6455, 7.4.1, and IANA's registry). */
export const CloseCode = { Normal: 1000, PolicyViolation: 1008, TooBig: 1009, TryAgainLater: 1013 } as const

/**
 * Bytes on their way to the peer above which it counts as one that does not read: about five seconds of a call's audio,
 * on top of what the system's own buffers hold.
 */
export const MAX_UNSENT_BYTES = 64 * 1024

/** What is known of the connection under a socket. */
export interface Underneath {
  /** Bytes that the connection has not taken yet. */
  readonly unsent?: () => number
  /** The WebSocket itself, once the connection is accepted, if its messages can be had from it. */
  readonly direct?: () => DirectWebSocket | undefined
}

/** A media stream over a WebSocket. */
export interface SocketLink extends MediaLink {
  /** Closes the stream with a code of one's own choice. */
  readonly closeWith: (code: number, reason: string) => Effect.Effect<void>
}

/** Close codes of a peer that hangs up or is lost: normal, going away, no code given, no close frame at all. */
const hangUpCodes: ReadonlySet<number> = new Set([1000, 1001, 1005, 1006])

/** Close reasons longer than this many bytes are refused by the protocol (RFC 6455, 5.5). */
const MAX_REASON_BYTES = 123

const isHangUp = ({ reason }: Socket.SocketError): boolean =>
  reason._tag === "SocketCloseError" && hangUpCodes.has(reason.code)

/** What `ws` calls a frame beyond its limit; it closes the connection with 1009 itself. */
const isTooBig = ({ reason }: Socket.SocketError): boolean =>
  reason._tag === "SocketReadError" &&
  Predicate.hasProperty(reason.cause, "error") &&
  Predicate.hasProperty(reason.cause.error, "code") &&
  reason.cause.error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH"

const fitReason = (reason: string): string => {
  let fitted = reason
  while (Buffer.byteLength(fitted) > MAX_REASON_BYTES) fitted = fitted.slice(0, -1)
  return fitted
}

/** Frames as the socket tells them, texts and others. */
type PullFrames = Pull.Pull<Arr.NonEmptyReadonlyArray<string | Uint8Array>>

type Inbound = Pick<MediaLink, "inbound" | "listen">

/** The texts as they are pulled from the socket. */
const pulled = (pull: PullFrames): Inbound => {
  const texts: Pull.Pull<Arr.NonEmptyReadonlyArray<string>> = Effect.flatMap(pull, (frames) => {
    const strings = frames.every(Predicate.isString) ? frames : frames.filter(Predicate.isString)
    return Arr.isReadonlyArrayNonEmpty(strings) ? Effect.succeed(strings) : texts
  })
  return { inbound: Stream.fromPull(Effect.succeed(texts)) }
}

/** The texts as they are taken from the WebSocket itself; what the socket is pulled for is what came before, and the end. */
const taken = Effect.fnUntraced(function* (pull: PullFrames, direct: DirectWebSocket) {
  const inbox = makeFrameInbox({ hold: () => direct.pause(), letGo: () => direct.resume() })
  direct.takeMessages((bytes, isBinary) => {
    if (!isBinary) inbox.push(bytes.toString("utf8"))
  })
  yield* pull.pipe(
    Effect.map((frames) => frames.filter(Predicate.isString).forEach(inbox.push)),
    Effect.forever({ disableYield: true }),
    Pull.catchDone(() => Effect.sync(inbox.end)),
    Effect.forkScoped({ startImmediately: true })
  )
  return {
    inbound: Stream.fromPull(Effect.succeed(inbox.pull)),
    listen: (take) => Pull.catchDone(inbox.listen(take), () => Effect.void)
  } satisfies Inbound
})

/**
 * Accepts the connection and gives its two directions; the scope owns the connection and closes it.
 *
 * Binary frames are skipped: the carrier sends none. A WebSocket takes whatever it is given, so `unsent` tells how many
 * bytes the connection under it has not taken yet; beyond {@link MAX_UNSENT_BYTES} nothing more is sent and the stream is
 * closed, which a peer that does not read cannot prevent. Fails if the peer is gone before the handshake is done.
 */
export const make = Effect.fnUntraced(function* (
  socket: Socket.Socket,
  { direct: find, unsent = () => 0 }: Underneath = {}
): Effect.fn.Return<SocketLink, Socket.SocketError, Scope.Scope> {
  const { pull } = yield* socket.reader
  const { write } = yield* socket.writer
  const direct = find?.()

  // A write after the connection is released would wait for the next one, which never comes.
  let open = true
  const markClosed = Effect.sync(() => {
    open = false
  })
  yield* Effect.addFinalizer(() => markClosed)

  const logUnusualEnd = (error: Socket.SocketError) => {
    if (isHangUp(error)) return Effect.void
    if (isTooBig(error)) {
      return Effect.andThen(
        countStreamRefused("oversized frame"),
        Effect.logWarning(`media stream closed: a frame had more than ${MAX_FRAME_BYTES} bytes`)
      )
    }
    return Effect.annotateLogs(Effect.logDebug("Media stream broke off"), {
      reason: error.reason._tag,
      detail: error.message
    })
  }
  const pullFrames = Effect.catchTag(pull, "SocketError", (error) =>
    markClosed.pipe(Effect.andThen(logUnusualEnd(error)), Effect.andThen(Cause.done()))
  )
  const closeWith = (code: number, reason: string) =>
    Effect.suspend(() => {
      if (!open) return Effect.void
      open = false
      return Effect.ignore(write(new Socket.CloseEvent(code, fitReason(reason))), { log: "Debug" })
    })

  const giveUp = Effect.gen(function* () {
    yield* countStreamRefused("slow reader")
    yield* Effect.logWarning(
      `media stream closed: the peer has not read ${MAX_UNSENT_BYTES} bytes that were sent to it`
    )
    yield* closeWith(CloseCode.PolicyViolation, "slow reader")
  })

  const send = (frame: string) =>
    Effect.suspend(() => {
      if (!open) return Effect.void
      return unsent() > MAX_UNSENT_BYTES ? giveUp : Effect.ignore(write(frame), { log: "Debug" })
    })

  return {
    ...(direct === undefined ? pulled(pullFrames) : yield* taken(pullFrames, direct)),
    send,
    close: (reason) => closeWith(CloseCode.Normal, reason),
    closeWith
  }
})
