import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Queue, type Scope } from "effect"
import { Socket } from "effect/socket"
import { type AddressInfo } from "node:net"
import { WebSocketServer, type WebSocket } from "ws"
import * as VendorSockets from "../../src/layers/VendorSockets.ts"

/** A service that does this to whoever comes; gives its URL. */
const service = (met: (socket: WebSocket) => void): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const listening = yield* Deferred.make<void>()
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => new WebSocketServer({ port: 0, host: "127.0.0.1" })),
      (server) =>
        Effect.sync(() => {
          for (const client of server.clients) client.terminate()
          server.close()
        })
    )
    server.on("listening", () => Deferred.doneUnsafe(listening, Effect.void))
    server.on("connection", met)
    yield* Deferred.await(listening)
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

const connect = Effect.fnUntraced(function* (url: string) {
  const socket = yield* Socket.makeWebSocket(url, { headers: { "x-test": "1" } })
  const { pull } = yield* socket.reader
  const { write } = yield* socket.writer
  return { pull, write }
})

const reasonOf = ({ reason }: Socket.SocketError): string =>
  reason._tag === "SocketCloseError" ? `closed with ${reason.code}` : reason._tag

describe("a service's socket", () => {
  it.live("carries what is read, however much that is", () =>
    Effect.gen(function* () {
      const heard = yield* Queue.unbounded<number>()
      const url = yield* service((socket) => {
        socket.on("message", (data) => Queue.offerUnsafe(heard, (data as Buffer).length))
      })
      const { write } = yield* connect(url)
      const piece = "x".repeat(64 * 1024)
      for (let n = 0; n < 64; n++) {
        yield* write(piece)
        yield* Queue.take(heard)
      }
    }).pipe(Effect.provide(VendorSockets.layer))
  )

  it.live("is lost when the service does not read what it is sent", () =>
    Effect.gen(function* () {
      const url = yield* service((socket) => socket.pause())
      const { pull, write } = yield* connect(url)
      const piece = "x".repeat(64 * 1024)
      const pour = Effect.forever(
        Effect.andThen(
          write(piece),
          Effect.promise(() => new Promise(setImmediate))
        )
      )
      const error = yield* Effect.flip(Effect.raceFirst(pull, pour))
      assert.strictEqual(reasonOf(error), "closed with 1006")
    }).pipe(Effect.provide(VendorSockets.layer))
  )

  it.live("takes no message beyond any sense", () =>
    Effect.gen(function* () {
      const url = yield* service((socket) => socket.send("x".repeat(VendorSockets.MAX_MESSAGE_BYTES + 1)))
      const { pull } = yield* connect(url)
      assert.strictEqual(reasonOf(yield* Effect.flip(pull)), "SocketReadError")
    }).pipe(Effect.provide(VendorSockets.layer))
  )

  it.live("offers no compression", () =>
    Effect.gen(function* () {
      const offered = yield* Deferred.make<string>()
      const url = yield* service((socket) => Deferred.doneUnsafe(offered, Effect.succeed(socket.extensions)))
      yield* connect(url)
      assert.strictEqual(yield* Deferred.await(offered), "")
    }).pipe(Effect.provide(VendorSockets.layer))
  )
})
