/**
 * Measures what it brings to open connections while the phone rings, on real sockets to emulated services that take a while
 * to connect to. `npm run bench:ringing -- [--connect 150]`
 */
import { Clock, Context, Duration, Effect, Layer, Logger, Redacted, type Scope, Stream } from "effect"
import * as LanguageModel from "effect/ai/LanguageModel"
import { connect, createServer, type Server, type Socket } from "node:net"
import { parseArgs } from "node:util"
import * as Choices from "../src/layers/Choices.ts"
import * as KeptHttpClient from "../src/layers/KeptHttpClient.ts"
import * as ReadySockets from "../src/layers/ReadySockets.ts"
import * as TogetherLanguageModel from "../src/layers/TogetherLanguageModel.ts"
import * as TogetherPrewarm from "../src/layers/TogetherPrewarm.ts"
import * as TogetherSpeechToText from "../src/layers/TogetherSpeechToText.ts"
import * as TogetherTextToSpeech from "../src/layers/TogetherTextToSpeech.ts"
import * as VendorSockets from "../src/layers/VendorSockets.ts"
import { AppConfig } from "../src/services/AppConfig.ts"
import { Prewarm } from "../src/services/Prewarm.ts"
import { SpeechToText } from "../src/services/SpeechToText.ts"
import { TextToSpeech } from "../src/services/TextToSpeech.ts"
import { chatEmulator } from "../src/testing/ChatEmulator.ts"
import { serveEmulator } from "../src/testing/EmulatorServer.ts"
import { configOf } from "../src/testing/SimulatedServices.ts"
import { sttEmulator } from "../src/testing/SttEmulator.ts"
import { ttsEmulator } from "../src/testing/TtsEmulator.ts"

const { values } = parseArgs({ options: { connect: { type: "string", default: "150" } } })
const connectMs = Number(values.connect)

const ROUNDS = 15

/** How long the phone rings. */
const RINGING = Duration.millis(600)

/** How long each service takes once it is connected, in milliseconds. */
const times = { words: 120, firstToken: 250, firstByte: 150 }

/** Passes connections on, each once it has waited as long as a handshake across the world takes. */
const farAway = (target: URL): Effect.Effect<URL, never, Scope.Scope> =>
  Effect.gen(function* () {
    const open = new Set<Socket>()
    const server = yield* Effect.acquireRelease(
      Effect.callback<Server>((resume) => {
        const server = createServer((socket) => {
          open.add(socket)
          socket.on("error", () => socket.destroy())
          setTimeout(() => {
            const passed = connect(Number(target.port), target.hostname)
            open.add(passed)
            passed.on("error", () => socket.destroy())
            passed.setNoDelay(true)
            passed.pipe(socket.setNoDelay(true)).pipe(passed)
          }, connectMs)
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          server.close()
          for (const socket of open) socket.destroy()
        })
    )
    const address = server.address()
    return new URL(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/v1`)
  })

const services = (baseUrl: URL) => {
  const config = configOf({ services: { languageModel: { replies: [] } } })
  const together = { ...config.together, apiKey: Redacted.make("bench"), baseUrl }
  return Layer.mergeAll(
    TogetherPrewarm.layer.pipe(Layer.provide(Choices.layer)),
    TogetherSpeechToText.layer,
    TogetherTextToSpeech.layer,
    TogetherLanguageModel.layer
  ).pipe(
    Layer.provide([
      Layer.succeed(AppConfig, { ...config, together }),
      KeptHttpClient.layer,
      ReadySockets.layer({ limit: 4 }).pipe(Layer.provide(VendorSockets.layer))
    ])
  )
}

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const begun = yield* Clock.currentTimeMillis
    yield* effect
    return (yield* Clock.currentTimeMillis) - begun
  })

/** One call, from the moment that the line is open: what each service's first answer takes. */
const call = (isAnnounced: boolean) =>
  Effect.gen(function* () {
    const emulators = yield* Effect.all([
      sttEmulator({ latency: Duration.millis(times.words) }),
      ttsEmulator({ firstAudio: Duration.millis(times.firstByte) }),
      chatEmulator({ replies: [{ text: "Yes, of course.", pace: { firstToken: Duration.millis(times.firstToken) } }] })
    ])
    const origin = yield* serveEmulator(Layer.mergeAll(emulators[0].routes, emulators[1].routes, emulators[2].routes))
    const context = yield* Layer.build(services(yield* farAway(origin)))
    if (isAnnounced) yield* Context.get(context, Prewarm).prepare
    yield* Effect.sleep(RINGING)
    const [greeting, words, answer] = yield* Effect.all(
      [
        timed(
          Effect.flatMap(Context.get(context, TextToSpeech).open, ({ speak }) =>
            Stream.runHead(speak(Stream.make("Hello.")))
          )
        ),
        timed(
          Effect.flatMap(Context.get(context, SpeechToText).open, ({ append, commit }) =>
            Effect.andThen(append(1, new Int16Array(1600).fill(1000)), commit(1))
          )
        ),
        timed(
          Context.get(context, LanguageModel.LanguageModel)
            .streamText({ prompt: "Hello?" })
            .pipe(
              Stream.filter(({ type }) => type === "text-delta"),
              Stream.runHead
            )
        )
      ],
      { concurrency: 3 }
    )
    return { greeting, words, answer }
  }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))

const median = (of: ReadonlyArray<number>): number => of.toSorted((a, b) => a - b)[of.length >> 1] ?? Number.NaN

const measure = (isAnnounced: boolean) =>
  Effect.map(
    Effect.forEach(Array.from({ length: ROUNDS }), () => call(isAnnounced)),
    (calls) => ({
      "greeting, if it is not kept": median(calls.map(({ greeting }) => greeting)),
      "first words recognised": median(calls.map(({ words }) => words)),
      "first token of an answer": median(calls.map(({ answer }) => answer))
    })
  )

const cold = await Effect.runPromise(measure(false))
const ready = await Effect.runPromise(measure(true))
console.log(`connecting takes ${connectMs} ms; medians of ${ROUNDS} calls, from the moment that the call is there\n`)
for (const name of Object.keys(cold) as ReadonlyArray<keyof typeof cold>) {
  console.log(
    name.padEnd(30),
    `opened by the call ${cold[name].toFixed(0).padStart(4)} ms`,
    `  while it rang ${ready[name].toFixed(0).padStart(4)} ms`,
    `  ratio ${(ready[name] / cold[name]).toFixed(2)}`
  )
}
