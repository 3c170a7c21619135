/** A recognition session on the real layer for tests: against the emulator on a real socket, or on fake sockets. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Context, Duration, Effect, Layer, Logger, Redacted, References, type Scope } from "effect"
import { type Socket } from "effect/socket"
import * as TogetherSpeechToText from "../../src/layers/TogetherSpeechToText.ts"
import { personas } from "../../src/schema/Personas.ts"
import { defaultTurnSettings } from "../../src/schema/TurnSettings.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { SpeechToText, type SpeechToTextSession } from "../../src/services/SpeechToText.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { type SttEmulator, sttEmulator, type SttEmulatorScript } from "../../src/testing/SttEmulator.ts"

/** The key of the test's account; must turn up nowhere. */
export const KEY = "key-that-is-private"

/** Configuration that points at a service. */
export const configLayer = (baseUrl: URL, apiKey = KEY): Layer.Layer<AppConfig> =>
  Layer.succeed(AppConfig, {
    server: { host: "127.0.0.1", port: 0, publicUrl: undefined },
    together: {
      apiKey: Redacted.make(apiKey),
      baseUrl,
      sttModel: "openai/whisper-large-v3",
      llmModel: "llm",
      ttsModel: "tts",
      ttsVoice: "voice"
    },
    persona: personas[0],
    turns: defaultTurnSettings,
    deadlines: {
      transcript: Duration.seconds(2),
      firstToken: Duration.seconds(5),
      stall: Duration.seconds(5),
      firstAudio: Duration.seconds(5)
    },
    vadModelPath: undefined
  })

/** One line of the log. */
export interface LogLine {
  readonly level: string
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
}

const collector = (lines: Array<LogLine>) =>
  Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
    const parts = Array.isArray(message) ? message : [message]
    lines.push({
      level: logLevel,
      message: parts.map(String).join(" "),
      annotations: fiber.getRef(References.CurrentLogAnnotations)
    })
  })

/** A session, opened in the scope, on whatever sockets there are. */
export const openSession = Effect.fnUntraced(function* (
  sockets: Layer.Layer<Socket.WebSocketConstructor>,
  baseUrl: URL,
  apiKey?: string
): Effect.fn.Return<SpeechToTextSession, never, Scope.Scope> {
  const layer = TogetherSpeechToText.layer.pipe(Layer.provide([sockets, configLayer(baseUrl, apiKey)]))
  return yield* Context.get(yield* Layer.build(layer), SpeechToText).open
})

/** What a test gets. */
export interface Recognition {
  readonly emulator: SttEmulator
  readonly session: SpeechToTextSession
  /** Everything logged so far. */
  readonly logs: ReadonlyArray<LogLine>
}

/** Runs a test with its log collected and not printed. */
export const withLogs = <A, E, R>(body: (logs: ReadonlyArray<LogLine>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<LogLine> = []
    return Effect.provide(body(lines), Logger.layer([collector(lines)]))
  })

/** Waits until this many lines were logged. */
export const logged = (logs: ReadonlyArray<LogLine>, lines: number): Effect.Effect<void> =>
  Effect.suspend(() => (logs.length < lines ? Effect.andThen(Effect.yieldNow, logged(logs, lines)) : Effect.void))

/** Runs a test on a session that is connected, in the background, to an emulator with this script. */
export const withEmulator = <A, E>(
  script: SttEmulatorScript,
  body: (recognition: Recognition) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E, Scope.Scope> =>
  withLogs((logs) =>
    Effect.gen(function* () {
      const emulator = yield* sttEmulator(script)
      const origin = yield* serveEmulator(emulator.routes)
      const session = yield* openSession(NodeWS.layerWebSocketConstructor, new URL("/v1", origin))
      return yield* body({ emulator, session, logs })
    })
  )

/** Telephone audio (8 kHz) of one level, from which `levelOf` tells whose it is. */
export const voice = (level: number, ms: number): Int16Array => new Int16Array(ms * 8).fill(level * 100)

/** The level of audio of one level, at any rate: its middle, away from the edges that resampling rings at. */
export const levelOf = (samples: Int16Array): number => {
  const middle = samples.subarray(samples.length >> 2, Math.max(1, samples.length - (samples.length >> 2)))
  return Math.round(middle.reduce((sum, sample) => sum + sample, 0) / middle.length / 100)
}

/** Words that tell which audio they were made from, and how much of it there was. */
export const levelWords = ({ samples }: { readonly samples: Int16Array }): string =>
  `level ${levelOf(samples)}, ${samples.length / 16} ms`

/** Says a segment of one level and asks for its words. */
export const say = (session: SpeechToTextSession, segment: number, level: number, ms = 300) =>
  Effect.andThen(session.append(segment, voice(level, ms)), session.commit(segment))
