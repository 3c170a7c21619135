/** The server as what the process does. One module, so that it is loaded in one go: that is faster than part by part. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { extname } from "node:path"
import * as AppConfigEnv from "../layers/AppConfigEnv.ts"
import * as Main from "../layers/Main.ts"
import { launch, teardown } from "../layers/Startup.ts"
import * as Supervisor from "../layers/Supervisor.ts"
import { type CallRegistry } from "../services/CallRegistry.ts"
import { type Lifecycle } from "../services/Lifecycle.ts"
import { Processes } from "../services/Processes.ts"

/** Why there is no server. */
type ServeFailure = Layer.Error<typeof Main.layer> | Layer.Error<ReturnType<typeof Supervisor.layer>>

/** The program of the processes, if there are several: beside this module, with the same ending in the sources and in the build. */
const worker = new URL(`./Worker${extname(import.meta.url)}`, import.meta.url)

const alone: Layer.Layer<CallRegistry | Lifecycle, ServeFailure> = Main.layer
const several: Layer.Layer<CallRegistry | Lifecycle, ServeFailure> = Supervisor.layer(worker)

const server = Layer.unwrap(Effect.map(Processes, (processes) => (processes > 1 ? several : alone))).pipe(
  Layer.provide(AppConfigEnv.layer)
)

/** Serves until it is interrupted; says why if it cannot. */
export const serve = launch(server)

/** Makes {@link serve} the process, which a signal ends in good order. */
export const main = (): void => NodeRuntime.runMain(serve, { disableErrorReporting: true, teardown })
