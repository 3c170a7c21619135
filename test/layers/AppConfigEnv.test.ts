import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, ConfigProvider, Context, Duration, Effect, Exit, Layer, Redacted } from "effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import * as AppConfigEnv from "../../src/layers/AppConfigEnv.ts"
import { defaultEdgeSettings } from "../../src/schema/EdgeSettings.ts"
import { type ReplyCue } from "../../src/schema/Turn.ts"
import { defaultTurnSettings } from "../../src/schema/TurnSettings.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { Provider } from "../../src/services/Provider.ts"
import { EdgeConfig } from "../../src/services/EdgeConfig.ts"
import { FallbackConfig } from "../../src/services/FallbackConfig.ts"
import { PhoneConfig } from "../../src/services/PhoneConfig.ts"
import { LogConfig } from "../../src/services/LogConfig.ts"
import { Processes } from "../../src/services/Processes.ts"

type Environment = Readonly<Record<string, string>>

const read = (env: Environment, layer = AppConfigEnv.layerFromProvider) =>
  Layer.build(layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))).pipe(
    Effect.map((context) => ({
      app: Context.get(context, AppConfig),
      edge: Context.get(context, EdgeConfig),
      fallback: Context.get(context, FallbackConfig),
      log: Context.get(context, LogConfig),
      phone: Context.get(context, PhoneConfig),
      processes: Context.get(context, Processes)
    }))
  )

const problems = (env: Environment, layer = AppConfigEnv.layerFromProvider) =>
  Effect.map(Effect.exit(read(env, layer)), (exit) => {
    assert(Exit.isFailure(exit), "expected the settings to be refused")
    const error = Cause.squash(exit.cause)
    assert.instanceOf(error, Config.ConfigError)
    return AppConfigEnv.describeError(error)
  })

const key: Environment = { TOGETHER_API_KEY: "k-123" }

/** Runs it in a new directory, prepared like that, which the process is in for the while. */
const inDirectory = <A, E, R>(prepare: (directory: string) => void, effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const home = process.cwd()
      const directory = mkdtempSync(join(tmpdir(), "parley-config-"))
      prepare(directory)
      process.chdir(directory)
      return { directory, home }
    }),
    () => effect,
    ({ directory, home }) =>
      Effect.sync(() => {
        process.chdir(home)
        rmSync(directory, { recursive: true })
      })
  )

const inDirectoryWith = <A, E, R>(dotEnv: string, effect: Effect.Effect<A, E, R>) =>
  inDirectory((directory) => writeFileSync(join(directory, ".env"), dotEnv), effect)

describe("the browser phone", () => {
  it.effect.each<readonly [name: string, env: Environment, enabled: boolean]>([
    ["is there where nothing is verified", {}, true],
    [
      "is not there where requests are verified",
      { TWILIO_AUTH_TOKEN: "12345", PUBLIC_URL: "https://a.example" },
      false
    ],
    ["is not there in production", { NODE_ENV: "production" }, false],
    ["is there in production for who has its token", { NODE_ENV: "production", PHONE_TOKEN: "let-me-in" }, true],
    ["is there in any other environment", { NODE_ENV: "development" }, true]
  ])("%s", ([, env, enabled]) =>
    Effect.gen(function* () {
      const { phone } = yield* read({ ...key, ...env })
      assert.strictEqual(phone.enabled, enabled)
      assert.strictEqual(phone.token && Redacted.value(phone.token), env["PHONE_TOKEN"])
    })
  )
})

