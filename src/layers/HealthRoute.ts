/** Whether the process serves, its version and how many calls it holds. */
import { Effect } from "effect"
import { HttpMiddleware, HttpServerResponse } from "effect/http"
import { CallRegistry } from "../services/CallRegistry.ts"
import { endpoint } from "./Endpoint.ts"
import { version } from "./Version.ts"

const health = Effect.gen(function* () {
  const registry = yield* CallRegistry
  const calls = yield* registry.count
  return HttpServerResponse.jsonUnsafe({ status: "ok", version, calls })
})

/** `GET /health`; not logged, as it is asked for every few seconds. */
export const healthRoute = endpoint("/health", ["GET"], HttpMiddleware.withLoggerDisabled(health))
