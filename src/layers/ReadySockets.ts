/** Addresses of sockets that will be wanted in, open sockets out to whoever dials the same address next. Owns connections nobody has taken yet, and no protocol. */
import { Context, Deferred, Duration, Effect, Layer } from "effect"
import { Socket } from "effect/socket"

/** Where a socket is dialled, and with what in its handshake. */
export interface SocketAddress {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** How many sockets wait, and how long. */
export interface ReadySocketsOptions {
  /** Sockets to one address that nobody has taken yet. */
  readonly limit: number
  /** Time after which one that nobody took is closed. */
  readonly life?: Duration.Input
}

/** Dials ahead. */
export class ReadySockets extends Context.Service<
  ReadySockets,
  {
    /** Opens a socket for the next one who dials this address, unless enough are waiting. Waits for nothing. */
    readonly dial: (address: SocketAddress) => Effect.Effect<void>
  }
>()("parley/layers/ReadySockets") {}

/** A phone rings for a few seconds before somebody, or something, answers. */
const LIFE = Duration.seconds(20)

/** A socket whose reading can wait, as those of `ws` can. */
interface Pausable {
  readonly pause: () => void
  readonly resume: () => void
}

const isPausable = (socket: Socket.WebSocketLike): socket is Socket.WebSocketLike & Pausable =>
  "pause" in socket && "resume" in socket

const isOver = (socket: Socket.WebSocketLike): boolean => socket.readyState > 1

/** What two sockets have in common that can stand for one another. */
const keyOf = (url: string, headers: Readonly<Record<string, string>>): string =>
  JSON.stringify([url, Object.entries(headers).toSorted()])

/**
 * The constructor that was there, which now looks first for a socket that is ready, and a way to have some ready.
 *
 * What the service says before its socket is taken stays unread in it. A socket that cannot be paused is not kept ready,
 * since that would be lost.
 */
export const layer = ({
  life = LIFE,
  limit
}: ReadySocketsOptions): Layer.Layer<ReadySockets | Socket.WebSocketConstructor, never, Socket.WebSocketConstructor> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const construct = yield* Socket.WebSocketConstructor
      const scope = yield* Effect.scope
      /** Sockets by what they can stand for, each with what is done once it is not waiting any more. */
      const waiting = new Map<string, Map<Socket.WebSocketLike & Pausable, Deferred.Deferred<void>>>()

      /** Takes a socket out, so that it is somebody's own; false: it was taken, or is gone. */
      const remove = (key: string, socket: Socket.WebSocketLike & Pausable): boolean => {
        const sockets = waiting.get(key)
        const gone = sockets?.get(socket)
        if (sockets === undefined || gone === undefined) return false
        sockets.delete(socket)
        if (sockets.size === 0) waiting.delete(key)
        Deferred.doneUnsafe(gone, Effect.void)
        return true
      }

      const close = (key: string, socket: Socket.WebSocketLike & Pausable): void => {
        if (!remove(key, socket)) return
        const isOpen = socket.readyState === 1
        socket.close(1000)
        // The other side's answer to that has to be read.
        if (isOpen) socket.resume()
      }

      /** Has a socket wait; gives what closes it when its time is over, and ends before if somebody takes it. */
      const open = (key: string, { headers, url }: SocketAddress): Effect.Effect<void> => {
        const socket = construct(url, { headers })
        if (!isPausable(socket)) {
          socket.close(1000)
          return Effect.void
        }
        const gone = Deferred.makeUnsafe<void>()
        const sockets = waiting.get(key) ?? new Map<Socket.WebSocketLike & Pausable, Deferred.Deferred<void>>()
        waiting.set(key, sockets.set(socket, gone))
        socket.addEventListener("open", () => {
          if (sockets.has(socket)) socket.pause()
        })
        // Whoever dials next will find out by themselves.
        socket.addEventListener("error", () => void remove(key, socket))
        socket.addEventListener("close", () => void remove(key, socket))
        return Deferred.await(gone).pipe(
          Effect.timeoutOption(life),
          Effect.andThen(Effect.sync(() => close(key, socket)))
        )
      }

      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const [key, sockets] of waiting) for (const socket of sockets.keys()) close(key, socket)
        })
      )

      return Context.make(ReadySockets, {
        dial: (address) =>
          Effect.suspend(() => {
            const key = keyOf(address.url, address.headers)
            if ((waiting.get(key)?.size ?? 0) >= limit) return Effect.void
            return Effect.asVoid(Effect.forkIn(open(key, address), scope))
          }).pipe(
            // A socket that cannot even be made, say with a key that no header can hold, is the next one's problem.
            Effect.catchDefect(() => Effect.void)
          )
      }).pipe(
        Context.add(Socket.WebSocketConstructor, (url, options) => {
          if (typeof options === "object" && "headers" in options && options.protocols === undefined) {
            const key = keyOf(url, options.headers ?? {})
            for (const socket of waiting.get(key)?.keys() ?? []) {
              if (remove(key, socket) && !isOver(socket)) return socket
            }
          }
          return construct(url, options)
        })
      )
    })
  )
