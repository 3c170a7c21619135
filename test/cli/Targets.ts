/** Where the command can call in a test: addresses with nobody there, wrong answers, an agent that hardly speaks. */
import { Deferred, Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:net"
import { fileURLToPath } from "node:url"
import * as SocketMediaLink from "../../src/layers/SocketMediaLink.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { parrot } from "../testing/Parrot.ts"

/** Path of a recorded utterance. */
export const speech = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/speech/${name}.wav`, import.meta.url))

/** An address nobody listens on. */
export const nobody = Effect.callback<string>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(`http://127.0.0.1:${port}`)))
  })
})

/** A webhook that gives this answer; its origin. */
export const webhook = (body: string, contentType: string, status = 200) =>
  Effect.map(
    serveEmulator(
      HttpRouter.add("POST", "/twiml", Effect.succeed(HttpServerResponse.text(body, { contentType, status })))
    ),
    ({ origin }) => origin
  )

/** An agent that greets with a tone and then says nothing; `called` is done when there is a call. */
export const mutteringAgent = Effect.gen(function* () {
  const called = yield* Deferred.make<void>()
  const onFrame = () => Deferred.succeed(called, undefined)
  const stream = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const link = yield* SocketMediaLink.make(yield* request.upgrade)
    yield* parrot({ replyMs: 300, endpointMs: 3_600_000, onFrame })(link)
    return HttpServerResponse.empty()
  }).pipe(Effect.orDie)
  const { host } = yield* serveEmulator(HttpRouter.add("GET", "/media-stream", stream))
  return { url: `ws://${host}`, called: Deferred.await(called) }
})
