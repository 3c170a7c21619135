/** The whole server with calls that only echo frames: what a process test starts. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Layer, Stream } from "effect"
import { serverWith } from "../../src/layers/Server.ts"
import { launch, teardown } from "../../src/layers/Startup.ts"

NodeRuntime.runMain(launch(serverWith((link) => Stream.runForEach(link.inbound, link.send), Layer.empty)), {
  disableErrorReporting: true,
  teardown
})
