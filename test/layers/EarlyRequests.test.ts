import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue, type Scope } from "effect"
import { createServer, type RequestListener, type Server } from "node:http"
import { type AddressInfo, type Socket } from "node:net"
import { WebSocketServer } from "ws"
import { keepEarlyRequests } from "../../src/layers/EarlyRequests.ts"
import { openConnection, openWebSocket, saidOn } from "../support/httpServer.ts"

const listening = (most?: number) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Server; readonly host: string }>((resume) => {
      const server = keepEarlyRequests(createServer(), most).listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({ server, host: `127.0.0.1:${(server.address() as AddressInfo).port}` }))
      )
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )

const ask = (host: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const response = await fetch(`http://${host}`)
    return `${response.status} ${await response.text()}`
  })

const plain = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
const upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

const send = (host: string, request: string) =>
  Effect.tap(openConnection(host), (connection) => Effect.sync(() => void connection.write(request)))

/** All that is said to somebody who sends this. */
const saidTo = (host: string, request: string) => Effect.flatMap(send(host, request), saidOn)

/** Begins to ask; done when the server has read it on its side of the connection. */
const begin = <A>(server: Server, asking: Effect.Effect<A, never, Scope.Scope>) =>
  Effect.gen(function* () {
    const asked = yield* Effect.forkScoped(asking, { startImmediately: true })
    const socket = yield* Effect.callback<Socket>((resume) => {
      server.once("connection", (socket) =>
        socket.once("data", () => setImmediate(() => resume(Effect.succeed(socket))))
      )
    })
    return { asked, socket }
  })

const hello: RequestListener = (_request, response) => void response.end("hello")

/** Echoes on every WebSocket; gives how many there were. */
const echoOn = (server: Server): (() => number) => {
  let upgrades = 0
  const sockets = new WebSocketServer({ noServer: true })
  server.on("upgrade", (request, socket, head) => {
    upgrades++
    sockets.handleUpgrade(request, socket, head, (webSocket) => webSocket.on("message", (data) => webSocket.send(data)))
  })
  return () => upgrades
}

describe("requests", () => {
  it.live("that come before there is a handler are answered by it, once", () =>
    Effect.gen(function* () {
      const { host, server } = yield* listening()
      let requests = 0
      const { asked } = yield* begin(server, ask(host))
      server.on("request", (request, response) => {
        requests++
        hello(request, response)
      })
      assert.strictEqual(yield* Fiber.join(asked), "200 hello")
      assert.strictEqual(yield* ask(host), "200 hello")
      assert.strictEqual(requests, 2)
    })
  )

  it.live("that come in a row on one connection are kept with no more ado than one", () =>
    Effect.gen(function* () {
      const { host, server } = yield* listening()
      const last = plain.replace("Host", "Connection: close\r\nHost")
      const { asked, socket } = yield* begin(server, saidTo(host, plain.repeat(19) + last))
      // Node warns of a leak where there are more than ten.
      assert.isAtMost(Math.max(socket.listenerCount("close"), socket.listenerCount("timeout")), 5)
      server.on("request", hello)
      assert.lengthOf((yield* Fiber.join(asked)).match(/hello/g) ?? [], 20)
    })
  )

  it.live("that come when the handler is gone are told that nobody is there", () =>
    Effect.gen(function* () {
      const { host, server } = yield* listening()
      server.on("request", hello)
      server.off("request", hello)
      assert.strictEqual(yield* ask(host), "503 ")
    })
  )
})

describe("upgrades", () => {
  it.live("that come before there is a handler are made by it, once", () =>
    Effect.gen(function* () {
      const { host, server } = yield* listening()
      const { asked } = yield* begin(server, openWebSocket(`ws://${host}`))
      server.on("request", hello)
      const upgrades = echoOn(server)
      for (const client of [yield* Fiber.join(asked), yield* openWebSocket(`ws://${host}`)]) {
        client.socket.send("hello")
        assert.strictEqual(yield* Queue.take(client.texts), "hello")
      }
      assert.strictEqual(upgrades(), 2)
    })
  )

  it.live("are told that nobody is there when only requests are answered", () =>
    Effect.gen(function* () {
      const { host, server } = yield* listening()
      const { asked } = yield* begin(server, saidTo(host, upgrade))
      server.on("request", hello)
      assert.match(yield* Fiber.join(asked), /^HTTP\/1\.1 503 /)
      assert.match(yield* saidTo(host, upgrade), /^HTTP\/1\.1 503 /)
    })
  )

  it.live("are not made for a client that is gone by then", () =>
    Effect.gen(function* () {
      const { host, server } = yield* listening()
      const { asked, socket } = yield* begin(server, send(host, upgrade))
      const client = yield* Fiber.join(asked)
      yield* Effect.callback<void>((resume) => {
        socket.once("close", () => resume(Effect.void))
        client.resetAndDestroy()
      })
      const upgrades = echoOn(server)
      server.on("request", hello)
      assert.strictEqual(yield* ask(host), "200 hello")
      assert.strictEqual(upgrades(), 0)
    })
  )
})

describe("what comes before anybody answers", () => {
  it.live("is kept up to a number; the rest is told that nobody is there", () =>
    Effect.gen(function* () {
      const { host, server } = yield* listening(2)
      const request = yield* begin(server, ask(host))
      const webSocket = yield* begin(server, openWebSocket(`ws://${host}`))
      assert.strictEqual(yield* ask(host), "503 ")
      assert.match(yield* saidTo(host, upgrade), /^HTTP\/1\.1 503 /)
      echoOn(server)
      server.on("request", hello)
      assert.strictEqual(yield* Fiber.join(request.asked), "200 hello")
      yield* Fiber.join(webSocket.asked)
    })
  )
})
