import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type RequestListener } from "node:http"
import { type AddressInfo } from "node:net"
import { keepEarlyRequests } from "../../src/layers/EarlyRequests.ts"

const listening = Effect.acquireRelease(
  Effect.callback<{ readonly server: ReturnType<typeof createServer>; readonly url: string }>((resume) => {
    const server = keepEarlyRequests(createServer()).listen(0, "127.0.0.1", () =>
      resume(Effect.succeed({ server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }))
    )
  }),
  ({ server }) =>
    Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    })
)

const ask = async (url: string): Promise<string> => {
  const response = await fetch(url)
  return `${response.status} ${await response.text()}`
}

const hello: RequestListener = (_request, response) => void response.end("hello")

describe("requests", () => {
  it.live("that come before there is a handler are answered by it, once", () =>
    Effect.gen(function* () {
      const { server, url } = yield* listening
      let asked = 0
      const early = ask(url)
      yield* Effect.callback<void>((resume) => {
        server.once("connection", (socket) => socket.once("data", () => setImmediate(() => resume(Effect.void))))
      })
      server.on("request", (request, response) => {
        asked++
        hello(request, response)
      })
      assert.strictEqual(yield* Effect.promise(() => early), "200 hello")
      assert.strictEqual(yield* Effect.promise(() => ask(url)), "200 hello")
      assert.strictEqual(asked, 2)
    })
  )

  it.live("that come when the handler is gone are told that nobody is there", () =>
    Effect.gen(function* () {
      const { server, url } = yield* listening
      server.on("request", hello)
      server.off("request", hello)
      assert.strictEqual(yield* Effect.promise(() => ask(url)), "503 ")
    })
  )
})
