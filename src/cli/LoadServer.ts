/** Servers that a load is placed on: one of the command's own in its own process, or one that runs somewhere; where it is and what it uses out. */
import { Effect, Option, Queue, Result, Schema, type Scope, Stream } from "effect"
import { CallError } from "./CallError.ts"
import { type CallTarget, parseTarget } from "./CallTarget.ts"
import { type AgentNews, type AgentQuestion, type StandInNews } from "./LoadNews.ts"
import { type LoadProcess, moduleUrl, startProcess } from "./LoadProcess.ts"
import { type KnownUtterance } from "./LoadStandInSound.ts"
import { hasChildren, listenerOn, type Usage, usageOf } from "./LoadUsage.ts"

/** Who recognises, answers and speaks for a server of the command's own. */
export type LoadProvider = "stand-in" | "sandbox" | "together"

/** A server to be called. */
export interface LoadServer {
  readonly name: string
  readonly target: CallTarget
  /** Whether requests are signed, if the auth token is known. */
  readonly signed: boolean
  /** What it has used until now, after a collection if that can be had; none where it cannot be known. */
  readonly usage: (collect: boolean) => Effect.Effect<Option.Option<Usage>>
  /** What its log warned of, each once, with how often. */
  readonly warnings: Effect.Effect<ReadonlyArray<string>>
}

/** How long a server may take to start. */
const START_WITHIN = "30 seconds"

const names: Readonly<Record<LoadProvider, string>> = {
  "stand-in": "a stand-in provider",
  sandbox: "the sandbox",
  together: "Together"
}

/** A line of the server's log. */
const LogLine = Schema.Struct({
  level: Schema.String,
  message: Schema.Unknown,
  annotations: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
})

const readLine = Schema.decodeUnknownOption(Schema.fromJsonString(LogLine))

const textOf = (message: unknown): string => (Array.isArray(message) ? message.map(String).join(" ") : String(message))

/** The settings the server is started with: those of the environment, but for these. "" stands for what is not set. */
const settingsOf = (provider: LoadProvider, maxCalls: number, standIn: number | undefined) => ({
  HOST: "127.0.0.1",
  PORT: "0",
  PUBLIC_URL: "",
  TWILIO_AUTH_TOKEN: "",
  TWILIO_AUTH_TOKEN_SECONDARY: "",
  ALLOW_UNSIGNED: "",
  LOG_FORMAT: "json",
  LOG_LEVEL: "info",
  MAX_CALLS: String(maxCalls),
  MAX_PENDING_PER_ADDRESS: String(maxCalls),
  MAX_CALL_MS: "0",
  PROVIDER: provider === "sandbox" ? "sandbox" : "together",
  ...(standIn === undefined
    ? {}
    : {
        TOGETHER_API_KEY: "stand-in",
        TOGETHER_BASE_URL: `http://127.0.0.1:${standIn}/v1`,
        // Nobody else is to be asked when the stand-in is too slow.
        STT_FALLBACK_MODEL: "",
        LLM_FALLBACK_MODEL: "",
        TTS_FALLBACK_MODEL: ""
      })
})

const standInFor = (known: ReadonlyArray<KnownUtterance>) =>
  Effect.gen(function* () {
    const process = yield* startProcess<StandInNews>(moduleUrl("./LoadStandInProcess"))
    yield* process.send(known)
    const { port } = yield* Queue.take(process.messages)
    return port
  }).pipe(Effect.mapError((cause) => new CallError({ message: "The stand-in provider could not be started", cause })))

