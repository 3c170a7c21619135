/** The program: starts the server, or does what the command line asks for. Loads only what that takes. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"

const args = process.argv.slice(2)

if (args.length === 0 || (args.length === 1 && args[0] === "serve")) {
  const [Main, { launch, teardown }] = await Promise.all([import("./layers/Main.ts"), import("./layers/Startup.ts")])
  NodeRuntime.runMain(launch(Main.layer), { disableErrorReporting: true, teardown })
} else {
  const { run } = await import("./cli/Root.ts")
  NodeRuntime.runMain(run(args), { disableErrorReporting: true })
}
