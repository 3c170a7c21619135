/** A WebSocket of the server's whose messages can be taken where they come in, past the events that are made of them. Owns no meaning of a message. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { type Duplex } from "node:stream"

/** Takes a message: its bytes, which may be read until it returns, and whether it is a binary one. */
export type TakeMessage = (bytes: Buffer, isBinary: boolean) => void

/** Under which a connection has the WebSocket that is on it: who upgrades it keeps that to themselves. */
const onConnection = Symbol("parley/DirectWebSocket")

/** What `ws` has and its types leave out: how a WebSocket of the server's gets its connection. */
interface Connecting {
  readonly setSocket: (connection: Duplex, head: Buffer, options: object) => void
}

/**
 * What a `WebSocketServer` makes of an upgraded connection if it is told to, by its option `WebSocket`.
 *
 * An event and a wake-up for each message cost more than what is done with most frames of 20 ms.
 */
export class DirectWebSocket extends NodeWS.WebSocket {
  #take: TakeMessage | undefined

  /** Has all messages from now on taken instead of told as events. */
  takeMessages(take: TakeMessage): void {
    this.#take = take
  }

  /** Called by `ws` with the connection, when that is upgraded. */
  setSocket(...args: Parameters<Connecting["setSocket"]>): void {
    Object.assign(args[0], { [onConnection]: this })
    const base: unknown = NodeWS.WebSocket.prototype
    ;(base as Connecting).setSocket.apply(this, args)
  }

  override emit(event: string | symbol, ...args: ReadonlyArray<unknown>): boolean {
    const [bytes, isBinary] = args
    if (event !== "message" || this.#take === undefined || !Buffer.isBuffer(bytes)) return super.emit(event, ...args)
    this.#take(bytes, isBinary === true)
    return true
  }
}

/** The WebSocket on a connection, if it is one of this kind. */
export const directWebSocketOn = (connection: object): DirectWebSocket | undefined => {
  const found = onConnection in connection ? connection[onConnection] : undefined
  return found instanceof DirectWebSocket ? found : undefined
}