/** Waits for the server to say where it listens; fails with its own words if it does not. */
const listening = (server: LoadProcess<AgentNews>, warnings: Map<string, number>) =>
  Effect.gen(function* () {
    const others: Array<string> = []
    for (;;) {
      const line = yield* Queue.take(server.lines).pipe(
        Effect.mapError(() => new CallError({ message: ["The server did not start", ...others].join(": ") }))
      )
      const read = readLine(line)
      if (Option.isNone(read)) {
        if (line.trim() !== "") others.push(line)
        continue
      }
      const { annotations, message } = read.value
      if (textOf(message) === "Listening") return String(annotations?.["url"])
      note(line, warnings)
    }
  }).pipe(
    Effect.timeoutOrElse({
      duration: START_WITHIN,
      orElse: () => new CallError({ message: `The server did not start within ${START_WITHIN}` })
    })
  )

const note = (line: string, warnings: Map<string, number>): void => {
  const read = readLine(line)
  if (Option.isNone(read) || !/^(warn|error|fatal)/i.test(read.value.level)) return
  const text = textOf(read.value.message)
  // That is how it was started.
  if (text.startsWith("Requests are not verified")) return
  warnings.set(text, (warnings.get(text) ?? 0) + 1)
}

/** What the agent in the server says. */
const askAgent = (server: LoadProcess<AgentNews>, collect: boolean): Effect.Effect<Option.Option<Usage>> =>
  Effect.andThen(server.send({ _tag: "Usage", collect } satisfies AgentQuestion), Queue.take(server.messages)).pipe(
    Effect.timeoutOption("10 seconds"),
    Effect.orElseSucceed(() => Option.none())
  )

/** Starts a server that stops when the scope closes. `maxCalls` are let in. */
export const ownServer = Effect.fn("LoadServer.ownServer")(function* (
  provider: LoadProvider,
  maxCalls: number,
  known: ReadonlyArray<KnownUtterance>
): Effect.fn.Return<LoadServer, CallError, Scope.Scope> {
  const standIn = provider === "stand-in" ? yield* standInFor(known) : undefined
  const warnings = new Map<string, number>()
  const server = yield* startProcess<AgentNews>(moduleUrl("../main"), {
    args: ["serve"],
    nodeArgs: ["--expose-gc", "--import", moduleUrl("./LoadServerAgent").href],
    env: settingsOf(provider, maxCalls, standIn)
  })
  const url = yield* listening(server, warnings)
  yield* Stream.fromQueue(server.lines).pipe(
    Stream.runForEach((line) => Effect.sync(() => note(line, warnings))),
    Effect.forkScoped
  )
  const target = yield* Effect.fromResult(parseTarget(url))
  // With several processes it is not the one that is asked which has the calls.
  const several = server.pid !== undefined && (yield* hasChildren(server.pid)) ? server.pid : undefined
  return {
    name: `a server of its own with ${names[provider]}`,
    target,
    signed: false,
    usage: (collect) => (several === undefined ? askAgent(server, collect) : usageOf(several)),
    warnings: Effect.sync(() => [...warnings].map(([text, count]) => (count === 1 ? text : `${text} (${count} times)`)))
  }
})

const isLocal = ({ hostname }: URL): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname)

const portOf = ({ port, protocol }: URL): number =>
  port === "" ? (protocol === "https:" || protocol === "wss:" ? 443 : 80) : Number(port)

/** A server that runs already; `pid` is its process, which is found by its port on this machine. */
export const serverAt = (text: string, pid: number | undefined): Effect.Effect<LoadServer, CallError> =>
  Effect.gen(function* () {
    const parsed = parseTarget(text)
    if (Result.isFailure(parsed)) return yield* parsed.failure
    const target = parsed.success
    const found =
      pid ?? (isLocal(target.url) ? Option.getOrUndefined(yield* listenerOn(portOf(target.url))) : undefined)
    if (pid !== undefined && Option.isNone(yield* usageOf(pid))) {
      return yield* new CallError({
        message: `--pid is ${pid}: expected a process of this machine that can be looked at`
      })
    }
    return {
      name: target.url.href,
      target,
      signed: true,
      usage: () => (found === undefined ? Effect.succeed(Option.none()) : usageOf(found)),
      warnings: Effect.succeed([])
    }
  })
