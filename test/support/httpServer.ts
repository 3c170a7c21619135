/** The HTTP server on a free port, and clients for it: a raw one for requests no decent client would send, and a WebSocket. */
import { ConfigProvider, Context, Deferred, Effect, Layer, Logger, Queue, type Scope } from "effect"
import { HttpServer } from "effect/http"
import { connect, type Socket } from "node:net"
import { WebSocket } from "ws"
import * as AppConfigEnv from "../../src/layers/AppConfigEnv.ts"
import * as CallRegistryMemory from "../../src/layers/CallRegistryMemory.ts"
import { serverLayer } from "../../src/layers/HttpServer.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"

/** Serves on a free port of 127.0.0.1 until the scope closes; gives `127.0.0.1:<port>`. */
export const serve = (
  run: (link: MediaLink) => Effect.Effect<void>,
  options: {
    readonly env?: Readonly<Record<string, string>>
    readonly loggers?: ReadonlyArray<Logger.Logger<unknown, unknown>>
  } = {}
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const provider = ConfigProvider.fromEnv({
      env: { TOGETHER_API_KEY: "test-key", HOST: "127.0.0.1", PORT: "0", ...options.env }
    })
    const context = yield* Layer.build(
      serverLayer(run).pipe(
        Layer.provide(CallRegistryMemory.layer),
        Layer.provide(AppConfigEnv.layerFromProvider),
        Layer.provide(ConfigProvider.layer(provider)),
        Layer.provide(Logger.layer(options.loggers ?? [])),
        Layer.orDie
      )
    )
    const { address } = Context.get(context, HttpServer.HttpServer)
    return new URL(HttpServer.formatAddress(address)).host
  })

/** Sends bytes as they are and gives all that comes back until the server closes the connection. */
export const sendRaw = (host: string, request: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const url = new URL(`http://${host}`)
    let answer = ""
    const socket = connect(Number(url.port), url.hostname, () => socket.write(request, "latin1"))
    socket.setEncoding("latin1")
    socket.on("data", (part) => {
      answer += part.toString()
    })
    socket.on("error", (error) => resume(Effect.die(error)))
    socket.on("close", () => resume(Effect.succeed(answer)))
    return Effect.sync(() => socket.destroy())
  })

/** What a WebSocket client saw. */
export interface Client {
  readonly socket: WebSocket
  /** The connection under it. */
  readonly tcp: Socket
  /** Text frames as they come. */
  readonly texts: Queue.Dequeue<string>
  /** The close code and reason, once it is closed. */
  readonly closed: Effect.Effect<readonly [code: number, reason: string]>
}

/** Opens a WebSocket and waits for it to be open; dies if it is refused. Cut off when the scope closes. */
export const openWebSocket = (url: string): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.gen(function* () {
    const texts = yield* Queue.unbounded<string>()
    const closed = yield* Deferred.make<readonly [number, string]>()
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => new WebSocket(url)),
      (socket) => Effect.sync(() => socket.terminate())
    )
    socket.on("message", (data) => Queue.offerUnsafe(texts, data.toString()))
    socket.on("close", (code, reason) => Deferred.doneUnsafe(closed, Effect.succeed([code, reason.toString()])))
    const tcp = yield* Effect.callback<Socket>((resume) => {
      socket.on("upgrade", (response) => {
        socket.on("open", () => resume(Effect.succeed(response.socket)))
      })
      socket.on("error", (error) => resume(Effect.die(error)))
    })
    return { socket, tcp, texts, closed: Deferred.await(closed) }
  })
