/** Synthesises the greeting and the fixed phrases once, in the background, and keeps them in memory: they are there at once when they are needed, and when the voice is what has failed; in another voice, if it has failed from the start. */
import { Context, Deferred, Effect, Layer, Schedule, Stream } from "effect"
import { defaultPhrases } from "../schema/Phrases.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { KeptSpeech } from "../services/KeptSpeech.ts"
import { TextToSpeech, type TextToSpeechSession } from "../services/TextToSpeech.ts"
import { sentences } from "../streams/Sentences.ts"
import { speakableText } from "../streams/SpeakableText.ts"
import { speechToLine } from "../streams/SpeechToLine.ts"

/** How long the voice may take to make the first text, from the start of the process; then the stand-in makes them all. */
const STAND_IN_AFTER = "1 second"

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

/** Nobody waits for the first sound of these, and whole sentences sound better. */
const wholeSentences = sentences({ firstClauseMinChars: 0 })

/** The whole of a text for the line. */
const synthesise = (voice: TextToSpeechSession, text: string) =>
  voice.speak(Stream.make(text).pipe(wholeSentences, speakableText)).pipe(
    speechToLine,
    Stream.map((audio) => audio.mulaw),
    Stream.runCollect,
    Effect.map(join),
    Effect.timeout(SYNTHESIS_DEADLINE)
  )

/** Makes each of the texts that is not there yet, in order. */
const fill = (
  kept: Map<string, Uint8Array>,
  texts: ReadonlyArray<string>,
  open: TextToSpeech["Service"]["open"],
  onKept: Effect.Effect<unknown>
) =>
  Effect.gen(function* () {
    const voice = yield* open
    for (const text of texts) {
      if (kept.has(text)) continue
      const audio = yield* synthesise(voice, text)
      if (audio.length === 0) continue
      kept.set(text, audio)
      yield* onKept
    }
  }).pipe(Effect.scoped)

/**
 * Keeps the persona's greeting and all fixed phrases; until they are made, nothing is found.
 *
 * When the voice is not there, what `standIn` made of them is found until it is. Without one there is nothing then.
 */
export const layerWith = (options?: {
  readonly standIn?: Layer.Layer<TextToSpeech>
}): Layer.Layer<never, never, AppConfig | TextToSpeech> =>
  Layer.effect(
    KeptSpeech,
    Effect.gen(function* () {
      const { persona } = yield* AppConfig
      const { open } = yield* TextToSpeech
      const texts = [persona.greeting, ...Object.values(defaultPhrases)]
      const kept = new Map<string, Uint8Array>()
      const instead = new Map<string, Uint8Array>()
      /** Done when the voice has made a text, or has failed to. */
      const tried = yield* Deferred.make<boolean>()

      const make = fill(kept, texts, open, Deferred.succeed(tried, true)).pipe(
        Effect.tapError((error) =>
          Effect.logWarning("The greeting and the fixed phrases could not be synthesised yet").pipe(
            Effect.annotateLogs({ detail: error.message })
          )
        ),
        Effect.tapError(() => Deferred.succeed(tried, false)),
        Effect.retry(patience),
        Effect.catchCause((cause) => Effect.logError("The greeting and the fixed phrases cannot be kept", cause))
      )
      yield* Effect.forkScoped(make)

      const makeInstead = Effect.fnUntraced(function* (standIn: Layer.Layer<TextToSpeech>) {
        const works = yield* Effect.timeoutOrElse(Deferred.await(tried), {
          duration: STAND_IN_AFTER,
          orElse: () => Effect.succeed(false)
        })
        if (works) return
        yield* Effect.logWarning("The greeting and the fixed phrases are said in the built-in voice for now")
        const built = yield* Layer.build(standIn)
        yield* fill(instead, texts, Context.get(built, TextToSpeech).open, Effect.void)
      }, Effect.scoped)
      if (options?.standIn !== undefined) {
        yield* makeInstead(options.standIn).pipe(
          Effect.catch((error) => Effect.logWarning(`They cannot: ${error.message}`)),
          Effect.forkScoped
        )
      }
      return { find: (text) => kept.get(text) ?? instead.get(text) }
    })
  )

/** {@link layerWith} nobody to stand in. */
export const layer: Layer.Layer<never, never, AppConfig | TextToSpeech> = layerWith()
