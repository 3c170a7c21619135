/** The command line of `doctor`: flags and their help in, findings on standard output, and a failure if something is in the way of calls. Looks at nothing itself. */
import { Console, Effect, FileSystem, Option, Schema, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { type SignedCase } from "./DoctorSignature.ts"
import { report } from "./Report.ts"

/** Something is in the way of calls. */
export class DoctorError extends Schema.TaggedError<DoctorError>()("DoctorError", { message: Schema.String }) {}

const description = `Look at the configuration as an operator would, and say what to mend.

  The variables, the voice model, the model provider with its models and voice, the clock, the port, the way from the
  public URL to this server (with a call on it that costs nothing, while the server does not run), and the carrier's numbers.
  With --url and --signature, or --request, it also finds out what a request that was refused was signed for.
  Exits with 1 if something is in the way of calls.`

const config = {
  url: Flag.String("url").pipe(
    Flag.withMetavar("url"),
    Flag.withDescription("URL of a request that was refused, as it is set up at Twilio (a wss URL: a media stream)"),
    Flag.optional
  ),
  signature: Flag.String("signature").pipe(
    Flag.withMetavar("signature"),
    Flag.withDescription("Its X-Twilio-Signature"),
    Flag.optional
  ),
  body: Flag.String("body").pipe(
    Flag.withMetavar("form"),
    Flag.withDescription("Its body, as it was sent: CallSid=…&From=…"),
    Flag.optional
  ),
  request: Flag.String("request").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("File with the whole request: request line, headers, an empty line, body"),
    Flag.optional
  )
}

const FORM = "application/x-www-form-urlencoded"

/** Why a file could not be read, by what the file system says; a directory is a bad resource. */
const readProblems: Readonly<Record<string, string>> = {
  NotFound: "there is no such file",
  PermissionDenied: "this user may not read it"
}

const readFile = (path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (files) =>
    Effect.mapError(files.readFileString(path), ({ reason }) => {
      const problem = readProblems[reason._tag] ?? "it is no file that can be read"
      return new DoctorError({ message: `${path} cannot be read: ${problem}` })
    })
  )

/** What to look at, from the flags; undefined if there is no request among them. */
const signedOf = Effect.fnUntraced(function* (input: {
  readonly url: Option.Option<string>
  readonly signature: Option.Option<string>
  readonly body: Option.Option<string>
  readonly request: Option.Option<string>
}) {
  const { body, request, signature, url } = input
  if (Option.isSome(request)) {
    const { readRequest } = yield* Effect.promise(() => import("./DoctorSignature.ts"))
    const text = yield* readFile(request.value)
    return (origin: URL | undefined) => readRequest(text, origin)
  }
  if (Option.isNone(url) && Option.isNone(signature) && Option.isNone(body)) return undefined
  if (Option.isNone(url) || Option.isNone(signature)) {
    return yield* new DoctorError({ message: "--url and --signature belong together: give both, or --request" })
  }
  const isUpgrade = /^wss?:/i.test(url.value)
  const signed: SignedCase = {
    url: url.value,
    signature: signature.value,
    contentType: Option.isSome(body) && !isUpgrade ? FORM : undefined,
    body: Option.getOrElse(body, () => ""),
    hosts: []
  }
  return () => signed
})

/** The command. What it looks with is only loaded when it is to run. */
export const doctorCommand = Command.make(
  "doctor",
  config,
  Effect.fnUntraced(function* (input) {
    const signed = yield* signedOf(input)
    const { examine } = yield* Effect.promise(() => import("./Doctor.ts"))
    const { renderFinding } = yield* Effect.promise(() => import("./DoctorFinding.ts"))
    const columns = process.stdout.columns ?? 100
    const brokenThings = yield* examine(signed === undefined ? {} : { signed }).pipe(
      Stream.tap((found) => Console.log(renderFinding(found, columns))),
      Stream.filter(({ standing }) => standing === "broken"),
      Stream.runCount
    )
    if (brokenThings === 0) return
    return yield* new DoctorError({
      message:
        brokenThings === 1 ? "One thing is in the way of calls." : `${brokenThings} things are in the way of calls.`
    })
  }, Effect.tapCause(report))
).pipe(
  Command.withDescription(description),
  Command.withShortDescription("Look at the configuration and say what to mend"),
  Command.withExamples([
    { command: "parley doctor", description: "See whether a call could be taken" },
    {
      command: "parley doctor --url https://agent.example.com/twiml --signature aBc…= --body 'CallSid=CA…&From=…'",
      description: "Find out why a webhook was refused"
    },
    { command: "parley doctor --request request.txt", description: "The same for a request that was written down" }
  ])
)
