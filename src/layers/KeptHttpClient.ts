/** An HTTP client whose connections outlast the pause between two turns of a call. Owns connections, not requests. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Effect, Layer } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import zlib from "node:zlib"

/** Time without a request after which a connection is closed, in milliseconds; Node's own fetch gives them 4 s, which is shorter than a turn. */
const KEEP_ALIVE_MS = 60_000

/** Undici takes this for granted. Asked first, as Node 20 ends when it cannot load it, even if the failure is caught. */
const isLoadable = "createZstdDecompress" in zlib

/** Undici without fetch in front of it: that costs more than all else that is done for a token. */
const undici = Layer.effect(
  HttpClient.HttpClient,
  // As fetch does.
  Effect.map(HttpClient.HttpClient, (client) => HttpClient.followRedirects(client))
).pipe(Layer.provide(NodeHttpClient.layerUndiciOptions({ keepAliveTimeout: KEEP_ALIVE_MS })))

/** A client that keeps its connections, which are closed with the scope; or, where that cannot be loaded, the runtime's fetch. */
export const layer: Layer.Layer<HttpClient.HttpClient> = isLoadable
  ? undici
  : Layer.tap(FetchHttpClient.layer, () => Effect.logDebug("Connections to the language model are kept for 4 s only"))
