/** A server of the command's own: on a free port of this machine, with the sandbox or, if there is a key, with Together. Tells what happened in its call. */
import {
  Cause,
  ConfigProvider,
  Context,
  Deferred,
  Effect,
  Layer,
  Logger,
  References,
  Schedule,
  type Scope
} from "effect"
import { HttpServer } from "effect/http"
import * as AppConfigEnv from "../layers/AppConfigEnv.ts"
import * as CallServices from "../layers/CallServices.ts"
import * as Edge from "../layers/Edge.ts"
import { serverLayer } from "../layers/HttpServer.ts"
import { describeCause } from "../layers/Startup.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { KeptSpeech } from "../services/KeptSpeech.ts"
import { Provider } from "../services/Provider.ts"
import { CallObserver } from "../services/CallObserver.ts"
import { runCall } from "../streams/Call.ts"
import { CallError } from "./CallError.ts"
import { readEvent, type TranscriptEvent } from "./Transcript.ts"

/** A server that runs. */
export interface EmbeddedServer {
  readonly url: URL
  /** Whose recognition, language model and voice it uses. */
  readonly provider: Provider
  /** What happened in its call, once the call is over on the server's side too. */
  readonly told: Effect.Effect<ReadonlyArray<TranscriptEvent>>
  /** What its log warned of so far. */
  readonly warnings: Effect.Effect<ReadonlyArray<string>>
}

/** How long the server's side of a call may take to end after the caller's. */
const DEADLINE = "3 seconds"

/** Only this machine is served, and nobody has to be who they say they are: "" stands for what is not set. */
const overrides = {
  HOST: "127.0.0.1",
  PORT: "0",
  PUBLIC_URL: "",
  TWILIO_AUTH_TOKEN: "",
  TWILIO_AUTH_TOKEN_SECONDARY: "",
  ALLOW_UNSIGNED: ""
}

/** The settings a server would be started with here, but for these. */
const settings = Layer.unwrap(
  Effect.map(ConfigProvider.ConfigProvider, (environment) => {
    const first = ConfigProvider.fromEnv({ env: overrides })
    return Layer.provide(AppConfigEnv.layer, ConfigProvider.layer(ConfigProvider.orElse(first, environment)))
  })
)

/** How long the greeting may take to be made before the call is placed all the same. */
const GREETING_DEADLINE = "3 seconds"

/** Done when the greeting is kept: the call is to measure a server that has run for a moment, not the start of one. */
const greetingKept = Layer.effectDiscard(
  Effect.gen(function* () {
    const { persona } = yield* AppConfig
    const { find } = yield* KeptSpeech
    yield* Effect.sync(() => find(persona.greeting)).pipe(
      Effect.repeat({ until: (audio) => audio !== undefined, schedule: Schedule.spaced("20 millis") }),
      Effect.timeoutOption(GREETING_DEADLINE)
    )
  })
)

/** What the calls of any server stand on. */
const services = Layer.provideMerge(greetingKept, CallServices.layer)

/** Keeps what the log says of warnings and errors, once and without details: the command has an output of its own. */
const keepingLog = (lines: Set<string>) =>
  Layer.merge(
    Logger.layer([
      Logger.make<unknown, void>(({ cause, message }) => {
        const texts = Array.isArray(message) ? message : [message]
        const [reason] = Cause.prettyErrors(cause)
        lines.add([...texts.map(String), ...(reason === undefined ? [] : [reason.message])].join(": "))
      })
    ]),
    Layer.succeed(References.MinimumLogLevel, "Warn")
  )

/** Keeps what is told of calls; `ended` is done when one of them is over. */
const keepingEvents = (events: Array<TranscriptEvent>, ended: Deferred.Deferred<void>) =>
  Layer.succeed(CallObserver, {
    open: () =>
      Effect.succeed((event) => {
        if (event._tag === "Voice" || event._tag === "Interim") return Effect.void
        const told = readEvent(event)
        if (told !== undefined) events.push(told)
        return event._tag === "Ended" ? Deferred.succeed(ended, undefined) : Effect.void
      })
  })

const start = Effect.gen(function* () {
  const events: Array<TranscriptEvent> = []
  const warnings = new Set<string>()
  const ended = yield* Deferred.make<void>()
  const server = serverLayer(runCall).pipe(
    Layer.provide([services, keepingEvents(events, ended), Edge.layerOpen]),
    Layer.provide(keepingLog(warnings)),
    Layer.provideMerge(settings)
  )
  const context = yield* Layer.build(server)
  return {
    url: new URL(HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)),
    provider: Context.get(context, Provider),
    told: Effect.as(Effect.timeoutOption(Deferred.await(ended), DEADLINE), events),
    warnings: Effect.sync(() => [...warnings])
  } satisfies EmbeddedServer
})

/** Starts a server that stops when the scope closes; fails with a sentence if it cannot. */
export const startEmbedded: Effect.Effect<EmbeddedServer, CallError, Scope.Scope> = Effect.mapError(
  start,
  (error) => new CallError({ message: describeCause(Cause.fail(error)).join("\n"), cause: error })
)
