import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, type Scope, Stream } from "effect"
import { createServer, type IncomingHttpHeaders } from "node:http"
import { type AddressInfo } from "node:net"
import {
  type CarrierConnection,
  connectMemory,
  connectSocket,
  connectTo,
  type ServerClosed
} from "../../src/testing/CarrierConnection.ts"

/** Everything the server sends until it ends the stream, and how it ended it. */
const receiveAll = (
  connection: CarrierConnection
): Effect.Effect<readonly [ReadonlyArray<string | Uint8Array>, ServerClosed]> =>
  Effect.gen(function* () {
    const all: Array<string | Uint8Array> = []
    const closed = yield* connection.receive.pipe(
      Effect.tap((frames) => Effect.sync(() => void all.push(...frames))),
      Effect.forever,
      Effect.flip
    )
    return [all, closed]
  })

describe("connectMemory", () => {
  it.effect("takes frames both ways, in order", () =>
    Effect.gen(function* () {
      const { caller, link } = yield* connectMemory
      for (const frame of ["a", "b", "c"]) {
        caller.sendUnsafe(frame)
        yield* link.send(frame.toUpperCase())
      }
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(link.inbound, 3)), ["a", "b", "c"])
      assert.deepStrictEqual(yield* caller.receive, ["A", "B", "C"])
    })
  )

  it.effect("ends for both when the caller hangs up, after what was sent before", () =>
    Effect.gen(function* () {
      const { caller, link } = yield* connectMemory
      caller.sendUnsafe("last")
      yield* link.send("LAST")
      yield* caller.close
      caller.sendUnsafe("too late")
      yield* link.send("TOO LATE")
      yield* link.close("too late")
      assert.deepStrictEqual(yield* Stream.runCollect(link.inbound), ["last"])
      assert.deepStrictEqual(yield* receiveAll(caller), [["LAST"], { code: 1000, reason: "" }])
    })
  )

  it.effect("tells the caller why the server closed", () =>
    Effect.gen(function* () {
      const { caller, link } = yield* connectMemory
      const fiber = yield* Effect.forkChild(Stream.runCollect(link.inbound))
      yield* link.send("LAST")
      yield* link.close("goodbye")
      yield* caller.close
      assert.deepStrictEqual(yield* receiveAll(caller), [["LAST"], { code: 1000, reason: "goodbye" }])
      assert.deepStrictEqual(yield* Fiber.join(fiber), [])
    })
  )

  it.effect("breaks off without a word", () =>
    Effect.gen(function* () {
      const { caller, link } = yield* connectMemory
      yield* caller.reset
      assert.deepStrictEqual(yield* Stream.runCollect(link.inbound), [])
    })
  )
})

describe("connectTo", () => {
  it.effect("runs the server's code, and ends the stream with it", () =>
    Effect.gen(function* () {
      const caller = yield* connectTo((link) => link.send("hello"))
      assert.deepStrictEqual(yield* receiveAll(caller), [["hello"], { code: 1000, reason: "" }])
    })
  )

  it.effect("tells of a server that failed", () =>
    Effect.gen(function* () {
      const caller = yield* connectTo(() => Effect.die(new Error("out of order")))
      const [, closed] = yield* receiveAll(caller)
      assert.strictEqual(closed.code, 1011)
      assert.include(closed.reason, "out of order")
    })
  )

  it.effect("stops the server's code with the scope", () =>
    Effect.gen(function* () {
      const stopped = yield* Deferred.make<void>()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const started = yield* Deferred.make<void>()
          yield* connectTo(() =>
            Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
              Effect.onInterrupt(() => Deferred.succeed(stopped, undefined))
            )
          )
          yield* Deferred.await(started)
        })
      )
      yield* Deferred.await(stopped)
    })
  )
})

interface Peer {
  readonly socket: NodeWS.WebSocket
  readonly headers: IncomingHttpHeaders
  readonly closed: Deferred.Deferred<number>
}

