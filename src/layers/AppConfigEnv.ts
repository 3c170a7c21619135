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
  SchemaIssue
} from "effect"
import { type BargeInProfile, defaultTurnSettings, type TurnSettings } from "../schema/TurnSettings.ts"
import { type Variable, variables, type VariableValues } from "../schema/Variables.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { LogConfig } from "../services/LogConfig.ts"

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

/** What only several variables together can be wrong about; values that were refused by themselves are absent. */
const crossCheck = (values: Partial<VariableValues>): ReadonlyArray<Problem> => {
  const { SPEECH_END_PROB: end, SPEECH_START_PROB: start } = values
  if (start === undefined || end === undefined || end < start) return []
  return [
    {
      name: "SPEECH_END_PROB",
      message: `SPEECH_END_PROB is ${end}: expected a number below SPEECH_START_PROB, which is ${start}`
    }
  ]
}

/** The agent is interrupted by the same rules in all its states, but in thought: nothing is heard then that could be an echo. */
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
    minSpeechMs: values.MIN_SPEECH_MS,
    bargeIn: { ...defaultTurnSettings.bargeIn, greeting: bargeIn, tool: bargeIn, speaking: bargeIn },
    uninterruptible: values.UNINTERRUPTIBLE,
    bargeInResumeMs: values.BARGE_IN_RESUME_MS,
    preRollMs: values.PRE_ROLL_MS,
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

const toServices = (values: VariableValues, isTerminal: boolean): Context.Context<AppConfig | LogConfig> =>
  Context.make(AppConfig, {
    server: { host: values.HOST, port: values.PORT, publicUrl: values.PUBLIC_URL },
    together: {
      apiKey: values.TOGETHER_API_KEY,
      baseUrl: values.TOGETHER_BASE_URL,
      sttModel: values.STT_MODEL,
      llmModel: values.LLM_MODEL,
      ttsModel: values.TTS_MODEL,
      ttsVoice: values.TTS_VOICE
    },
    persona: values.PERSONA,
    turns: turnSettings(values),
    deadlines: {
      transcript: Duration.millis(values.TRANSCRIPT_DEADLINE_MS),
      firstToken: Duration.millis(values.FIRST_TOKEN_DEADLINE_MS),
      stall: Duration.millis(values.STALL_DEADLINE_MS),
      firstAudio: Duration.millis(values.FIRST_AUDIO_DEADLINE_MS)
    },
    vadModelPath: values.VAD_MODEL_PATH
  }).pipe(
    Context.add(LogConfig, {
      level: values.LOG_LEVEL,
      format: values.LOG_FORMAT === "auto" ? (isTerminal ? "pretty" : "json") : values.LOG_FORMAT,
      includePii: values.LOG_PII
    })
  )

/** Reads every variable from the current `ConfigProvider`; fails with all problems together. */
const readSettings = Effect.gen(function* () {
  const provider = yield* ConfigProvider.ConfigProvider
  const parsed = yield* Effect.forEach(Object.entries(variables), ([name, variable]) =>
    Effect.map(provider.load([name]), (node) => {
      const text = node?.value?.trim()
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
  return toServices(values as VariableValues, process.stdout.isTTY === true)
})

/** Settings from the current `ConfigProvider`, which is the process environment unless another one is given. */
export const layerFromProvider: Layer.Layer<AppConfig | LogConfig, Config.ConfigError> =
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
export const layer: Layer.Layer<AppConfig | LogConfig, Config.ConfigError> = layerFromProvider.pipe(
  Layer.provide(ConfigProvider.layer(environmentAndDotEnv)),
  Layer.provide(NodeFileSystem.layer)
)
