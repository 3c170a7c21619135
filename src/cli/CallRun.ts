/** Does what `call` was asked for: prepares the turns, places the call, says what came of it. Owns the order of these things and none of them. */
import { Console, Effect, FileSystem, type Scope } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { FetchHttpClient } from "effect/http"
import { dirname } from "node:path"
import { makeGroundTruth } from "../testing/GroundTruth.ts"
import { type Sign } from "../testing/HttpCall.ts"
import { makeIdentity } from "../testing/TwilioFrames.ts"
import { type CallResult } from "../testing/TwilioCaller.ts"
import { CallError } from "./CallError.ts"
import { makeProgress, type ProgressOutput, standardError } from "./CallProgress.ts"
import { scriptOf } from "./CallScript.ts"
import { type CallSummary, summaryOf } from "./CallSummary.ts"
import { type CallTarget, DEFAULT_URL, parseTarget } from "./CallTarget.ts"
import { renderSummary } from "./CallText.ts"
import { type TurnRequest } from "./CallTurns.ts"
import { watchCall, watchNothing } from "./CallWatch.ts"
import { callTarget } from "./PlaceCall.ts"
import { signing } from "./Signing.ts"
import { type TranscriptEvent } from "./Transcript.ts"
import { prepareTurns } from "./TurnAudio.ts"

/** What `call` was asked for. */
export interface CallRequest {
  /** Undefined: a server of this machine. */
  readonly url: string | undefined
  readonly turns: ReadonlyArray<TurnRequest>
  /** Path of the recording to write. */
  readonly record: string | undefined
  readonly from: string | undefined
  readonly to: string | undefined
  /** Token of the browser phone. */
  readonly token: string | undefined
  /** How long an answer may take to begin. */
  readonly timeoutMs: number
  readonly json: boolean
  readonly embedded: boolean
}

/** Who is called, and what there is to know about the call besides what is heard. */
interface Callee {
  readonly name: string
  readonly target: CallTarget
  /** What the call has to carry for that. */
  readonly parameters: Readonly<Record<string, string>>
  readonly sign: Sign | undefined
  /** What the server tells of the call once it is over; undefined: nothing. */
  readonly told: Effect.Effect<ReadonlyArray<TranscriptEvent> | undefined>
  readonly warnings: Effect.Effect<ReadonlyArray<string>>
}

const fail = (message: string) => Effect.fail(new CallError({ message }))

/** A recording that cannot be written is known before the call. */
const checkRecording = (path: string) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const isDirectory = yield* files.stat(path).pipe(
      Effect.map(({ type }) => type === "Directory"),
      Effect.orElseSucceed(() => false)
    )
    if (isDirectory) return yield* fail(`${path} cannot be recorded to: it is a directory`)
    yield* Effect.mapError(files.access(dirname(path), { writable: true }), (cause) => {
      const problem =
        cause.reason._tag === "NotFound" ? "there is no such directory" : "this user may not write to its directory"
      return new CallError({ message: `${path} cannot be recorded to: ${problem}`, cause })
    })
  })

const writeRecording = (path: string, { recording }: CallResult) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    yield* Effect.mapError(
      files.writeFile(path, recording.wav()),
      (cause) => new CallError({ message: `${path} could not be written: ${cause.message}`, cause })
    )
  })

/** A server of the command's own. */
const ownCallee = Effect.gen(function* () {
  const { startEmbedded } = yield* Effect.promise(() => import("./EmbeddedServer.ts"))
  const { provider, told, url, warnings } = yield* startEmbedded
  const target = yield* Effect.fromResult(parseTarget(url.href))
  const name = `${provider === "sandbox" ? "the sandbox" : "an agent with Together"} at ${target.url.href}`
  return { name, target, parameters: {}, sign: undefined, told, warnings } satisfies Callee
})

/** A server that runs somewhere. */
const calleeAt = (target: CallTarget, callSid: string, token: string | undefined) =>
  Effect.gen(function* () {
    const sign = yield* signing
    // Where requests are verified, a call that wants to be followed has to show the token.
    const isKept = sign !== undefined && token === undefined
    const { parameters, told } = isKept ? watchNothing : yield* watchCall(target, callSid, token)
    return { name: target.url.href, target, parameters, sign, told, warnings: Effect.succeed([]) } satisfies Callee
  })

const columnsOf = (stream: NodeJS.WriteStream): number => (stream.isTTY ? stream.columns : 80)

const print = (summary: CallSummary, json: boolean) =>
  Effect.gen(function* () {
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    const style = { columns: columnsOf(process.stdout), colors: canColor }
    yield* Console.log(json ? JSON.stringify(summary, undefined, 2) : renderSummary(summary, style).trimEnd())
  })

/**
 * Places the call, tells how it goes on `output`, and writes what came of it to standard output.
 *
 * Fails with a sentence if there was no call, and with one for each turn that was not answered.
 */
export const runCallRequest = Effect.fn("CallRun.runCallRequest")(function* (
  request: CallRequest,
  output: ProgressOutput = standardError
): Effect.fn.Return<void, CallError, FileSystem.FileSystem | Scope.Scope> {
  if (request.embedded && request.url !== undefined) {
    return yield* fail(`--embedded brings a server of its own: expected no URL beside it, found ${request.url}`)
  }
  const target = yield* Effect.fromResult(parseTarget(request.url ?? DEFAULT_URL))
  if (request.record !== undefined) yield* checkRecording(request.record)
  const truth = yield* makeGroundTruth
  const progress = makeProgress(truth, output)
  const turns = yield* prepareTurns(request.turns)
  const labels = turns.map(({ label }) => label)
  const { callSid } = yield* makeIdentity()

  const place = Effect.gen(function* () {
    if (request.embedded) yield* progress.say("Starting a server")
    const callee: Callee = request.embedded ? yield* ownCallee : yield* calleeAt(target, callSid, request.token)
    yield* progress.say(`Calling ${callee.name}`)
    const { parameters, sign } = callee
    const script = scriptOf(turns, request.timeoutMs, progress.tell)
    const { from, to } = request
    const identity = { callSid }
    const call = yield* callTarget({
      target: callee.target,
      from,
      to,
      sign,
      parameters,
      identity,
      groundTruth: truth,
      script
    })
    return { call, url: callee.target.url.href, told: yield* callee.told, warnings: yield* callee.warnings }
  }).pipe(Effect.provide(FetchHttpClient.layer))

  const held = yield* Effect.raceFirst(place, progress.follow(labels))
  if (request.record !== undefined) yield* writeRecording(request.record, held.call)
  const { timeoutMs } = request
  const summary = summaryOf({ ...held, turns, timeoutMs, recording: request.record })
  yield* print(summary, request.json)
  const problems = summary.turns.flatMap(({ problem }) => (problem === null ? [] : [problem]))
  if (problems.length > 0) return yield* fail(problems.join("\n"))
})
