/** The server as a program: runs the graph until it is told to stop. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Main from "./layers/Main.ts"
import { launch, teardown } from "./layers/Startup.ts"

NodeRuntime.runMain(launch(Main.layer), { disableErrorReporting: true, teardown })
