/** Runs emulator routes on a real loopback socket: routes in, base URL out. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Effect, Layer, type Scope } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"

/**
 * Serves routes on a free port of 127.0.0.1 until the scope closes, and returns `http://127.0.0.1:<port>`.
 *
 * Open connections are cut at once when the scope closes.
 */
export const serveEmulator = <E>(
  routes: Layer.Layer<never, E, HttpRouter.HttpRouter>
): Effect.Effect<URL, E, Scope.Scope> =>
  Effect.gen(function* () {
    const server = NodeHttpServer.layerServer(createServer, {
      port: 0,
      host: "127.0.0.1",
      gracefulShutdownTimeout: "0 seconds"
    })
    const app = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(server),
      Layer.orDie
    )
    const context = yield* Layer.build(app)
    const address = Context.get(context, HttpServer.HttpServer).address
    return new URL(address._tag === "UnixPathAddress" ? "http://127.0.0.1" : `http://127.0.0.1:${address.port}`)
  })
