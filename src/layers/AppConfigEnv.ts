/** Settings of the process from environment variables and a `.env` file; all that is wrong with them is told at once. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import {
  Array as Arr,
  Config,
  ConfigProvider,
  Context,
  Duration,
  Effect,
  Layer,
  Result,
  Schema,
  SchemaIssue,
  Redacted
} from "effect"
import { availableParallelism } from "node:os"
import { type BargeInProfile, type TurnSettings } from "../schema/TurnSettings.ts"
import { type EdgeSettings } from "../schema/EdgeSettings.ts"
import { type Variable, type VariableName, variables, type VariableValues } from "../schema/Variables.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { FallbackConfig } from "../services/FallbackConfig.ts"
import { LogConfig } from "../services/LogConfig.ts"
import { PhoneConfig } from "../services/PhoneConfig.ts"
import { Processes } from "../services/Processes.ts"
import { Provider } from "../services/Provider.ts"
import { checkFallback, fallbackOf } from "./FallbackEnv.ts"
import { sandboxPersona } from "./SandboxGuide.ts"

/** One thing that is wrong; the message begins with the variable's name. */
interface Problem {
  readonly name: string
  readonly message: string
}

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

/** What is wrong with the configuration, for a person: one line for each variable. */
export const describeError = (error: Config.ConfigError): ReadonlyArray<string> =>
  error.cause._tag === "SchemaError"
    ? formatIssues(error.cause.issue).issues.map((issue) => issue.message)
    : [error.cause.message]

const problemsError = (problems: Arr.NonEmptyReadonlyArray<Problem>): Config.ConfigError => {
  const issues = Arr.map(
    problems,
    ({ message, name }) => new SchemaIssue.Pointer([name], new SchemaIssue.InvalidValue({ message }))
  )
  const environment = Schema.Record(Schema.String, Schema.String)
  return new Config.ConfigError(new Schema.SchemaError(new SchemaIssue.Composite(environment.ast, issues)))
}

/** The given text as it may be shown: on one line, of bounded length, without a password in a URL. */
const quote = (text: string): string => {
  const shown = text.replace(/\/\/[^/@]*@/, "//…@")
  return JSON.stringify(shown.length > 100 ? `${shown.slice(0, 100)}…` : shown)
}

const parseVariable = (
  name: string,
  variable: Variable<unknown>,
  given: string | undefined
): Result.Result<unknown, Problem> => {
  const text = given ?? variable.default
  if (text === undefined) {
    return variable.required
      ? Result.fail({ name, message: `${name} is not set: expected ${variable.expected}` })
      : Result.succeed(undefined)
  }
  return Result.fromOption(variable.parse(text), () => {
    const shown = variable.secret ? "set to something else" : quote(text)
    return { name, message: `${name} is ${shown}: expected ${variable.expected}` }
  })
}

/** Addresses that only this machine can reach. */
const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host)

/** What only several variables together can be wrong about; values that were refused by themselves are absent. */
const crossCheck = (values: Partial<VariableValues>): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const wrong = (name: VariableName, message: string) => problems.push({ name, message: `${name} ${message}` })

  const { SPEECH_END_PROB: end, SPEECH_START_PROB: start } = values
  if (start !== undefined && end !== undefined && end >= start) {
    wrong("SPEECH_END_PROB", `is ${end}: expected a number below SPEECH_START_PROB, which is ${start}`)
  }

  const { ENDPOINT_MAX_MS: longest, ENDPOINT_MIN_MS: shortest } = values
  if (shortest !== undefined && longest !== undefined && longest < shortest) {
    wrong("ENDPOINT_MAX_MS", `is ${longest}: expected a number not below ENDPOINT_MIN_MS, which is ${shortest}`)
  }

  const known = (name: VariableName): boolean => Object.hasOwn(values, name)
  if (values.PROVIDER === "together" && known("TOGETHER_API_KEY") && values.TOGETHER_API_KEY === undefined) {
    wrong("TOGETHER_API_KEY", `is not set: expected ${variables.TOGETHER_API_KEY.expected}, as PROVIDER is together`)
  }
  const unsigned = known("TWILIO_AUTH_TOKEN") && values.TWILIO_AUTH_TOKEN === undefined
  if (unsigned && values.TWILIO_AUTH_TOKEN_SECONDARY !== undefined) {
    wrong("TWILIO_AUTH_TOKEN", "is not set: expected one, as TWILIO_AUTH_TOKEN_SECONDARY is set")
  }
  if (values.TWILIO_AUTH_TOKEN !== undefined && known("PUBLIC_URL") && values.PUBLIC_URL === undefined) {
    wrong(
      "PUBLIC_URL",
      "is not set: expected the origin that Twilio calls, such as https://agent.example.com, as TWILIO_AUTH_TOKEN is set: " +
        "requests are signed for it, and what a request says about its own host can be made up"
    )
  }
  const { HOST: host } = values
  if (unsigned && values.ALLOW_UNSIGNED === false && host !== undefined && !isLoopback(host)) {
    wrong(
      "HOST",
      `is ${quote(host)}: expected an address of this machine alone, such as 127.0.0.1, as TWILIO_AUTH_TOKEN is not set ` +
        "and anybody who reaches the server could place calls at your expense; " +
        "set TWILIO_AUTH_TOKEN, or ALLOW_UNSIGNED=true if you want that"
    )
  }
  checkFallback(values, wrong)
  return problems
}