interface Server {
  readonly url: string
  readonly peers: Queue.Queue<Peer>
  /** What all of them sent. */
  readonly texts: Queue.Queue<string>
}

/** A WebSocket server that refuses `/refused`. */
const listen: Effect.Effect<Server, never, Scope.Scope> = Effect.gen(function* () {
  const peers = yield* Queue.unbounded<Peer>()
  const texts = yield* Queue.unbounded<string>()
  const http = createServer()
  const server = new NodeWS.WebSocketServer({ noServer: true })
  http.on("upgrade", (request, socket, head) => {
    if (request.url === "/refused") {
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n")
      return
    }
    server.handleUpgrade(request, socket, head, (webSocket) => {
      const closed = Deferred.makeUnsafe<number>()
      webSocket.on("message", (data) => Queue.offerUnsafe(texts, data.toString()))
      webSocket.on("close", (code) => Deferred.doneUnsafe(closed, Effect.succeed(code)))
      Queue.offerUnsafe(peers, { socket: webSocket, headers: request.headers, closed })
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void http.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        for (const client of server.clients) client.terminate()
        http.close()
      })
  )
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`, peers, texts }
})

describe("connectSocket", () => {
  it.live("takes frames both ways, with the headers it was given", () =>
    Effect.gen(function* () {
      const { peers, texts, url } = yield* listen
      const caller = yield* connectSocket(`${url}/media`, { "x-twilio-signature": "signed" })
      const peer = yield* Queue.take(peers)
      assert.strictEqual(peer.headers["x-twilio-signature"], "signed")
      assert.isUndefined(peer.headers["sec-websocket-extensions"])
      caller.sendUnsafe("a")
      caller.sendUnsafe("b")
      assert.deepStrictEqual([yield* Queue.take(texts), yield* Queue.take(texts)], ["a", "b"])
      peer.socket.send("A")
      peer.socket.send(Buffer.of(1, 2))
      peer.socket.close(1000, "goodbye")
      const [frames, closed] = yield* receiveAll(caller)
      assert.deepStrictEqual(frames, ["A", Uint8Array.of(1, 2)])
      assert.deepStrictEqual(closed, { code: 1000, reason: "goodbye" })
      caller.sendUnsafe("too late")
    })
  )

  it.live("hangs up, and is lost, in ways the server can tell apart", () =>
    Effect.gen(function* () {
      const { peers, url } = yield* listen
      for (const [how, code] of [
        ["close", 1000],
        ["reset", 1006]
      ] as const) {
        const caller = yield* connectSocket(url)
        const peer = yield* Queue.take(peers)
        caller.sendUnsafe("last")
        yield* caller[how]
        assert.strictEqual(yield* Deferred.await(peer.closed), code)
      }
    })
  )

  it.live("closes with the scope", () =>
    Effect.gen(function* () {
      const { peers, url } = yield* listen
      yield* Effect.scoped(connectSocket(url))
      const peer = yield* Queue.take(peers)
      assert.strictEqual(yield* Deferred.await(peer.closed), 1000)
    })
  )

  it.live("tells of a server that is gone", () =>
    Effect.gen(function* () {
      const { peers, url } = yield* listen
      const caller = yield* connectSocket(url)
      const peer = yield* Queue.take(peers)
      peer.socket.terminate()
      const [, closed] = yield* receiveAll(caller)
      assert.strictEqual(closed.code, 1006)
    })
  )

  it.live("says why there is no connection", () =>
    Effect.gen(function* () {
      const { url } = yield* listen
      const refused = yield* Effect.flip(connectSocket(`${url}/refused`))
      assert.include(refused.message, "/refused")
      assert.include(refused.message, "403")
      const nobody = yield* Effect.flip(connectSocket("ws://127.0.0.1:1/"))
      assert.include(nobody.message, "ECONNREFUSED")
      const nonsense = yield* Effect.flip(connectSocket("nonsense"))
      assert.include(nonsense.message, "nonsense")
    })
  )
})
