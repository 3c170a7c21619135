import { assert, it } from "@effect/vitest"
import { Duration, Effect, Layer, Logger, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as KeptSpeechMemory from "../../src/layers/KeptSpeechMemory.ts"
import { TextToSpeechError } from "../../src/schema/Errors.ts"
import { personas } from "../../src/schema/Personas.ts"
import { defaultPhrases } from "../../src/schema/Phrases.ts"
import { defaultTurnSettings } from "../../src/schema/TurnSettings.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { KeptSpeech } from "../../src/services/KeptSpeech.ts"
import { TextToSpeech } from "../../src/services/TextToSpeech.ts"
import { settle } from "../support/Settle.ts"

const persona = personas[0]

const config = Layer.succeed(AppConfig, {
  server: { host: "127.0.0.1", port: 0, publicUrl: undefined },
  together: {
    apiKey: Redacted.make("key"),
    baseUrl: new URL("http://127.0.0.1/v1"),
    sttModel: "stt",
    llmModel: "llm",
    ttsModel: "tts",
    ttsVoice: "voice"
  },
  persona,
  turns: defaultTurnSettings,
  deadlines: {
    transcript: Duration.seconds(1),
    firstToken: Duration.seconds(1),
    stall: Duration.seconds(1),
    firstAudio: Duration.seconds(1)
  },
  vadModelPath: undefined
} as AppConfig["Service"])

/** A voice that is away for its first sessions and then says 100 ms for every sentence. */
const voice = (sessionsAway: number) => {
  const said: Array<string> = []
  let sessions = 0
  const layer = Layer.succeed(TextToSpeech, {
    open: Effect.sync(() => {
      const away = sessions++ < sessionsAway
      return {
        speak: <E, R>(sentences: Stream.Stream<string, E, R>) =>
          away
            ? Stream.fail(new TextToSpeechError({ reason: "Unreachable", message: "the voice is away" }))
            : Stream.map(sentences, (text) => {
                said.push(text)
                return { sentence: 0, samples: new Int16Array(2400).fill(1000), sampleRate: 24000 }
              })
      }
    })
  })
  return { said, layer }
}

const quiet = Logger.layer([])

it.effect("makes the greeting and every phrase once, and finds them from then on", () => {
  const { layer, said } = voice(0)
  return Effect.gen(function* () {
    const kept = yield* KeptSpeech
    yield* settle
    assert.isAtLeast(kept.find(persona.greeting)?.length ?? 0, 800)
    for (const phrase of Object.values(defaultPhrases)) assert.isDefined(kept.find(phrase), phrase)
    assert.isUndefined(kept.find("Something else."))
    const before = said.length
    yield* TestClock.adjust("1 hour")
    yield* settle
    assert.strictEqual(said.length, before)
  }).pipe(Effect.provide(KeptSpeechMemory.layer.pipe(Layer.provide([layer, config]))))
})

it.effect("asks a voice that is away again, later and later, and does not keep anybody waiting", () => {
  const { layer } = voice(3)
  return Effect.gen(function* () {
    const kept = yield* KeptSpeech
    yield* settle
    assert.isUndefined(kept.find(persona.greeting))
    for (const seconds of [1, 2]) {
      yield* TestClock.adjust(Duration.seconds(seconds))
      yield* settle
      assert.isUndefined(kept.find(persona.greeting))
    }
    yield* TestClock.adjust("4 seconds")
    yield* settle
    assert.isDefined(kept.find(persona.greeting))
  }).pipe(Effect.provide(KeptSpeechMemory.layer.pipe(Layer.provide([layer, config]))), Effect.provide(quiet))
})

const standIn = (said: Array<string>) =>
  Layer.succeed(TextToSpeech, {
    open: Effect.succeed({
      speak: <E, R>(sentences: Stream.Stream<string, E, R>) =>
        Stream.map(sentences, (text) => {
          said.push(text)
          return { sentence: 0, samples: new Int16Array(4800).fill(1000), sampleRate: 24000 }
        })
    })
  })

it.effect("has them in another voice at once when its own is away, and in its own when that is back", () => {
  const { layer } = voice(1)
  const said: Array<string> = []
  return Effect.gen(function* () {
    const kept = yield* KeptSpeech
    yield* settle
    const lengthOf = (text: string): number => kept.find(text)?.length ?? 0
    const instead = lengthOf(defaultPhrases.noAnswer)
    assert.isAbove(instead, 0)
    for (const phrase of Object.values(defaultPhrases)) assert.isDefined(kept.find(phrase), phrase)
    yield* TestClock.adjust("1 second")
    yield* settle
    assert.strictEqual(lengthOf(defaultPhrases.noAnswer), instead / 2)
  }).pipe(
    Effect.provide(
      KeptSpeechMemory.layerWith({ standIn: standIn(said) }).pipe(Layer.provide([layer, config]), Layer.provide(quiet))
    )
  )
})

it.effect("has them in another voice within a second when its own says nothing at all", () => {
  const silent = Layer.succeed(TextToSpeech, { open: Effect.succeed({ speak: () => Stream.never }) })
  const said: Array<string> = []
  return Effect.gen(function* () {
    const kept = yield* KeptSpeech
    yield* settle
    assert.isUndefined(kept.find(persona.greeting))
    yield* TestClock.adjust("1 second")
    yield* settle
    assert.isDefined(kept.find(persona.greeting))
    assert.isDefined(kept.find(defaultPhrases.noAnswer))
  }).pipe(
    Effect.provide(
      KeptSpeechMemory.layerWith({ standIn: standIn(said) }).pipe(Layer.provide([silent, config]), Layer.provide(quiet))
    )
  )
})

it.effect("asks nobody else while its own voice works", () => {
  const { layer } = voice(0)
  const said: Array<string> = []
  return Effect.gen(function* () {
    yield* settle
    yield* TestClock.adjust("10 seconds")
    yield* settle
    assert.deepStrictEqual(said, [])
  }).pipe(Effect.provide(KeptSpeechMemory.layerWith({ standIn: standIn(said) }).pipe(Layer.provide([layer, config]))))
})
