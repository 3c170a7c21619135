/** A proxy before a server, on a port of its own: passes HTTP requests on, changed if so wished, and no upgrades unless told to. */
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http"
import { connect } from "node:net"

/** What the proxy does besides passing on. */
export interface ProxyOptions {
  /** Passes upgrades on as well. */
  readonly upgrades?: boolean
  /** Changes the path and query of requests. */
  readonly path?: (path: string) => string
  /** Answers itself; false: it passes the request on. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => boolean
}

const passOn = (target: URL, incoming: IncomingMessage, outgoing: ServerResponse, path: string): void => {
  const { connection: _, upgrade: __, ...headers } = incoming.headers
  const passed = request(new URL(path, target), { method: incoming.method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
  })
  passed.on("error", () => outgoing.writeHead(502).end())
  incoming.pipe(passed)
}

/** Starts it; gives its origin. `target` is asked for with each request. It is gone when the scope closes. */
export const serveProxy = (target: () => URL, options: ProxyOptions = {}): Effect.Effect<URL, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(
      Effect.callback<Server>((resume) => {
        const server = createServer((incoming, outgoing) => {
          if (options.answer?.(incoming, outgoing) === true) return
          const path = incoming.url ?? "/"
          passOn(target(), incoming, outgoing, options.path?.(path) ?? path)
        })
        if (options.upgrades === true) {
          server.on("upgrade", (incoming, socket, head) => {
            const lines = incoming.rawHeaders.reduce(
              (text, part, index) => text + part + (index % 2 === 0 ? ": " : "\r\n"),
              `${incoming.method} ${incoming.url} HTTP/1.1\r\n`
            )
            const passed = connect(Number(target().port), target().hostname, () => {
              passed.write(`${lines}\r\n`)
              passed.write(head)
              passed.pipe(socket).pipe(passed)
            })
            passed.on("error", () => socket.destroy())
            socket.on("error", () => passed.destroy())
          })
        }
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    return new URL(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`)
  })
