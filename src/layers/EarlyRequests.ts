/** Requests and upgrades that come while a server listens and has no handler yet in, the same out to the handler once it is there. Owns no handler. */
import { type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { type Socket } from "node:net"
import { type Duplex } from "node:stream"

/** Requests and upgrades that are kept in all. A server that gets no handler ends, and they with it. */
const MOST = 1000

const UNAVAILABLE = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

/**
 * Has a server keep what it is asked before anybody answers, which Node would leave unanswered for good: for a moment at
 * its start it listens already. What is too much of it, and what comes when nobody answers any more, is told that the
 * server is not available; `most` requests and upgrades are kept in all.
 */
export const keepEarlyRequests = <S extends Server>(server: S, most = MOST): S => {
  /** What is asked on each connection: it may be many requests before the first is answered. */
  const early = new Map<Socket, Array<() => void>>()
  let kept = 0
  let begun = false

  const forget = function (this: Socket): void {
    kept -= early.get(this)?.length ?? 0
    early.delete(this)
  }

  const keep = (socket: Socket, ask: () => void, refuse: () => void): void => {
    if (begun || kept >= most) return refuse()
    kept++
    const before = early.get(socket)
    if (before !== undefined) return void before.push(ask)
    early.set(socket, [ask])
    socket.once("close", forget)
  }

  const handOver = (): void => {
    for (const [socket, asks] of early) {
      socket.off("close", forget)
      for (const ask of asks) ask()
    }
    early.clear()
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (server.listenerCount("request") > 1) return
    keep(
      request.socket,
      () => server.emit("request", request, response),
      () => response.writeHead(503, { connection: "close" }).end()
    )
  }

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (server.listenerCount("upgrade") > 1) return
    // The connection is nobody's now: without this, the process would end with its failure.
    socket.on("error", () => {})
    keep(
      request.socket,
      () => server.emit("upgrade", request, socket, head),
      () => socket.end(UNAVAILABLE, () => socket.destroy())
    )
  }

  const onListener = (event: string | symbol): void => {
    if (event !== "request") return
    server.off("newListener", onListener)
    begun = true
    // The listener, and that for upgrades, is added after this.
    queueMicrotask(handOver)
  }

  return server.on("request", onRequest).on("upgrade", onUpgrade).on("newListener", onListener)
}
