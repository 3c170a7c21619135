/** Whether the process serves, whether it takes new calls, its version, which process it is and how many calls it holds. */
import { Context, Effect, Layer } from "effect"
import { HttpMiddleware, HttpServerResponse } from "effect/http"
import { randomUUID } from "node:crypto"
import { CallRegistry } from "../services/CallRegistry.ts"
import { Lifecycle } from "../services/Lifecycle.ts"
import { endpoint } from "./Endpoint.ts"
import { version } from "./Version.ts"

const noStore = { "cache-control": "no-store" }

/** Tells this process from another one that answers in its place. */
const makeHealth = (instance: string) =>
  Effect.gen(function* () {
    const calls = yield* (yield* CallRegistry).count
    return HttpServerResponse.jsonUnsafe({ status: "ok", version, instance, calls }, { headers: noStore })
  })

const ready = Effect.gen(function* () {
  const leaving = yield* (yield* Lifecycle).isLeaving
  return leaving
    ? HttpServerResponse.jsonUnsafe({ status: "stopping" }, { status: 503, headers: noStore })
    : HttpServerResponse.jsonUnsafe({ status: "ready" }, { headers: noStore })
})

/** Tells one server from another, where processes of one server have it in common; undefined: each has its own. */
export const ServerInstance: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "parley/layers/ServerInstance",
  { defaultValue: () => undefined }
)

/** `GET /health` and `GET /ready`; not logged, as they are asked for every few seconds. */
export const healthRoutes = Layer.unwrap(
  Effect.map(ServerInstance, (instance = randomUUID()) =>
    Layer.mergeAll(
      endpoint("/health", ["GET"], HttpMiddleware.withLoggerDisabled(makeHealth(instance))),
      endpoint("/ready", ["GET"], HttpMiddleware.withLoggerDisabled(ready))
    )
  )
)
