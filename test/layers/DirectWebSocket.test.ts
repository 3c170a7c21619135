import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import { createServer } from "node:http"
import { type AddressInfo } from "node:net"
import { type Duplex } from "node:stream"
import { DirectWebSocket, directWebSocketOn } from "../../src/layers/DirectWebSocket.ts"

/** A server's WebSocket with the connection under it, and the client's. */
const connected = Effect.fnUntraced(function* (kind?: typeof NodeWS.WebSocket) {
  const server = createServer()
  const sockets = new NodeWS.WebSocketServer({ noServer: true, ...(kind === undefined ? {} : { WebSocket: kind }) })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    })
  )
  yield* Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
  const accepted = Effect.callback<{ readonly connection: Duplex; readonly socket: NodeWS.WebSocket }>((resume) => {
    server.once("upgrade", (request, connection, head) =>
      sockets.handleUpgrade(request, connection, head, (socket) => resume(Effect.succeed({ connection, socket })))
    )
  })
  const client = new NodeWS.WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  yield* Effect.addFinalizer(() => Effect.sync(() => client.terminate()))
  const { connection, socket } = yield* accepted
  yield* Effect.callback<void>((resume) => {
    if (client.readyState === client.OPEN) resume(Effect.void)
    else client.once("open", () => resume(Effect.void))
  })
  return { client, connection, socket }
})

describe("the WebSocket on a connection", () => {
  it.live("is found by it", () =>
    Effect.gen(function* () {
      const { connection, socket } = yield* connected(DirectWebSocket)
      assert.strictEqual(directWebSocketOn(connection), socket)
    })
  )

  it.live("is not, where it is one of another kind or none", () =>
    Effect.gen(function* () {
      const { connection } = yield* connected()
      assert.strictEqual(directWebSocketOn(connection), undefined)
      assert.strictEqual(directWebSocketOn({}), undefined)
    })
  )

  it.live("tells messages as events until somebody takes them, and all else as before", () =>
    Effect.gen(function* () {
      const { client, connection, socket } = yield* connected(DirectWebSocket)
      const heard = yield* Queue.unbounded<string>()
      socket.on("message", (data) => Queue.offerUnsafe(heard, `event ${String(data)}`))
      socket.on("close", (code) => Queue.offerUnsafe(heard, `closed ${code}`))
      client.send("one")
      assert.strictEqual(yield* Queue.take(heard), "event one")
      directWebSocketOn(connection)?.takeMessages((bytes, isBinary) =>
        Queue.offerUnsafe(heard, `taken ${isBinary ? "binary" : "text"} ${bytes.toString("latin1")}`)
      )
      client.send("two")
      client.send(Buffer.from("three"))
      client.close(1000)
      assert.strictEqual(yield* Queue.take(heard), "taken text two")
      assert.strictEqual(yield* Queue.take(heard), "taken binary three")
      assert.strictEqual(yield* Queue.take(heard), "closed 1000")
    })
  )
})
