/** A synthesis session on the real layer for tests, against the emulator on a real socket or on fake sockets, and audio that proves what was played. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Context, Duration, Effect, Layer, Logger, Queue, Redacted, References, type Scope, Stream } from "effect"
import { type Socket } from "effect/socket"
import * as TogetherTextToSpeech from "../../src/layers/TogetherTextToSpeech.ts"
import { personas } from "../../src/schema/Personas.ts"
import { defaultTurnSettings } from "../../src/schema/TurnSettings.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { type SpeechAudio, TextToSpeech, type TextToSpeechSession } from "../../src/services/TextToSpeech.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { type TtsEmulator, ttsEmulator, type TtsEmulatorScript } from "../../src/testing/TtsEmulator.ts"

/** The key of the test's account; must turn up nowhere. */
export const KEY = "key-that-is-private"

const configLayer = (baseUrl: URL, apiKey: string): Layer.Layer<AppConfig> =>
  Layer.succeed(AppConfig, {
    server: { host: "127.0.0.1", port: 0, publicUrl: undefined },
    together: {
      apiKey: Redacted.make(apiKey),
      baseUrl,
      sttModel: "stt",
      llmModel: "llm",
      ttsModel: "hexgrad/Kokoro-82M",
      ttsVoice: "af_heart"
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

/** A session whose connection is being made in the background. It lives in the scope around it, its layer in one that is already closed. */
export const openSession = (
  sockets: Layer.Layer<Socket.WebSocketConstructor>,
  baseUrl: URL,
  apiKey = KEY
): Effect.Effect<TextToSpeechSession, never, Scope.Scope> =>
  Effect.gen(function* () {
    const layer = TogetherTextToSpeech.layer.pipe(Layer.provide([sockets, configLayer(baseUrl, apiKey)]))
    const service = yield* Effect.scoped(Layer.build(layer))
    return yield* Context.get(service, TextToSpeech).open
  })

/** One line of the log, annotations and all. */
export type LogLine = string

/** Runs a test with its log collected and not printed. */
export const withLogs = <A, E, R>(body: (logs: ReadonlyArray<LogLine>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<LogLine> = []
    const collector = Logger.make<unknown, void>(({ fiber, message }) => {
      const annotations = JSON.stringify(fiber.getRef(References.CurrentLogAnnotations))
      lines.push(`${Array.isArray(message) ? message.map(String).join(" ") : String(message)} ${annotations}`)
    })
    return Effect.provide(body(lines), Logger.layer([collector]))
  })

/** What a test gets. */
export interface Synthesis {
  readonly tts: TtsEmulator
  readonly session: TextToSpeechSession
  /** Another session. */
  readonly open: Effect.Effect<TextToSpeechSession, never, Scope.Scope>
  readonly logs: ReadonlyArray<LogLine>
}

/** Runs a test on a session that is connected, in the background, to an emulator with this script. */
export const withEmulator = <A, E>(
  script: TtsEmulatorScript,
  body: (synthesis: Synthesis) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E, Scope.Scope> =>
  withLogs((logs) =>
    Effect.gen(function* () {
      const tts = yield* ttsEmulator({ audio: ({ text }) => speech(text), realTimeFactor: 0.002, ...script })
      const origin = yield* serveEmulator(tts.routes)
      const open = openSession(NodeWS.layerWebSocketConstructor, new URL("/v1", origin))
      const session = yield* open
      return yield* body({ tts, session, open, logs })
    })
  )

/** Samples that no other text has, as long as the text takes to say (24 kHz). */
export const speech = (text: string): Int16Array => {
  let seed = 0
  for (const character of text) seed = (seed * 31 + (character.codePointAt(0) ?? 0)) % 65_521
  return Int16Array.from({ length: text.length * 1600 }, (_, i) => ((i * 7919 + seed * 101) % 60_000) - 30_000)
}

/** The samples of each sentence, put together; the index is the sentence. */
export const samplesBySentence = (audio: ReadonlyArray<SpeechAudio>): ReadonlyArray<Int16Array> => {
  const count = Math.max(0, ...audio.map(({ sentence }) => sentence + 1))
  return Array.from({ length: count }, (_, index) => {
    const pieces = audio.filter(({ sentence }) => sentence === index)
    const samples = new Int16Array(pieces.reduce((sum, piece) => sum + piece.samples.length, 0))
    let at = 0
    for (const piece of pieces) {
      samples.set(piece.samples, at)
      at += piece.samples.length
    }
    return samples
  })
}

/** Whether these are the same samples. */
export const sameSamples = (a: Int16Array | undefined, b: Int16Array): boolean =>
  a !== undefined && a.length === b.length && a.every((sample, i) => sample === b[i])

/** Texts, each the one whose whole {@link speech} these samples are, or what they are instead. */
export const textsOf = (audio: ReadonlyArray<SpeechAudio>, known: ReadonlyArray<string>): ReadonlyArray<string> =>
  samplesBySentence(audio).map(
    (samples) =>
      known.find((text) => sameSamples(samples, speech(text))) ??
      (samples.length === 0 ? "nothing" : `${samples.length} other samples`)
  )

/** Speaks texts and tells what was heard, by sentence. */
export const heard = (session: TextToSpeechSession, texts: ReadonlyArray<string>) =>
  session.speak(Stream.fromIterable(texts)).pipe(
    Stream.runCollect,
    Effect.map((audio) => textsOf(audio, texts))
  )

/** Speech that is being collected while the test goes on. */
export const collecting = Effect.fnUntraced(function* <E, R>(stream: Stream.Stream<SpeechAudio, E, R>) {
  const audio: Array<SpeechAudio> = []
  const pieces = yield* Queue.unbounded<SpeechAudio>()
  const fiber = yield* stream.pipe(
    Stream.runForEach((piece) =>
      Effect.sync(() => {
        audio.push(piece)
        Queue.offerUnsafe(pieces, piece)
      })
    ),
    Effect.forkChild({ startImmediately: true })
  )
  return { audio, fiber, piece: Queue.take(pieces) }
})
