/** What the agent is to say in, its speech on the line out: words, sentences, voice, playout. One reply is one run of this; interrupting it stops everything. */
import { Deferred, Duration, Effect, Stream } from "effect"
import { type CallEventBody, type CallStage } from "../schema/CallEvent.ts"
import { TextToSpeechError } from "../schema/Errors.ts"
import { type Phrases } from "../schema/Phrases.ts"
import { type DeadlineSettings } from "../services/AppConfig.ts"
import { type KeptSpeech } from "../services/KeptSpeech.ts"
import { type TextToSpeechSession } from "../services/TextToSpeech.ts"
import { type PlayoutNews, type ReplyPlayout } from "./Playout.ts"
import { sentences } from "./Sentences.ts"
import { speakableText } from "./SpeakableText.ts"
import { speechToLine } from "./SpeechToLine.ts"

/** What one reply is made of. */
export interface ReplyOptions<E> {
  readonly epoch: number
  /** What to say, in pieces of any size. */
  readonly words: Stream.Stream<string, E>
  readonly speech: TextToSpeechSession
  /** Speech that need not be made; said in place of the voice when that fails. */
  readonly kept: KeptSpeech
  readonly playout: ReplyPlayout
  readonly phrases: Phrases
  readonly deadlines: DeadlineSettings
  readonly tell: (event: CallEventBody) => Effect.Effect<void>
  /** Told of what went wrong; the reply goes on as well as it can. */
  readonly failed: (stage: CallStage, error: { readonly message: string }) => Effect.Effect<void>
  readonly news: PlayoutNews
}

/** Runs an effect once, before the first element. */
const onFirst =
  (effect: Effect.Effect<unknown>) =>
  <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
    Stream.suspend(() => {
      let seen = false
      return Stream.tap(self, () => {
        if (seen) return Effect.void
        seen = true
        return effect
      })
    })

/**
 * Says something to the caller and ends when it was heard.
 *
 * A failure of the words is told to the caller in words; a failure of the voice ends the reply.
 */
export const reply = Effect.fnUntraced(function* <E extends { readonly message: string }>(options: ReplyOptions<E>) {
  const { epoch, playout, tell } = options
  const asked = yield* Deferred.make<void>()
  const sounding = yield* Deferred.make<void>()
  let anyWords = false
  let index = 0

  const words = options.words.pipe(
    onFirst(
      Effect.suspend(() => {
        anyWords = true
        return tell({ _tag: "FirstToken", epoch })
      })
    ),
    Stream.catch((error) =>
      Stream.unwrap(
        Effect.as(
          options.failed("language model", error),
          Stream.suspend(() => Stream.make(anyWords ? `\n${options.phrases.brokeOff}` : options.phrases.noAnswer))
        )
      )
    )
  )

  const spoken = speakableText(sentences()(words)).pipe(
    Stream.concat(Stream.suspend(() => (index === 0 ? Stream.make(options.phrases.noAnswer) : Stream.empty))),
    Stream.tap((text) =>
      Effect.suspend(() => {
        playout.sentence(index, text)
        return Effect.andThen(
          Deferred.succeed(asked, undefined),
          tell({ _tag: "Sentence", epoch, index: index++, text })
        )
      })
    )
  )

  const audio = options.speech
    .speak(spoken)
    .pipe(
      onFirst(Effect.andThen(Deferred.succeed(sounding, undefined), tell({ _tag: "FirstAudio", epoch }))),
      speechToLine
    )

  const silent = Deferred.await(asked).pipe(
    Effect.andThen(
      Effect.timeoutOrElse(Deferred.await(sounding), {
        duration: options.deadlines.firstAudio,
        orElse: () =>
          Effect.fail(
            new TextToSpeechError({
              reason: "Stalled",
              message: `no speech came within ${Duration.toSeconds(options.deadlines.firstAudio)} s`
            })
          )
      })
    ),
    Effect.andThen(Effect.never)
  )

  const onAudible = Effect.andThen(tell({ _tag: "Audible", epoch }), options.news.onAudible)
  const news = { ...options.news, onAudible }

  /** Says a text that was kept, if it was. */
  const sayKept = (text: string) =>
    Effect.suspend(() => {
      const mulaw = options.kept.find(text)
      if (mulaw === undefined) return Effect.void
      const sentence = index++
      playout.sentence(sentence, text)
      return Effect.andThen(
        tell({ _tag: "Sentence", epoch, index: sentence, text }),
        playout.play(Stream.make({ sentence, mulaw }), news)
      )
    })

  yield* playout.play(audio, news).pipe(
    Effect.raceFirst(silent),
    Effect.catch((error) =>
      Effect.andThen(
        options.failed("text to speech", error),
        Effect.suspend(() => sayKept(playout.isAudible() ? options.phrases.brokeOff : options.phrases.noAnswer))
      )
    )
  )
})

/** Says a fixed text: as it was kept, or in the voice. */
export const fixedReply = (options: Omit<ReplyOptions<never>, "words">, text: string): Effect.Effect<void> => {
  const mulaw = options.kept.find(text)
  if (mulaw === undefined) return reply({ ...options, words: Stream.make(text) })
  const { epoch, playout, tell } = options
  playout.sentence(0, text)
  const onAudible = Effect.andThen(tell({ _tag: "Audible", epoch }), options.news.onAudible)
  return Effect.andThen(
    tell({ _tag: "Sentence", epoch, index: 0, text }),
    playout.play(Stream.make({ sentence: 0, mulaw }), { ...options.news, onAudible })
  )
}
