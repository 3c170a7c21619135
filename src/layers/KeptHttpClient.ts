/** An HTTP client whose connections outlast the pause between two turns of a call. Owns connections, not requests. */
import { Effect, Layer, Option } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import zlib from "node:zlib"

/** Time without a request after which a connection is closed, in milliseconds; Node's own fetch gives them 4 s, which is shorter than a turn. */
const KEEP_ALIVE_MS = 60_000

/** Undici takes this for granted. Asked first, as Node 20 ends when it cannot load it, even if the failure is caught. */
const isLoadable = "createZstdDecompress" in zlib

/** Undici's own fetch takes a dispatcher; none where the runtime is too old to load it, which Node 20 is. */
const undici = Effect.suspend(() =>
  isLoadable
    ? Effect.asSome(Effect.promise(() => import("@effect/platform-node/Undici")))
    : Effect.as(Effect.logDebug("Connections to the language model are kept for 4 s only"), Option.none())
)

/** A fetch that keeps its connections, which are closed with the scope; or the runtime's own. */
const keptFetch = Effect.gen(function* () {
  const found = yield* undici
  if (Option.isNone(found)) return globalThis.fetch
  const { Agent, fetch } = found.value.default
  const dispatcher = yield* Effect.acquireRelease(
    Effect.sync(() => new Agent({ keepAliveTimeout: KEEP_ALIVE_MS })),
    (agent) => Effect.promise(() => agent.destroy())
  )
  // The package and the runtime declare the same function twice.
  return ((input: string, init: object) => fetch(input, { ...init, dispatcher })) as unknown as typeof globalThis.fetch
})

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
