/** The HTTP server on a free port, and clients for it: a raw one for requests no decent client would send, and a WebSocket. */
import { ConfigProvider, Context, Deferred, Effect, Layer, Logger, Queue, Redacted, type Scope } from "effect"
import { HttpServer } from "effect/http"
import { connect, createServer, type Socket } from "node:net"
import { WebSocket } from "ws"
import * as AppConfigEnv from "../../src/layers/AppConfigEnv.ts"
import * as Edge from "../../src/layers/Edge.ts"
import { serverLayer } from "../../src/layers/HttpServer.ts"
import { type PhoneAccess } from "../../src/layers/PhoneAccess.ts"
import { sign } from "../../src/layers/TwilioSignature.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"

/** Serves on a free port of 127.0.0.1 until the scope closes; gives `127.0.0.1:<port>`. */
export const serve = (
  run: (link: MediaLink) => Effect.Effect<void>,
  options: {
    readonly env?: Readonly<Record<string, string>>
    readonly loggers?: ReadonlyArray<Logger.Logger<unknown, unknown>>
    readonly phone?: PhoneAccess
  } = {}
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const provider = ConfigProvider.fromEnv({
      env: { TOGETHER_API_KEY: "test-key", HOST: "127.0.0.1", PORT: "0", MAX_LAG_MS: "0", ...options.env }
    })
    const context = yield* Layer.build(
      serverLayer(run).pipe(
        Layer.provide(Edge.layer(options.phone)),
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

/** A connection on which nothing is said, until the scope closes. */
export const openConnection = (host: string): Effect.Effect<Socket, never, Scope.Scope> => {
  const { hostname, port } = new URL(`http://${host}`)
  return Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect(Number(port), hostname, () => resume(Effect.succeed(socket)))
      socket.on("error", () => {})
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
}

/** What the server says on a connection until it closes it: nothing, if it did not take it. */
export const saidOn = (connection: Socket): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let said = ""
    connection.on("data", (part) => {
      said += part.toString("latin1")
    })
    connection.on("close", () => resume(Effect.succeed(said)))
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
export const openWebSocket = (
  url: string,
  headers: Readonly<Record<string, string>> = {}
): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.gen(function* () {
    const texts = yield* Queue.unbounded<string>()
    const closed = yield* Deferred.make<readonly [number, string]>()
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => new WebSocket(url, { headers })),
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

/** A call id made of a number. */
export const callSid = (number: number): string => `CA${number.toString(16).padStart(32, "0")}`

/** The `start` frame of a call. */
export const startFrame = (callSid: string, customParameters: Readonly<Record<string, string>> = {}): string => {
  const streamSid = callSid.replace("CA", "MZ")
  return JSON.stringify({ event: "start", streamSid, start: { streamSid, callSid, customParameters } })
}

/** Opens a media stream and starts a call on it. What the server sends back to `start` is left to the test. */
export const openCall = (
  host: string,
  call: string = callSid(1),
  parameters: Readonly<Record<string, string>> = {}
): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.tap(openWebSocket(`ws://${host}/media-stream`), ({ socket }) =>
    Effect.sync(() => {
      socket.send(JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" }))
      socket.send(startFrame(call, parameters))
    })
  )

/** What a server is told that verifies requests, and what those who sign them know. */
export const signedEnv = { TWILIO_AUTH_TOKEN: "primary-12345", PUBLIC_URL: "https://agent.example.com" }

/** The carrier's signature for a URL. */
export const signatureOf = (url: string): string => sign(Redacted.make(signedEnv.TWILIO_AUTH_TOKEN), url)

/** The signature of a request to `signedEnv`'s server. */
export const signFor = (
  path: string,
  fields: Readonly<Record<string, string>> = {},
  authToken: string = signedEnv.TWILIO_AUTH_TOKEN
): string => sign(Redacted.make(authToken), `${signedEnv.PUBLIC_URL}${path}`, fields)

/** What came back. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** Asks for something as a browser or a carrier would. */
export const ask = (url: string, init?: RequestInit): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    return { status: response.status, headers: response.headers, body: await response.text() }
  })

/** Posts a form with its signature, unless another one is given. */
export const postForm = (
  host: string,
  path: string,
  fields: Readonly<Record<string, string>>,
  signature: string | undefined = signFor(path, fields)
): Effect.Effect<Answer> =>
  ask(`http://${host}${path}`, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: signature === "" ? {} : { "x-twilio-signature": signature }
  })

/** The token in a call document. */
export const tokenIn = (document: string): string | undefined =>
  /<Parameter name="token" value="([^"]+)"\/>/.exec(document)?.[1]

/** A port that nothing listens on. */
export const freePort: Effect.Effect<number> = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" ? (address?.port ?? 0) : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})
