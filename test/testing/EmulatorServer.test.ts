import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"

it.live("serves its routes on a port of its own until the scope closes", () =>
  Effect.gen(function* () {
    const routes = HttpRouter.add("GET", "/v1/hello", HttpServerResponse.text("hi"))
    const url = yield* Effect.scoped(
      Effect.gen(function* () {
        const base = yield* serveEmulator(routes)
        const body = yield* Effect.promise(() => fetch(new URL("/v1/hello", base)).then((r) => r.text()))
        assert.strictEqual(body, "hi")
        return base
      })
    )
    const refused = yield* Effect.promise(() =>
      fetch(url)
        .then(() => false)
        .catch(() => true)
    )
    assert.isTrue(refused)
  })
)
