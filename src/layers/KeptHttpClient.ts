/** An HTTP client whose connections outlast the pause between two turns of a call. Owns connections, not requests. */
import Undici from "@effect/platform-node/Undici"
import { Effect, Layer } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"

/** Time without a request after which a connection is closed, in milliseconds; Node's own fetch gives them 4 s, which is shorter than a turn. */
const KEEP_ALIVE_MS = 60_000

/** A fetch that keeps its connections; they are closed with the scope. */
const keptFetch = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => new Undici.Agent({ keepAliveTimeout: KEEP_ALIVE_MS })),
    (agent) => Effect.promise(() => agent.destroy())
  ),
  (dispatcher) =>
    // The package and the runtime declare the same function twice.
    ((input: string, init: object) =>
      Undici.fetch(input, { ...init, dispatcher })) as unknown as typeof globalThis.fetch
)

/** The client of the runtime's fetch, but for its connections. */
export const layer: Layer.Layer<HttpClient.HttpClient> = Layer.effect(
  HttpClient.HttpClient,
  Effect.gen(function* () {
    const fetch = yield* keptFetch
    return HttpClient.transform(yield* HttpClient.HttpClient, (response) =>
      Effect.provideService(response, FetchHttpClient.Fetch, fetch)
    )
  })
).pipe(Layer.provide(FetchHttpClient.layer))
