/** What the agent is to say in, its speech on the line out: words, sentences, voice, playout. One reply is one run of this; interrupting it stops everything. */
import { Clock, Deferred, Duration, Effect, Stream } from "effect"
import { type CallEventBody, type CallStage } from "../schema/CallEvent.ts"
import { TextToSpeechError } from "../schema/Errors.ts"
import { type Phrases } from "../schema/Phrases.ts"
import { type DeadlineSettings } from "../services/AppConfig.ts"
import { type KeptSpeech } from "../services/KeptSpeech.ts"
import { type TextToSpeechSession } from "../services/TextToSpeech.ts"
import { FILLER, type PlayoutNews, type ReplyPlayout } from "./Playout.ts"
import { sentences } from "./Sentences.ts"
import { speakableText } from "./SpeakableText.ts"
import { speechToLine } from "./SpeechToLine.ts"
import { whileWaiting } from "./WhileWaiting.ts"

/** What one reply is made of. */
export interface ReplyOptions<E> {
  readonly epoch: number
  /** What to say, in pieces of any size. */
  readonly words: Stream.Stream<string, E>
  readonly speech: TextToSpeechSession
  /** Done when the caller has waited long enough for a filler; never when there is to be none. */
  readonly fillerWanted?: Effect.Effect<void>
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

/** What comes of trying to say something. */
export interface Saying {
  /** Whether anything of it was said, or at least something that tells the caller that it broke off. */
  readonly said: boolean
}

/**
 * Says something to the caller and ends when it was heard, or when it is clear that nothing of it can be said.
 *
 * A failure in the middle is told to the caller in words: in the voice, or as they were kept if it is the voice that
 * failed.
 */
export const reply = Effect.fnUntraced(function* <E extends { readonly message: string }>(options: ReplyOptions<E>) {
  const { epoch, kept, phrases, playout, tell } = options
  const clock = yield* Clock.Clock
  const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const asked = yield* Deferred.make<number>()
  let anyWords = false
  let index = 0
  let sounding = false

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
          Stream.suspend(() => (anyWords ? Stream.make(`\n${phrases.brokeOff}`) : Stream.empty))
        )
      )
    )
  )

  const sentence = (text: string) => {
    playout.sentence(index, text)
    return tell({ _tag: "Sentence", epoch, index: index++, text })
  }

  const spoken = speakableText(sentences()(words)).pipe(
    Stream.tap((text) =>
      Effect.suspend(() =>
        Effect.andThen(
          sentence(text),
          Effect.sync(() => Deferred.doneUnsafe(asked, Effect.succeed(nowMs())))
        )
      )
    )
  )

  const silent = Effect.flatMap(Deferred.await(asked), (since) =>
    Effect.andThen(
      Effect.sleep(Math.max(0, since + Duration.toMillis(options.deadlines.firstAudio) - nowMs())),
      Effect.fail(
        new TextToSpeechError({
          reason: "Stalled",
          message: `no speech came within ${Duration.toSeconds(options.deadlines.firstAudio)} s`
        })
      )
    )
  )

  const filler = Effect.suspend(() => {
    const mulaw = kept.find(phrases.filler)
    if (mulaw === undefined) return Effect.never
    playout.sentence(FILLER, phrases.filler)
    return Effect.as(tell({ _tag: "Sentence", epoch, index: FILLER, text: phrases.filler }), {
      sentence: FILLER,
      mulaw
    })
  })

  /** What is said when the voice fails, if it was kept; it goes behind what came of the voice. */
  const insteadOfVoice = Effect.suspend(() => {
    const mulaw = sounding ? kept.find(phrases.brokeOff) : undefined
    if (mulaw === undefined) return Effect.succeed(Stream.empty)
    const last = index
    return Effect.as(sentence(phrases.brokeOff), Stream.make({ sentence: last, mulaw }))
  })

  const audio = options.speech.speak(spoken).pipe(
    onFirst(
      Effect.suspend(() => {
        sounding = true
        return tell({ _tag: "FirstAudio", epoch })
      })
    ),
    speechToLine,
    whileWaiting({ atMost: silent, filler: Effect.andThen(options.fillerWanted ?? Effect.never, filler) }),
    Stream.catch((error) => Stream.unwrap(Effect.andThen(options.failed("text to speech", error), insteadOfVoice)))
  )

  const told = tell({ _tag: "Audible", epoch })
  let audible = false
  const onFirstSound = Effect.suspend(() => {
    if (audible) return Effect.void
    audible = true
    return told
  })
  yield* playout.play(audio, {
    ...options.news,
    onFiller: Effect.andThen(onFirstSound, options.news.onFiller ?? Effect.void),
    onAudible: Effect.andThen(onFirstSound, options.news.onAudible)
  })
  return { said: sounding } satisfies Saying
})

/** Says a fixed text: as it was kept, or in the voice. */
export const fixedReply = (options: Omit<ReplyOptions<never>, "words">, text: string): Effect.Effect<Saying> => {
  const mulaw = options.kept.find(text)
  if (mulaw === undefined) return reply({ ...options, words: Stream.make(text) })
  const { epoch, playout, tell } = options
  playout.sentence(0, text)
  const onAudible = Effect.andThen(tell({ _tag: "Audible", epoch }), options.news.onAudible)
  return tell({ _tag: "Sentence", epoch, index: 0, text }).pipe(
    Effect.andThen(playout.play(Stream.make({ sentence: 0, mulaw }), { ...options.news, onAudible })),
    Effect.as({ said: true })
  )
}
