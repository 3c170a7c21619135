import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpClient, HttpClientRequest, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import * as KeptHttpClient from "../../src/layers/KeptHttpClient.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"

describe("the client of kept connections", () => {
  it.live("goes where it is sent, with what it has to say and without its key elsewhere", () =>
    Effect.gen(function* () {
      const heard = HttpRouter.add(
        "POST",
        "/new",
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          return HttpServerResponse.text(`${request.headers["authorization"] ?? "no key"}: ${yield* request.text}`)
        }).pipe(Effect.orDie)
      )
      const elsewhere = yield* serveEmulator(heard)
      const sentTo = (location: string) => HttpServerResponse.empty({ status: 307, headers: { location } })
      const origin = yield* serveEmulator(
        Layer.mergeAll(
          heard,
          HttpRouter.add("POST", "/old", sentTo("/new")),
          HttpRouter.add("POST", "/away", sentTo(new URL("/new", elsewhere).href))
        )
      )
      yield* Effect.gen(function* () {
        const ask = (path: string) =>
          HttpClientRequest.post(new URL(path, origin)).pipe(
            HttpClientRequest.bearerToken("k"),
            HttpClientRequest.bodyText("words"),
            HttpClient.execute,
            Effect.flatMap((response) => response.text)
          )
        assert.strictEqual(yield* ask("/old"), "Bearer k: words")
        assert.strictEqual(yield* ask("/away"), "no key: words")
      }).pipe(Effect.provide(KeptHttpClient.layer))
    })
  )
})
