/** The command line of `serve`, which starts the server; it is also what happens without a command. */
import { Effect } from "effect"
import { Command } from "effect/cli"

/** The command. The server is only loaded when it is to run. */
export const serveCommand = Command.make(
  "serve",
  {},
  Effect.fnUntraced(function* () {
    const { serve } = yield* Effect.promise(() => import("./Serve.ts"))
    yield* serve
  })
).pipe(
  Command.withDescription(
    "Start the phone server; settings come from the environment and from .env. Same as no command."
  )
)