const edgeSettings = (values: VariableValues): EdgeSettings => {
  const { PUBLIC_URL: origin, TWILIO_AUTH_TOKEN: first, TWILIO_AUTH_TOKEN_SECONDARY: second } = values
  return {
    verification:
      first === undefined || origin === undefined
        ? undefined
        : { origin, authTokens: second === undefined ? [first] : [first, second] },
    accountSid: values.TWILIO_ACCOUNT_SID,
    fallbackNumber: values.FALLBACK_NUMBER,
    startDeadline: Duration.millis(values.START_DEADLINE_MS),
    maxPendingPerAddress: values.MAX_PENDING_PER_ADDRESS,
    maxCalls: values.MAX_CALLS,
    maxLagMs: values.MAX_LAG_MS,
    drainLimit: values.DRAIN_LIMIT
  }
}

/** Without verification only this machine is listened to, unless somebody said otherwise. */
const hostOf = (values: VariableValues): string =>
  values.HOST ?? (values.TWILIO_AUTH_TOKEN === undefined && !values.ALLOW_UNSIGNED ? "127.0.0.1" : "0.0.0.0")

/** The agent is interrupted by the same rules in all its states unless it is said otherwise, but in thought: nothing is heard then that could be an echo. */
const turnSettings = (values: VariableValues): TurnSettings => {
  const bargeIn: BargeInProfile = {
    prob: values.BARGE_IN_PROB_THRESHOLD,
    windows: values.BARGE_IN_CONSECUTIVE_FRAMES,
    confirmMs: values.BARGE_IN_CONFIRM_MS
  }
  return {
    speechStartProb: values.SPEECH_START_PROB,
    speechEndProb: values.SPEECH_END_PROB,
    silenceDurationMs: values.SILENCE_DURATION_MS,
    endpointMinMs: values.ENDPOINT_MIN_MS,
    endpointMaxMs: values.ENDPOINT_MAX_MS,
    endpointEagerness: values.ENDPOINT_EAGERNESS,
    minSpeechMs: values.MIN_SPEECH_MS,
    bargeIn: {
      greeting: values.BARGE_IN_GREETING ?? bargeIn,
      thinking: values.BARGE_IN_THINKING,
      tool: values.BARGE_IN_TOOL ?? bargeIn,
      speaking: bargeIn
    },
    uninterruptible: values.UNINTERRUPTIBLE,
    bargeInResumeMs: values.BARGE_IN_RESUME_MS,
    preRollMs: values.PRE_ROLL_MS,
    fillerMs: values.FILLER_MS,
    maxFailures: values.MAX_FAILURES,
    commitPauseMs: values.COMMIT_PAUSE_MS,
    speculationPauseMs: values.SPECULATION_PAUSE_MS,
    speculationsPerTurn: values.SPECULATIONS_PER_TURN,
    speculationMaxSpeechMs: values.SPECULATION_MAX_SPEECH_MS,
    keyPauseMs: values.KEY_PAUSE_MS,
    idleMs: values.IDLE_MS,
    idlePrompts: values.IDLE_PROMPTS,
    maxTurnMs: values.MAX_TURN_MS,
    maxCallMs: values.MAX_CALL_MS,
    callWarningMs: values.CALL_WARNING_MS
  }
}

/** Without a key there is the sandbox. */
const providerOf = (values: VariableValues): Provider => {
  if (values.PROVIDER !== "auto") return values.PROVIDER
  return values.TOGETHER_API_KEY === undefined ? "sandbox" : "together"
}

/** What the settings depend on besides the values. */
interface Circumstances {
  readonly isTerminal: boolean
  /** Somebody chose who answers. */
  readonly personaIsSet: boolean
  readonly isProduction: boolean
}

/** Without a token the browser phone is for development: not where calls are verified, nor in production. */
const phoneOf = (values: VariableValues, isProduction: boolean): PhoneConfig => ({
  enabled: values.PHONE_TOKEN !== undefined || (!isProduction && values.TWILIO_AUTH_TOKEN === undefined),
  token: values.PHONE_TOKEN
})

