/** The command line of `call`: flags and their help in, what was asked for out. Places no call: `CallRun.ts` does, and is only loaded then. */
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CallError } from "./CallError.ts"
import { turnsOf } from "./CallTurns.ts"
import { durationFlag, textFlag } from "./Flags.ts"
import { report } from "./Report.ts"

/** A shorter wait could not be told from none. */
const MIN_TIMEOUT_MS = 100

const description = `Place a call to a voice agent, as the carrier would, and measure it.

  The caller hears the greeting, says each turn when the agent has finished, and hangs up after the last answer.
  --say and --wav are a turn each, in the order given. --barge-in makes an interruption of the turn after it.
  Progress goes to standard error, the result to standard output.
  Exits with 0 if every turn was answered, otherwise with 1 and a sentence that says which was not.`

const config = {
  url: Argument.String("url").pipe(
    Argument.withDescription("Server or voice webhook; a ws URL is a media stream. Default: http://127.0.0.1:3001"),
    Argument.optional
  ),
  say: textFlag("say", "text", "words", "A turn: words to say, in a synthetic voice (repeatable)").pipe(
    Flag.atLeast(0)
  ),
  wav: textFlag("wav", "file", "a file", "A turn: a WAV file to play, of any rate (repeatable)").pipe(Flag.atLeast(0)),
  "barge-in": durationFlag("barge-in", "Say the next turn this far into what the agent is saying (repeatable)").pipe(
    Flag.atLeast(0)
  ),
  timeout: durationFlag("timeout", "How long an answer may take to begin; 15s if not given", {
    told: `, and ${MIN_TIMEOUT_MS}ms at least`,
    includes: (ms) => ms >= MIN_TIMEOUT_MS
  }).pipe(Flag.withDefault(15_000)),
  record: textFlag(
    "record",
    "file",
    "a file",
    "Record to a WAV file: caller on the left channel, agent on the right"
  ).pipe(Flag.optional),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Give the result as JSON"), Flag.withDefault(false)),
  embedded: Flag.Boolean("embedded").pipe(
    Flag.withDescription("Call a server that is started for it: the sandbox, or Together if there is a key"),
    Flag.withDefault(false)
  ),
  from: textFlag("from", "number", "a phone number", "Number of the caller").pipe(Flag.optional),
  to: textFlag("to", "number", "a phone number", "Number that is called").pipe(Flag.optional),
  token: textFlag("token", "token", "a token", "Token of the browser phone, which shows the transcript").pipe(
    Flag.optional
  )
}

/** The command; `args` are the arguments of the process, which alone tell the order of different flags. */
export const callCommand = (args: ReadonlyArray<string>) =>
  Command.make(
    "call",
    config,
    Effect.fn("CallCommand")(
      function* (input) {
        const turns = turnsOf(args, input)
        if (turns._tag === "Failure") return yield* new CallError({ message: turns.failure })
        const { runCallRequest } = yield* Effect.promise(() => import("./CallRun.ts"))
        yield* runCallRequest({
          url: Option.getOrUndefined(input.url),
          turns: turns.success,
          record: Option.getOrUndefined(input.record),
          from: Option.getOrUndefined(input.from),
          to: Option.getOrUndefined(input.to),
          token: Option.getOrUndefined(input.token),
          timeoutMs: input.timeout,
          json: input.json,
          embedded: input.embedded
        })
      },
      Effect.scoped,
      Effect.tapCause(report)
    )
  ).pipe(
    Command.withDescription(description),
    Command.withShortDescription("Place a call to a voice agent and measure it"),
    Command.withExamples([
      { command: "parley call --embedded", description: "Try it with nothing: no key, no server, no network" },
      {
        command: 'parley call --say "What are your hours?" --barge-in 800ms --say "Wait, stop." --record call.wav',
        description: "Ask the server on this machine, and interrupt its answer"
      },
      {
        command: "parley call https://agent.example.com/twiml --wav question.wav --json",
        description: "Call an agent elsewhere with a recorded question"
      }
    ])
  )