describe("AppConfigEnv", () => {
  it.effect("needs nothing but the key", () =>
    Effect.gen(function* () {
      const { app, edge, fallback, log } = yield* read(key)
      assert.deepStrictEqual(app.server, { host: "127.0.0.1", port: 3001, publicUrl: undefined })
      assert.strictEqual(Redacted.value(app.together.apiKey), "k-123")
      assert.strictEqual(app.together.baseUrl.href, "https://api.together.ai/v1")
      assert.deepInclude(app.together, {
        sttModel: "openai/whisper-large-v3",
        llmModel: "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo",
        ttsModel: "hexgrad/Kokoro-82M",
        ttsVoice: "af_heart"
      })
      assert.strictEqual(app.persona.id, "kira")
      assert.deepStrictEqual(app.turns, defaultTurnSettings)
      assert.deepStrictEqual(
        Object.values(app.deadlines).map((deadline) => Duration.toMillis(deadline)),
        [1500, 5000, 4000, 5000]
      )
      assert.strictEqual(app.vadModelPath, undefined)
      assert.deepStrictEqual(edge, defaultEdgeSettings)
      assert.deepStrictEqual(fallback, { speechToText: undefined, languageModel: undefined, textToSpeech: undefined })
      assert.strictEqual(log.level, "Info")
      assert.strictEqual(log.includePii, false)
    })
  )

  it.effect("takes every variable", () =>
    Effect.gen(function* () {
      const { app, edge, log } = yield* read({
        ...key,
        TWILIO_AUTH_TOKEN: "12345",
        TWILIO_AUTH_TOKEN_SECONDARY: "67890",
        TWILIO_ACCOUNT_SID: "AC0123456789abcdef0123456789abcdef",
        ALLOW_UNSIGNED: "true",
        FALLBACK_NUMBER: "+15551234567",
        MAX_CALLS: "7",
        MAX_LAG_MS: "0",
        START_DEADLINE_MS: "1500",
        MAX_PENDING_PER_ADDRESS: "3",
        DRAIN_LIMIT: "90 seconds",
        PORT: "0",
        HOST: "127.0.0.1",
        PUBLIC_URL: "https://agent.example.com/",
        PERSONA: "marcus",
        STT_MODEL: "a/stt",
        LLM_MODEL: "a/llm",
        TTS_MODEL: "a/tts",
        TTS_VOICE: "someone",
        TOGETHER_BASE_URL: "http://127.0.0.1:9/v1/",
        SPEECH_START_PROB: "0.7",
        SPEECH_END_PROB: "0.2",
        SILENCE_DURATION_MS: "600",
        ENDPOINT_MIN_MS: "300",
        ENDPOINT_MAX_MS: "3000",
        ENDPOINT_EAGERNESS: "0.25",
        MIN_SPEECH_MS: "250.5",
        BARGE_IN_PROB_THRESHOLD: "1",
        BARGE_IN_CONSECUTIVE_FRAMES: "4",
        BARGE_IN_CONFIRM_MS: "800",
        BARGE_IN_GREETING: "0.9, 5, 900",
        BARGE_IN_THINKING: ".7,2,96",
        BARGE_IN_TOOL: "1,1,0",
        BARGE_IN_RESUME_MS: "300",
        UNINTERRUPTIBLE: "greeting, time_up",
        PRE_ROLL_MS: "0",
        FILLER_MS: "0",
        MAX_FAILURES: "5",
        COMMIT_PAUSE_MS: "100",
        KEY_PAUSE_MS: "2000",
        SPECULATION_PAUSE_MS: "64",
        SPECULATIONS_PER_TURN: "0",
        SPECULATION_MAX_SPEECH_MS: "5000",
        IDLE_MS: "20000",
        IDLE_PROMPTS: "1",
        MAX_TURN_MS: "30000",
        MAX_CALL_MS: "0",
        CALL_WARNING_MS: "10000",
        TRANSCRIPT_DEADLINE_MS: "1",
        FIRST_TOKEN_DEADLINE_MS: "2",
        STALL_DEADLINE_MS: "3",
        FIRST_AUDIO_DEADLINE_MS: "4",
        VAD_MODEL_PATH: "/a path/model.onnx",
        LOG_LEVEL: "DEBUG",
        LOG_FORMAT: "pretty",
        LOG_PII: "true"
      })
      assert.deepStrictEqual(app.server, {
        host: "127.0.0.1",
        port: 0,
        publicUrl: new URL("https://agent.example.com")
      })
      assert.strictEqual(app.together.baseUrl.href, "http://127.0.0.1:9/v1")
      assert.deepInclude(app.together, { sttModel: "a/stt", llmModel: "a/llm", ttsModel: "a/tts", ttsVoice: "someone" })
      assert.strictEqual(app.persona.name, "Marcus")
      assert.deepStrictEqual(app.turns, {
        speechStartProb: 0.7,
        speechEndProb: 0.2,
        silenceDurationMs: 600,
        endpointMinMs: 300,
        endpointMaxMs: 3000,
        endpointEagerness: 0.25,
        minSpeechMs: 250.5,
        bargeIn: {
          greeting: { prob: 0.9, windows: 5, confirmMs: 900 },
          thinking: { prob: 0.7, windows: 2, confirmMs: 96 },
          tool: { prob: 1, windows: 1, confirmMs: 0 },
          speaking: { prob: 1, windows: 4, confirmMs: 800 }
        },
        uninterruptible: new Set<ReplyCue["_tag"]>(["Greeting", "TimeUp"]),
        bargeInResumeMs: 300,
        preRollMs: 0,
        fillerMs: 0,
        maxFailures: 5,
        commitPauseMs: 100,
        speculationPauseMs: 64,
        speculationsPerTurn: 0,
        speculationMaxSpeechMs: 5000,
        keyPauseMs: 2000,
        idleMs: 20_000,
        idlePrompts: 1,
        maxTurnMs: 30_000,
        maxCallMs: 0,
        callWarningMs: 10_000
      })
      assert.deepStrictEqual(
        Object.entries(app.deadlines).map(([name, deadline]) => [name, Duration.toMillis(deadline)]),
        [
          ["transcript", 1],
          ["firstToken", 2],
          ["stall", 3],
          ["firstAudio", 4]
        ]
      )
      const { drainLimit, startDeadline, verification, ...rest } = edge
      assert.strictEqual(verification?.origin.href, "https://agent.example.com/")
      assert.deepStrictEqual(verification?.authTokens.map(Redacted.value), ["12345", "67890"])
      assert.deepStrictEqual([startDeadline, drainLimit].map(Duration.toMillis), [1500, 90_000])
      assert.deepStrictEqual(rest, {
        accountSid: "AC0123456789abcdef0123456789abcdef",
        fallbackNumber: "+15551234567",
        maxPendingPerAddress: 3,
        maxCalls: 7,
        maxLagMs: 0
      })
      assert.strictEqual(app.vadModelPath, "/a path/model.onnx")
      assert.deepStrictEqual(log, { level: "Debug", format: "pretty", includePii: true })
    })
  )

  it.effect("takes none for what is never said to its end", () =>
    Effect.gen(function* () {
      const { app } = yield* read({ ...key, UNINTERRUPTIBLE: "none" })
      assert.strictEqual(app.turns.uninterruptible.size, 0)
    })
  )

  it.effect("reads empty and blank values as not set, and trims the others", () =>
    Effect.gen(function* () {
      const { app } = yield* read({ TOGETHER_API_KEY: " k-123\r", PORT: "", PERSONA: "  " })
      assert.strictEqual(Redacted.value(app.together.apiKey), "k-123")
      assert.strictEqual(app.server.port, 3001)
      assert.strictEqual(app.persona.id, "kira")
    })
  )

  it.effect("is for the sandbox when there is no key, and for whom it is told to be", () =>
    Effect.gen(function* () {
      const provider = (env: Environment) =>
        Effect.provide(
          Effect.map(Effect.all([Provider, AppConfig]), ([provider, { persona }]) => `${provider} ${persona.id}`),
          AppConfigEnv.layerFromProvider.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))
        )
      assert.strictEqual(yield* provider({}), "sandbox sandbox")
      assert.strictEqual(yield* provider({ PERSONA: "marcus" }), "sandbox marcus")
      assert.strictEqual(yield* provider(key), "together kira")
      assert.strictEqual(yield* provider({ ...key, PROVIDER: "sandbox" }), "sandbox sandbox")
    })
  )

  it.effect("spreads calls over one process, so many, or one for each core", () =>
    Effect.gen(function* () {
      const processes = (env: Environment) => Effect.map(read({ ...key, ...env }), ({ processes }) => processes)
      assert.strictEqual(yield* processes({}), 1)
      assert.strictEqual(yield* processes({ PROCESSES: "3" }), 3)
      assert.strictEqual(yield* processes({ PROCESSES: "auto" }), availableParallelism())
    })
  )

  it.effect("says where to get a key when there is none and one is needed", () =>
    Effect.gen(function* () {
      const lines = yield* problems({ PROVIDER: "together" })
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /^TOGETHER_API_KEY is not set: .*https:\/\/api\.together\.ai\/settings\/api-keys/)
    })
  )

  it.effect.each([
    ["PORT", "65536", "a whole number from 0 to 65535"],
    ["PORT", "-1", "a whole number from 0 to 65535"],
    ["PORT", "30.5", "a whole number from 0 to 65535"],
    ["PORT", "http", "a whole number from 0 to 65535"],
    ["HOST", "all of them", "without spaces"],
    ["PERSONA", "bob", "one of kira, account_exec, marcus"],
    ["PUBLIC_URL", "http://agent.example.com", "an https URL without a path or query"],
    ["PUBLIC_URL", "https://agent.example.com/twiml", "an https URL without a path or query"],
    ["PUBLIC_URL", "https://agent.example.com/?a=1", "an https URL without a path or query"],
    ["PUBLIC_URL", "https://agent.example.com?", "an https URL without a path or query"],
    ["PUBLIC_URL", "agent.example.com", "an https URL without a path or query"],
    ["TOGETHER_BASE_URL", "wss://api.together.ai/v1", "an http or https URL"],
    ["TOGETHER_BASE_URL", "https://api.together.ai/v1?key=1", "without a query"],
    ["SPEECH_START_PROB", "1.01", "a number from 0 to 1"],
    ["SPEECH_END_PROB", "-0.1", "a number from 0 to 1"],
    ["BARGE_IN_PROB_THRESHOLD", "85%", "a number from 0 to 1"],
    ["SILENCE_DURATION_MS", "500ms", "a number of milliseconds, 0 or more"],
    ["MIN_SPEECH_MS", "-1", "a number of milliseconds, 0 or more"],
    ["PRE_ROLL_MS", "Infinity", "a number of milliseconds, 0 or more"],
    ["COMMIT_PAUSE_MS", "NaN", "a number of milliseconds, 0 or more"],
    ["ENDPOINT_EAGERNESS", "1.5", "a number from 0 to 1"],
    ["ENDPOINT_MIN_MS", "short", "a number of milliseconds, 0 or more"],
    ["BARGE_IN_GREETING", "0.9,4", "a number of windows, 1 or more"],
    ["BARGE_IN_THINKING", "1.1,4,700", "a probability"],
    ["BARGE_IN_TOOL", "0.9,0,700", "with commas between them"],
    ["BARGE_IN_TOOL", "0.9,2,-1", "milliseconds of speech"],
    ["BARGE_IN_CONSECUTIVE_FRAMES", "0", "a whole number, 1 or more"],
    ["BARGE_IN_CONSECUTIVE_FRAMES", "2.5", "a whole number, 1 or more"],
    ["SPECULATIONS_PER_TURN", "-1", "a whole number, 0 or more"],
    ["IDLE_PROMPTS", "1.5", "a whole number, 0 or more"],
    ["MAX_CALLS", "0", "a whole number, 1 or more"],
    ["MAX_PENDING_PER_ADDRESS", "1.5", "a whole number, 1 or more"],
    ["PROCESSES", "0", "auto, or a whole number from 1 to 256"],
    ["PROCESSES", "257", "auto, or a whole number from 1 to 256"],
    ["PROCESSES", "all", "auto, or a whole number from 1 to 256"],
    ["TWILIO_ACCOUNT_SID", "AC123", "AC and 32 hexadecimal digits"],
    ["FALLBACK_NUMBER", "0800 123", "a phone number in E.164 form"],
    ["ALLOW_UNSIGNED", "yes", "true or false"],
    ["START_DEADLINE_MS", "0", "a number of milliseconds above 0"],
    ["DRAIN_LIMIT", "600", "a duration with its unit"],
    ["DRAIN_LIMIT", "Infinity", "a duration with its unit"],
    ["UNINTERRUPTIBLE", "greeting,toString", "greeting, answer, ask_again"],
    ["UNINTERRUPTIBLE", "greeting,,time_up", "with commas between them"],
    ["FIRST_TOKEN_DEADLINE_MS", "0", "a number of milliseconds above 0"],
    ["FILLER_MS", "-1", "a number of milliseconds, 0 or more"],
    ["MAX_FAILURES", "1.5", "a whole number, 0 or more"],
    ["LLM_FALLBACK_MODEL", "a model", "without spaces"],
    ["FALLBACK_BASE_URL", "wss://api.example.com/v1", "an http or https URL"],
    ["LOG_LEVEL", "loud", "info, debug"],
    ["LOG_FORMAT", "xml", "one of auto, pretty, json"],
    ["LOG_PII", "1", "true or false"]
  ] as const)("refuses %s=%s", ([name, given, expected]) =>
    Effect.gen(function* () {
      const lines = yield* problems({ ...key, [name]: given })
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0], `${name} is ${JSON.stringify(given)}: expected `)
      assert.include(lines[0], expected)
      assert.notInclude(lines[0], "\n")
    })
  )

  it.effect("tells everything that is wrong at once, one line for each variable", () =>
    Effect.gen(function* () {
      const lines = yield* problems({ PORT: "x", PERSONA: "y", SPEECH_START_PROB: "0.3", LOG_LEVEL: "a\nb" })
      assert.deepStrictEqual(
        lines.map((line) => line.split(" ")[0]),
        ["PORT", "PERSONA", "LOG_LEVEL", "SPEECH_END_PROB"]
      )
      assert.isFalse(lines.some((line) => line.includes("\n")))
    })
  )

  it.effect("lets the agent be interrupted by the same rules in all states where nothing else is said", () =>
    Effect.gen(function* () {
      const { app } = yield* read({ ...key, BARGE_IN_PROB_THRESHOLD: "0.9", BARGE_IN_CONFIRM_MS: "500" })
      const usual = { prob: 0.9, windows: 3, confirmMs: 500 }
      assert.deepStrictEqual(app.turns.bargeIn, {
        greeting: usual,
        thinking: defaultTurnSettings.bargeIn.thinking,
        tool: usual,
        speaking: usual
      })
    })
  )

  it.effect("wants the longest pause not below the shortest", () =>
    Effect.gen(function* () {
      const lines = yield* problems({ ...key, ENDPOINT_MIN_MS: "900", ENDPOINT_MAX_MS: "800" })
      assert.deepStrictEqual(lines, [
        "ENDPOINT_MAX_MS is 800: expected a number not below ENDPOINT_MIN_MS, which is 900"
      ])
    })
  )

  it.effect("wants the end of speech below its start", () =>
    Effect.gen(function* () {
      const lines = yield* problems({ ...key, SPEECH_START_PROB: "0.5", SPEECH_END_PROB: "0.5" })
      assert.deepStrictEqual(lines, ["SPEECH_END_PROB is 0.5: expected a number below SPEECH_START_PROB, which is 0.5"])
    })
  )

  it.effect.each([
    [{}, "127.0.0.1"],
    [{ HOST: "127.3.2.1" }, "127.3.2.1"],
    [{ HOST: "localhost" }, "localhost"],
    [{ HOST: "::1" }, "::1"],
    [{ ALLOW_UNSIGNED: "true" }, "0.0.0.0"],
    [{ ALLOW_UNSIGNED: "true", HOST: "10.0.0.7" }, "10.0.0.7"],
    [{ TWILIO_AUTH_TOKEN: "t", PUBLIC_URL: "https://agent.example.com" }, "0.0.0.0"],
    [{ TWILIO_AUTH_TOKEN: "t", PUBLIC_URL: "https://agent.example.com", HOST: "10.0.0.7" }, "10.0.0.7"]
  ] as const)("listens to other machines only if requests are verified or nobody minds: %o", ([env, host]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* read({ ...key, ...env })).app.server.host, host)
    })
  )

  it.effect.each(["0.0.0.0", "::", "10.0.0.7", "127.0.0.1.example.com", "agent.example.com"])(
    "refuses to listen on %s without an auth token, and says why",
    (host) =>
      Effect.gen(function* () {
        const lines = yield* problems({ ...key, HOST: host })
        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], `HOST is "${host}": expected an address of this machine alone, such as 127.0.0.1`)
        assert.include(lines[0], "anybody who reaches the server could place calls")
        assert.include(lines[0], "ALLOW_UNSIGNED=true")
      })
  )

  it.effect("wants the origin that signatures are for", () =>
    Effect.gen(function* () {
      const lines = yield* problems({ ...key, TWILIO_AUTH_TOKEN: "t" })
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /^PUBLIC_URL is not set: expected the origin that Twilio calls, .*TWILIO_AUTH_TOKEN/)
    })
  )

  it.effect("takes no second auth token without a first one", () =>
    Effect.gen(function* () {
      const lines = yield* problems({ ...key, TWILIO_AUTH_TOKEN_SECONDARY: "t2" })
      assert.deepStrictEqual(lines, [
        "TWILIO_AUTH_TOKEN is not set: expected one, as TWILIO_AUTH_TOKEN_SECONDARY is set"
      ])
    })
  )

  it.effect("makes a second choice of what is named for one", () =>
    Effect.gen(function* () {
      const { fallback } = yield* read({
        ...key,
        LLM_FALLBACK_MODEL: "b/llm",
        TTS_FALLBACK_MODEL: "b/tts",
        TTS_FALLBACK_VOICE: "somebody-else",
        FALLBACK_BASE_URL: "https://api.example.com/openai/v1/",
        FALLBACK_API_KEY: "k-456"
      })
      assert.isUndefined(fallback.speechToText)
      assert.strictEqual(fallback.languageModel?.baseUrl.href, "https://api.example.com/openai/v1")
      assert.strictEqual(Redacted.value(fallback.languageModel?.apiKey ?? Redacted.make("")), "k-456")
      assert.strictEqual(fallback.languageModel?.llmModel, "b/llm")
      assert.deepInclude(fallback.textToSpeech, { ttsModel: "b/tts", ttsVoice: "somebody-else" })
    })
  )

  it.effect("asks the first account unless the second choice is somewhere else", () =>
    Effect.gen(function* () {
      const { app, fallback } = yield* read({ ...key, STT_FALLBACK_MODEL: "b/stt" })
      assert.deepStrictEqual(fallback, {
        speechToText: { ...app.together, sttModel: "b/stt" },
        languageModel: undefined,
        textToSpeech: undefined
      })
    })
  )

  it.effect.each([
    [{ FALLBACK_API_KEY: "k-456" }, "FALLBACK_API_KEY is set: expected at least one of STT_FALLBACK_MODEL, LLM_"],
    [{ FALLBACK_BASE_URL: "https://api.example.com/v1", FALLBACK_API_KEY: "" }, "FALLBACK_BASE_URL is set: expected"],
    [
      { TTS_FALLBACK_VOICE: "somebody" },
      "TTS_FALLBACK_MODEL is not set: expected the model that has TTS_FALLBACK_VOICE"
    ],
    [
      { LLM_FALLBACK_MODEL: "b/llm", FALLBACK_BASE_URL: "https://api.example.com/v1" },
      "FALLBACK_API_KEY is not set: expected the key for https://api.example.com, as TOGETHER_API_KEY is not sent there"
    ],
    [
      { LLM_FALLBACK_MODEL: "b/llm", FALLBACK_BASE_URL: "http://api.together.ai/v1" },
      "FALLBACK_API_KEY is not set: expected the key for http://api.together.ai, as"
    ],
    [{ LLM_MODEL: "a/llm", LLM_FALLBACK_MODEL: "a/llm" }, "LLM_FALLBACK_MODEL is LLM_MODEL, at the same place"],
    [
      { TTS_MODEL: "a/tts", TTS_FALLBACK_MODEL: "a/tts", TTS_FALLBACK_VOICE: "af_heart" },
      "TTS_FALLBACK_MODEL is TTS_MODEL, at the same place"
    ]
  ] as const)("refuses a second choice that cannot be one: %o", ([env, expected]) =>
    Effect.gen(function* () {
      const lines = yield* problems({ ...key, ...env })
      assert.include(lines[0], expected)
      assert.strictEqual(lines.filter((line) => line.includes("k-456")).length, 0)
    })
  )

  it.effect.each([
    { TTS_MODEL: "a/tts", TTS_FALLBACK_MODEL: "a/tts", TTS_FALLBACK_VOICE: "somebody" },
    { LLM_MODEL: "a/llm", LLM_FALLBACK_MODEL: "a/llm", FALLBACK_API_KEY: "k-456" }
  ])("takes the same model with another voice or on another account: %o", (env) =>
    Effect.gen(function* () {
      const { fallback } = yield* read({ ...key, ...env })
      assert.isDefined(fallback.textToSpeech ?? fallback.languageModel)
    })
  )

  it.effect("says once what is wrong with a variable that others depend on", () =>
    Effect.gen(function* () {
      const lines = yield* problems({ ...key, TWILIO_AUTH_TOKEN: "two words", PUBLIC_URL: "agent", HOST: "0.0.0.0" })
      assert.deepStrictEqual(
        lines.map((line) => line.split(" ")[0]),
        ["PUBLIC_URL", "TWILIO_AUTH_TOKEN"]
      )
      assert.notInclude(lines.join(), "two words")
    })
  )

  it.effect.each([`"quoted-key"`, "two words", "schlüssel"])("refuses the key %s without showing it", (given) =>
    Effect.gen(function* () {
      const lines = yield* problems({ TOGETHER_API_KEY: given })
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /^TOGETHER_API_KEY is /)
      assert.notInclude(lines[0], given)
    })
  )

  it.effect("does not show a password in a URL", () =>
    Effect.gen(function* () {
      const lines = yield* problems({ ...key, TOGETHER_BASE_URL: "https://me:hunter2@example.com/v1" })
      assert.strictEqual(lines.length, 1)
      assert.notInclude(lines[0], "hunter2")
    })
  )

  it.effect("reads .env, and the environment wins over it", () =>
    inDirectoryWith(
      `TOGETHER_API_KEY="from-file" # mine\nexport PORT=4000\nPERSONA=marcus\n`,
      Effect.gen(function* () {
        const { app } = yield* read({ PERSONA: "account_exec" }, AppConfigEnv.layer)
        assert.strictEqual(Redacted.value(app.together.apiKey), "from-file")
        assert.strictEqual(app.server.port, 4000)
        assert.strictEqual(app.persona.id, "account_exec")
      })
    )
  )

  it.effect("reads .env in spite of longer names in the environment that begin the same", () =>
    inDirectoryWith(
      "TOGETHER_API_KEY=from-file\nPORT=4000\n",
      Effect.gen(function* () {
        const { app } = yield* read({ PORT_FORWARD: "1", TOGETHER_API_KEY_OLD: "x" }, AppConfigEnv.layer)
        assert.strictEqual(app.server.port, 4000)
      })
    )
  )

  it.effect("says so when .env is there and cannot be read", () =>
    inDirectory(
      (directory) => mkdirSync(join(directory, ".env")),
      Effect.gen(function* () {
        const lines = yield* problems(key, AppConfigEnv.layer)
        assert.strictEqual(lines.length, 1)
        assert.match(lines[0] ?? "", /^\.env could not be read: .+/)
      })
    )
  )

  it.effect("does without .env", () =>
    inDirectory(
      () => {},
      Effect.gen(function* () {
        assert.strictEqual((yield* read(key, AppConfigEnv.layer)).app.server.port, 3001)
      })
    )
  )

  it.effect("names the variable that is wrong in .env", () =>
    inDirectoryWith(
      "TOGETHER_API_KEY=k\nPORT=many\n",
      Effect.gen(function* () {
        const lines = yield* problems({}, AppConfigEnv.layer)
        assert.deepStrictEqual(lines, [`PORT is "many": expected a whole number from 0 to 65535`])
      })
    )
  )

  it.effect("never prints a secret", () =>
    Effect.gen(function* () {
      const secrets = {
        ...key,
        TWILIO_AUTH_TOKEN: "t-1",
        TWILIO_AUTH_TOKEN_SECONDARY: "t-2",
        FALLBACK_API_KEY: "k-456",
        PHONE_TOKEN: "phone-token"
      }
      const env = { ...secrets, LLM_FALLBACK_MODEL: "b/llm", PUBLIC_URL: "https://agent.example.com" }
      for (const settings of Object.values(yield* read(env)))
        for (const shown of [JSON.stringify(settings), inspect(settings, { depth: 9 })]) {
          for (const secret of Object.values(secrets)) assert.notInclude(shown, secret)
        }
    })
  )
})