const toServices = (
  values: VariableValues,
  { isProduction, isTerminal, personaIsSet }: Circumstances
): Context.Context<AppConfig | EdgeConfig | LogConfig> =>
  Context.make(AppConfig, {
    server: { host: hostOf(values), port: values.PORT, publicUrl: values.PUBLIC_URL },
    together: {
      // The sandbox asks nobody.
      apiKey: values.TOGETHER_API_KEY ?? Redacted.make(""),
      baseUrl: values.TOGETHER_BASE_URL,
      sttModel: values.STT_MODEL,
      llmModel: values.LLM_MODEL,
      ttsModel: values.TTS_MODEL,
      ttsVoice: values.TTS_VOICE
    },
    // Nobody else's agent is what answers in the sandbox, unless it is asked for.
    persona: providerOf(values) === "sandbox" && !personaIsSet ? sandboxPersona : values.PERSONA,
    turns: turnSettings(values),
    deadlines: {
      transcript: Duration.millis(values.TRANSCRIPT_DEADLINE_MS),
      firstToken: Duration.millis(values.FIRST_TOKEN_DEADLINE_MS),
      stall: Duration.millis(values.STALL_DEADLINE_MS),
      firstAudio: Duration.millis(values.FIRST_AUDIO_DEADLINE_MS)
    },
    vadModelPath: values.VAD_MODEL_PATH
  }).pipe(
    Context.add(EdgeConfig, edgeSettings(values)),
    Context.add(FallbackConfig, fallbackOf(values)),
    Context.add(Provider, providerOf(values)),
    Context.add(Processes, values.PROCESSES === "auto" ? availableParallelism() : values.PROCESSES),
    Context.add(PhoneConfig, phoneOf(values, isProduction)),
    Context.add(LogConfig, {
      level: values.LOG_LEVEL,
      format: values.LOG_FORMAT === "auto" ? (isTerminal ? "pretty" : "json") : values.LOG_FORMAT,
      includePii: values.LOG_PII
    })
  )

/** Reads every variable from the current `ConfigProvider`; fails with all problems together. */
const readSettings = Effect.gen(function* () {
  const provider = yield* ConfigProvider.ConfigProvider
  let personaIsSet = false
  const parsed = yield* Effect.forEach(Object.entries(variables), ([name, variable]) =>
    Effect.map(provider.load([name]), (node) => {
      const text = node?.value?.trim()
      if (name === "PERSONA") personaIsSet = text !== undefined && text !== ""
      return Result.map(
        parseVariable(name, variable, text === "" ? undefined : text),
        (value) => [name, value] as const
      )
    })
  ).pipe(Effect.mapError((error) => new Config.ConfigError(error)))

  const values: Partial<VariableValues> = Object.fromEntries(Arr.getSuccesses(parsed))
  const problems = [...Arr.getFailures(parsed), ...crossCheck(values)]
  if (Arr.isArrayNonEmpty(problems)) return yield* Effect.fail(problemsError(problems))

  // Without problems every name of the table has the value its own entry parsed.
  return toServices(values as VariableValues, {
    isTerminal: process.stdout.isTTY === true,
    isProduction:
      (yield* Effect.mapError(provider.load(["NODE_ENV"]), (error) => new Config.ConfigError(error)))?.value ===
      "production",
    personaIsSet
  })
})

/** Settings from the current `ConfigProvider`, which is the process environment unless another one is given. */
export const layerFromProvider: Layer.Layer<AppConfig | EdgeConfig | LogConfig, Config.ConfigError> =
  Layer.effectContext(readSettings)

/** Hides names that hold no text: `PORT_X` in the environment makes a node at `PORT`, which must not hide a `PORT` in the file. */
const textsOnly = (provider: ConfigProvider.ConfigProvider): ConfigProvider.ConfigProvider =>
  ConfigProvider.make((path) =>
    Effect.map(provider.load(path), (node) => (node?.value === undefined ? undefined : node))
  )

const environmentAndDotEnv = Effect.gen(function* () {
  const environment = textsOnly(yield* ConfigProvider.ConfigProvider)
  return yield* ConfigProvider.fromDotEnv().pipe(
    Effect.map((file) => ConfigProvider.orElse(environment, file)),
    Effect.catchReason("PlatformError", "NotFound", () => Effect.succeed(environment)),
    Effect.mapError((error) => {
      const message = `.env could not be read: ${error.cause instanceof Error ? error.cause.message : error.message}`
      return new Config.ConfigError(new ConfigProvider.SourceError({ message, cause: error }))
    })
  )
})

/** Settings from the environment and, for what is not set there, from `.env` in the current directory. */
export const layer: Layer.Layer<AppConfig | EdgeConfig | LogConfig, Config.ConfigError> = layerFromProvider.pipe(
  Layer.provide(ConfigProvider.layer(environmentAndDotEnv)),
  Layer.provide(NodeFileSystem.layer)
)
