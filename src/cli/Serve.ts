/** The server as what the process does. One module, so that it is loaded in one go: that is faster than part by part. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Main from "../layers/Main.ts"
import { launch, teardown } from "../layers/Startup.ts"

/** Serves until it is interrupted; says why if it cannot. */
export const serve = launch(Main.layer)

/** Makes {@link serve} the process, which a signal ends in good order. */
export const main = (): void => NodeRuntime.runMain(serve, { disableErrorReporting: true, teardown })
