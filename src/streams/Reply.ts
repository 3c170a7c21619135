/** What the agent is to say in, its speech on the line out: words, sentences, voice, playout. One reply is one run of this; interrupting it stops everything. */
import { Array as Arr, Cause, Clock, Deferred, Duration, Effect, Stream } from "effect"
import { type CallEventBody, type CallStage } from "../schema/CallEvent.ts"
import { TextToSpeechError } from "../schema/Errors.ts"
import { type Phrases } from "../schema/Phrases.ts"
import { type DeadlineSettings } from "../services/AppConfig.ts"
import { type KeptSpeech } from "../services/KeptSpeech.ts"
import { type TextToSpeechSession } from "../services/TextToSpeech.ts"
import { onFirst } from "./OnFirst.ts"
import { whileOwed } from "./OwedSpeech.ts"
import { FILLER, type PlayoutNews, type ReplyAudio, type ReplyPlayout } from "./Playout.ts"
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
  /** All of it, if it is always the same: where it is kept by the time the voice has failed, it is said after all. */
  readonly fixed?: string
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
  /** When the voice was given each sentence, and when there were no more of them. */
  const givenMs: Array<number> = []
  let allGivenMs: number | undefined
  let anyWords = false
  let index = 0
  /** The sentence that audio last came of, -1: none yet; and whether it broke off. */
  let sounding = -1
  let cutOff = false

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
          Effect.sync(() => {
            givenMs.push(nowMs())
            Deferred.doneUnsafe(asked, Effect.succeed(nowMs()))
          })
        )
      )
    ),
    Stream.onEnd(Effect.sync(() => void (allGivenMs = nowMs())))
  )

  const { firstAudio } = options.deadlines
  const stalled = (what: string) =>
    Effect.fail(
      new TextToSpeechError({ reason: "Stalled", message: `${what} came within ${Duration.toSeconds(firstAudio)} s` })
    )

  const silent = Effect.flatMap(Deferred.await(asked), (since) =>
    Effect.andThen(Effect.sleep(Math.max(0, since + Duration.toMillis(firstAudio) - nowMs())), stalled("no speech"))
  )

  /** The voice is owed for once it has begun to speak: the next sentence, or the end of the last one. */
  const owedSinceMs = (): number | undefined => {
    if (sounding < 0) return undefined
    return sounding + 1 < givenMs.length ? givenMs[sounding + 1] : allGivenMs
  }

  /** All of the last sentence may have come, and only the end of it not have been told. */
  const quiet = Effect.suspend((): Effect.Effect<never, TextToSpeechError | Cause.Done> =>
    sounding + 1 === givenMs.length && playout.mayBeWhole(sounding) ? Cause.done() : stalled("no more speech")
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

  /** What could not be said in the voice as it was kept meanwhile; nothing of the voice's sentences came. */
  const fixedAfterAll = Effect.suspend(() => {
    const mulaw = options.fixed === undefined ? undefined : kept.find(options.fixed)
    if (options.fixed === undefined || mulaw === undefined) return Effect.succeed(Stream.empty)
    for (let unsaid = 0; unsaid < index; unsaid++) playout.sentence(unsaid, "")
    sounding = index
    return Effect.as(sentence(options.fixed), Stream.make<[ReplyAudio]>({ sentence: sounding, mulaw }))
  })

  /** What is said when the voice fails, if it was kept; it goes behind what came of the voice, which may be cut off. */
  const insteadOfVoice = Effect.suspend(() => {
    if (sounding < 0) return fixedAfterAll
    const end: ReplyAudio = { sentence: sounding, mulaw: new Uint8Array(0), brokeOff: "perhaps" }
    const mulaw = kept.find(phrases.brokeOff)
    if (mulaw === undefined) return Effect.succeed(Stream.make(end))
    const last = index
    return Effect.as(sentence(phrases.brokeOff), Stream.make(end, { sentence: last, mulaw }))
  })

  /** An answer that ends in the middle of a sentence has failed too. */
  const afterVoice = Stream.unwrap(
    Effect.suspend(() =>
      cutOff
        ? Effect.andThen(options.failed("text to speech", { message: "the last sentence broke off" }), insteadOfVoice)
        : Effect.succeed(Stream.empty)
    )
  )

  const audio = options.speech.speak(spoken).pipe(
    onFirst(tell({ _tag: "FirstAudio", epoch })),
    Stream.mapArray((pieces) => {
      const last = Arr.lastNonEmpty(pieces)
      sounding = last.sentence
      cutOff = last.brokeOff === "surely"
      return pieces
    }),
    whileOwed({ sinceMs: owedSinceMs, atMost: firstAudio, onQuiet: quiet }),
    speechToLine,
    Stream.concat(afterVoice),
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
  return { said: sounding >= 0 } satisfies Saying
})

/** Says a fixed text: as it was kept, or in the voice, or, when that fails, as it was kept meanwhile. */
export const fixedReply = (options: Omit<ReplyOptions<never>, "words">, text: string): Effect.Effect<Saying> => {
  const mulaw = options.kept.find(text)
  if (mulaw === undefined) return reply({ ...options, words: Stream.make(text), fixed: text })
  const { epoch, playout, tell } = options
  playout.sentence(0, text)
  const onAudible = Effect.andThen(tell({ _tag: "Audible", epoch }), options.news.onAudible)
  return tell({ _tag: "Sentence", epoch, index: 0, text }).pipe(
    Effect.andThen(playout.play(Stream.make({ sentence: 0, mulaw }), { ...options.news, onAudible })),
    Effect.as({ said: true })
  )
}
