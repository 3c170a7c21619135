/** The command line of `serve`, which starts the server; it is also what happens without a command. */
import { Effect } from "effect"
import { Command } from "effect/cli"

/** The command. The server is only loaded when it is to run. */
export const serveCommand = Command.make(
  "serve",
  {},
  Effect.fnUntraced(function* () {
    const [Main, { launch }] = yield* Effect.promise(() =>
      Promise.all([import("../layers/Main.ts"), import("../layers/Startup.ts")])
    )
    return yield* launch(Main.layer)
  })
).pipe(
  Command.withDescription(
    "Start the phone server; settings come from the environment and from .env. Same as no command."
  )
)
