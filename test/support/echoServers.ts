/** The whole server as several processes with calls that only echo frames, or what is given as an argument instead: what a process test starts. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { launch, teardown } from "../../src/layers/Startup.ts"
import * as Supervisor from "../../src/layers/Supervisor.ts"

const program = new URL(process.argv[2] ?? "./echoWorker.ts", import.meta.url)

NodeRuntime.runMain(launch(Supervisor.layer(program)), { disableErrorReporting: true, teardown })
