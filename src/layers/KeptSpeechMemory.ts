/** Synthesises the greeting and the fixed phrases once, in the background, and keeps them in memory: they are there at once when they are needed, and when the voice is what has failed. */
import { Effect, Layer, Schedule, Stream } from "effect"
import { defaultPhrases } from "../schema/Phrases.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { KeptSpeech } from "../services/KeptSpeech.ts"
import { TextToSpeech, type TextToSpeechSession } from "../services/TextToSpeech.ts"
import { sentences } from "../streams/Sentences.ts"
import { speakableText } from "../streams/SpeakableText.ts"
import { speechToLine } from "../streams/SpeechToLine.ts"

/** Longest time a single text may take. */
const SYNTHESIS_DEADLINE = "20 seconds"

/** A voice that is away is asked again: after a second, then two, and so on up to a minute. */
const patience = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("1 minute")])

const join = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(pieces.reduce((bytes, piece) => bytes + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** The whole of a text for the line. */
const synthesise = (voice: TextToSpeechSession, text: string) =>
  voice.speak(Stream.make(text).pipe(sentences(), speakableText)).pipe(
    speechToLine,
    Stream.map((audio) => audio.mulaw),
    Stream.runCollect,
    Effect.map(join),
    Effect.timeout(SYNTHESIS_DEADLINE)
  )

/** Keeps the persona's greeting and all fixed phrases; until they are made, nothing is found. */
export const layer: Layer.Layer<never, never, AppConfig | TextToSpeech> = Layer.effect(
  KeptSpeech,
  Effect.gen(function* () {
    const { persona } = yield* AppConfig
    const { open } = yield* TextToSpeech
    const kept = new Map<string, Uint8Array>()

    const make = Effect.gen(function* () {
      const voice = yield* open
      for (const text of [persona.greeting, ...Object.values(defaultPhrases)]) {
        if (kept.has(text)) continue
        const audio = yield* synthesise(voice, text)
        if (audio.length > 0) kept.set(text, audio)
      }
    }).pipe(
      Effect.scoped,
      Effect.tapError((error) =>
        Effect.logWarning("The greeting and the fixed phrases could not be synthesised yet").pipe(
          Effect.annotateLogs({ detail: error.message })
        )
      ),
      Effect.retry(patience),
      Effect.catchCause((cause) => Effect.logError("The greeting and the fixed phrases cannot be kept", cause))
    )
    yield* Effect.forkScoped(make)
    return { find: (text) => kept.get(text) }
  })
)
