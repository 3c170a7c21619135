/** The command line of `loadtest`: flags and their help in, what was asked for out. Places no call: `LoadRun.ts` does, and is only loaded then. */
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { flagOrder, type TurnSource } from "./CallTurns.ts"
import { durationFlag, textFlag, valueFlag } from "./Flags.ts"
import { report } from "./Report.ts"

const duration = (name: string, mostMs: number, most: string, description: string) =>
  durationFlag(name, description, { told: `, up to ${most}`, includes: (ms) => ms <= mostMs })

const count = (name: string, most: number, description: string) =>
  valueFlag(
    name,
    {
      metavar: "number",
      expected: `a whole number from 1 to ${most}`,
      parse: (text) => {
        const number = /^\d+$/.test(text) ? Number(text) : 0
        return number >= 1 && number <= most ? Option.some(number) : Option.none()
      }
    },
    description
  )

const share = (name: string, description: string) =>
  valueFlag(
    name,
    {
      metavar: "share",
      expected: "a share from 0 to 1, such as 0.1",
      parse: (text) => {
        const number = /^(?:\d+(?:\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN
        return number >= 0 && number <= 1 ? Option.some(number) : Option.none()
      }
    },
    description
  )

const HOUR_MS = 3_600_000

const description = `Place many calls at a time on a voice agent, as the carrier would, and measure what becomes of them.

  Each caller hears the greeting, says something, hears the answer, and so on; all hang up at the end. They live in
  processes of their own and say how late they were themselves, so that the result can be believed.
  A stand-in provider takes 120 ms for the words of a turn, 250 ms to the first token, 12 ms for each, and 150 ms to
  the first audio of a sentence. A real provider bills every call.
  Progress goes to standard error, the result to standard output.
  Exits with 0 if every call was held and every turn answered, and a limit kept; otherwise with 1 and a sentence.`

const config = {
  url: textFlag(
    "url",
    "url",
    "a URL",
    "Server or voice webhook; a ws URL is a media stream. Default: http://127.0.0.1:3001"
  ).pipe(Flag.optional),
  embedded: Flag.Boolean("embedded").pipe(
    Flag.withDescription("Call a server that is started for it, in a process of its own"),
    Flag.withDefault(false)
  ),
  provider: Flag.Literals("provider", ["stand-in", "sandbox", "together"]).pipe(
    Flag.withDescription("Who recognises, answers and speaks for that server; stand-in if not given"),
    Flag.optional
  ),
  calls: count(
    "calls",
    5000,
    "Calls at a time; with --find the most that are tried. 10 if not given, 1000 with --find"
  ).pipe(Flag.optional),
  ramp: duration(
    "ramp",
    HOUR_MS,
    "60m",
    "From the first call to the last; 8s if not given, and 20 calls a second at most"
  ).pipe(Flag.optional),
  duration: duration(
    "duration",
    24 * HOUR_MS,
    "1440m",
    "How long all calls are held after that; 60s if not given, 40s for each number with --find"
  ).pipe(Flag.optional),
  wav: textFlag("wav", "file", "a file", "What callers say: a WAV file, of any rate (repeatable)").pipe(
    Flag.atLeast(0)
  ),
  say: textFlag("say", "text", "words", "What callers say: words, in a synthetic voice (repeatable)").pipe(
    Flag.atLeast(0)
  ),
  pause: duration(
    "pause",
    HOUR_MS,
    "60m",
    "Silence before each turn, once the agent has finished; 1s if not given"
  ).pipe(Flag.withDefault(1000)),
  "barge-in": share("barge-in", "Share of turns that interrupt the agent; 0 if not given").pipe(Flag.withDefault(0)),
  timeout: duration("timeout", HOUR_MS, "60m", "How long an answer may take to begin; 15s if not given").pipe(
    Flag.withDefault(15_000)
  ),
  find: Flag.Boolean("find").pipe(
    Flag.withDescription("Find how many calls are held within the limit"),
    Flag.withDefault(false)
  ),
  limit: duration(
    "limit",
    HOUR_MS,
    "60m",
    "How far voice to voice, p99, may be above a single call's, which is measured first; 50ms with --find if not given"
  ).pipe(Flag.optional),
  callers: count("callers", 64, "Processes that the callers are spread over; one for 250 calls if not given").pipe(
    Flag.optional
  ),
  pid: count("pid", 2 ** 31 - 1, "Process of a server on this machine, if it cannot be told from its port").pipe(
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Give the result as JSON"), Flag.withDefault(false)),
  from: textFlag("from", "number", "a phone number", "Number of the callers").pipe(Flag.optional),
  to: textFlag("to", "number", "a phone number", "Number that is called").pipe(Flag.optional)
}

/** What callers say, in the order it was given. */
const sourcesOf = (
  args: ReadonlyArray<string>,
  flags: { readonly say: ReadonlyArray<string>; readonly wav: ReadonlyArray<string> }
): ReadonlyArray<TurnSource> => {
  const say = flags.say.values()
  const wav = flags.wav.values()
  return flagOrder(args).flatMap((flag): ReadonlyArray<TurnSource> => {
    if (flag === "say") return [{ _tag: "Say", text: say.next().value ?? "" }]
    return flag === "wav" ? [{ _tag: "Wav", path: wav.next().value ?? "" }] : []
  })
}

/** The command; `args` are the arguments of the process, which alone tell the order of different flags. */
export const loadCommand = (args: ReadonlyArray<string>) =>
  Command.make(
    "loadtest",
    config,
    Effect.fn("LoadCommand")(
      function* (input) {
        const { runLoadRequest } = yield* Effect.promise(() => import("./LoadRun.ts"))
        yield* runLoadRequest({
          url: Option.getOrUndefined(input.url),
          calls: Option.getOrUndefined(input.calls),
          rampMs: Option.getOrUndefined(input.ramp),
          durationMs: Option.getOrUndefined(input.duration),
          say: sourcesOf(args, input),
          pauseMs: input.pause,
          timeoutMs: input.timeout,
          bargeIn: input["barge-in"],
          from: Option.getOrUndefined(input.from),
          to: Option.getOrUndefined(input.to),
          embedded: input.embedded,
          provider: Option.getOrUndefined(input.provider),
          callers: Option.getOrUndefined(input.callers),
          pid: Option.getOrUndefined(input.pid),
          find: input.find,
          limitMs: Option.getOrUndefined(input.limit),
          json: input.json
        })
      },
      Effect.scoped,
      Effect.tapCause(report)
    )
  ).pipe(
    Command.withDescription(description),
    Command.withShortDescription("Place many calls on a voice agent and measure them"),
    Command.withExamples([
      {
        command: "parley loadtest --embedded --calls 50",
        description: "50 calls on a server of its own: no key, no server, no network"
      },
      { command: "parley loadtest --embedded --find", description: "How many calls one core of this machine holds" },
      {
        command: "parley loadtest --url https://agent.example.com/twiml --calls 20 --ramp 30s --wav question.wav",
        description: "20 calls on an agent elsewhere"
      }
    ])
  )
