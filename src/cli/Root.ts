/** The command line: arguments in, the command they name is run; what is wrong with them as one sentence each. Owns no command. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer } from "effect"
import { CliConfig, type CliError, CliOutput, Command, GlobalFlag } from "effect/cli"
import { version } from "../layers/Version.ts"
import { callCommand } from "./CallCommand.ts"
import { doctorCommand } from "./DoctorCommand.ts"
import { loadCommand } from "./LoadCommand.ts"
import { serveCommand } from "./ServeCommand.ts"

const description = `A phone voice agent on your own machine.

  Without a command, the server starts; settings come from the environment and from .env.`

const root = (args: ReadonlyArray<string>) =>
  Command.make("parley").pipe(
    Command.withDescription(description),
    Command.withSubcommands([serveCommand, callCommand(args), loadCommand(args), doctorCommand])
  )

const didYouMean = (suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? "" : `: did you mean ${suggestions.join(" or ")}?`

/** What the parser expected, in our words: it writes choices as a union of types. */
const expectedOf = (expected: string): string => {
  const choices = expected.split(" | ").map((choice) => /^"(.*)"$/.exec(choice)?.[1])
  return choices.every((choice) => choice !== undefined)
    ? `one of ${choices.join(", ")}`
    : expected.replace(/^Expected:? /, "")
}

/** What is wrong with the arguments, in a sentence. */
export const sentenceOf = (error: CliError.CliError): string => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return `There is no flag ${error.option}${didYouMean(error.suggestions)}`
    case "UnknownSubcommand":
      return `There is no command ${JSON.stringify(error.subcommand)}${didYouMean(error.suggestions)}`
    case "UnexpectedArgument":
      return `${error.arguments.map((text) => JSON.stringify(text)).join(" ")} is one argument too many`
    case "InvalidValue": {
      const name = error.kind === "flag" ? `--${error.option}` : error.option
      const found = error.value === "" ? "has no value" : `is ${JSON.stringify(error.value)}`
      return `${name} ${found}: expected ${expectedOf(error.expected)}`
    }
    default:
      return error.message
  }
}

/** Help and version as they are, on standard output; mistakes as sentences on standard error, not behind a page of help. */
const presenter: CliOutput.Presenter = {
  present: (event) => {
    switch (event._tag) {
      case "Version":
        return Console.log(`${event.name} ${event.version}`)
      case "InvalidInvocation": {
        const hint = `See \`${event.commandPath.join(" ")} --help\`.`
        return Console.error([...event.errors.map(sentenceOf), hint].join("\n"))
      }
      case "Help":
        return CliOutput.defaultPresenter.present(event)
    }
  }
}

/** The log level is a setting of the server, and a program for a terminal has no need of a wizard. */
const builtIns = [GlobalFlag.Help, GlobalFlag.Version]

const services = Layer.mergeAll(NodeServices.layer, CliConfig.layer({ builtIns }), CliOutput.layerPresenter(presenter))

/** Runs the command that the arguments (without program and script) name. Fails if it failed, which has been said by then. */
export const run = (args: ReadonlyArray<string>): Effect.Effect<void, unknown> =>
  Effect.provide(Command.runWith(root(args), { version })(args), services)

/** Makes {@link run} the process: exit code 0, or 1 if it failed. */
export const main = (args: ReadonlyArray<string>): void =>
  NodeRuntime.runMain(run(args), { disableErrorReporting: true })
