/** Requests that come while a server listens and has no handler yet in, the same requests out to the handler once it is there. Owns no handler. */
import { type IncomingMessage, type Server, type ServerResponse } from "node:http"

/**
 * Has a server keep what it is asked before anybody answers, which Node would leave unanswered for good: for a moment at
 * its start it listens already. When nobody answers any more, it says that it is not available.
 */
export const keepEarlyRequests = <S extends Server>(server: S): S => {
  const early: Array<readonly [IncomingMessage, ServerResponse]> = []
  let begun = false

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (server.listenerCount("request") > 1) return
    if (begun) response.writeHead(503, { connection: "close" }).end()
    else early.push([request, response])
  }

  const onListener = (event: string | symbol, listener: unknown): void => {
    if (event !== "request" || listener === onRequest) return
    server.off("newListener", onListener)
    begun = true
    // The listener is added after this.
    queueMicrotask(() => {
      for (const [request, response] of early.splice(0)) server.emit("request", request, response)
    })
  }

  return server.on("newListener", onListener).on("request", onRequest)
}
