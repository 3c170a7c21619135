/** The whole program in this process, as `main.ts` runs it, on a free port. */
import { ConfigProvider, Context, Effect, Layer, type Scope } from "effect"
import * as Main from "../../src/layers/Main.ts"
import { CallRegistry } from "../../src/services/CallRegistry.ts"
import { freePort } from "./httpServer.ts"

/** A program that runs. */
export interface Program {
  /** `127.0.0.1:<port>`. */
  readonly host: string
  readonly registry: CallRegistry["Service"]
}

/** Runs it with these variables until the scope closes. How busy this machine is with tests is not held against calls. */
export const startProgram = (env: Readonly<Record<string, string>>): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const provider = ConfigProvider.fromEnv({ env: { HOST: "127.0.0.1", PORT: String(port), MAX_LAG_MS: "0", ...env } })
    const program = Main.layer.pipe(Layer.provide(ConfigProvider.layer(provider)), Layer.orDie)
    const context = yield* Layer.build(program)
    return { host: `127.0.0.1:${port}`, registry: Context.get(context, CallRegistry) }
  })
