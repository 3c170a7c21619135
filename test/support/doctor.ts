/** The `doctor` command as a program: what a process test starts. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { doctorCommand } from "../../src/cli/DoctorCommand.ts"

const program = Command.runWith(doctorCommand, { version: "0" })(process.argv.slice(2)).pipe(
  Effect.provide(NodeServices.layer)
)

NodeRuntime.runMain(program, { disableErrorReporting: true })
