/** Speech synthesis on Together's WebSocket: sentences in, speech out, one socket for each call and one context for each reply. */
import { Array as Arr, Effect, Layer, Queue, type Scope, Stream } from "effect"
import { Socket } from "effect/socket"
import { type TextToSpeechError } from "../schema/Errors.ts"
import { AppConfig, type TogetherSettings } from "../services/AppConfig.ts"
import { type SpeechAudio, TextToSpeech, type TextToSpeechSession } from "../services/TextToSpeech.ts"
import { connect } from "./TogetherTtsConnection.ts"
import { initialHabits } from "./TogetherTtsContext.ts"
import { makeReplyRun, type ReplyRun, type Voice } from "./TogetherTtsReplyRun.ts"

/** Pieces of speech given at once, if so many are there. */
const PIECES = 8

/** Tells of the sentences as they come. */
const readText = <E, R>(reply: ReplyRun<E>, sentences: Stream.Stream<string, E, R>): Effect.Effect<void, never, R> =>
  sentences.pipe(
    Stream.runForEach((text) =>
      Effect.suspend(() => {
        reply.tell({ _tag: "Text", text })
        return reply.room.await
      })
    ),
    Effect.exit,
    Effect.map(reply.endText)
  )

/** The audio of a reply, each sentence being told to have been taken when the first of it goes. */
const takeAudio = <E>(reply: ReplyRun<E>): Stream.Stream<SpeechAudio, TextToSpeechError | E> => {
  let taken = -1
  /** What came with the end of the sentence before and has not been asked for. */
  let kept: Array<SpeechAudio> = []
  const some = Queue.takeBetween(reply.audio, 1, PIECES)
  const pull = Effect.suspend(() => (kept.length > 0 ? Effect.succeed(kept) : some)).pipe(
    Effect.map((pieces) => {
      const first = Arr.getUnsafe(pieces, 0)
      const more = pieces.findIndex(({ sentence }) => sentence !== first.sentence)
      kept = more === -1 ? [] : pieces.splice(more)
      if (first.sentence > taken) {
        taken = first.sentence
        reply.tell({ _tag: "Taken", sentence: taken })
      }
      return pieces as Arr.NonEmptyArray<SpeechAudio>
    })
  )
  return Stream.fromPull(Effect.succeed(pull))
}

const speak =
  (voice: Voice): TextToSpeechSession["speak"] =>
  <E, R>(sentences: Stream.Stream<string, E, R>) =>
    Stream.unwrap(
      Effect.gen(function* () {
        const reply = yield* makeReplyRun<E>(voice)
        // The order matters when the reply is interrupted: first it is cancelled, then its text is given up on.
        yield* Effect.forkScoped(readText(reply, sentences))
        yield* voice.connection.attach(reply.tell)
        yield* Effect.forkScoped(reply.run)
        return takeAudio(reply)
      })
    ).pipe(Stream.withSpan("TextToSpeech.speak"))

const openSession = Effect.fnUntraced(function* (
  settings: TogetherSettings
): Effect.fn.Return<TextToSpeechSession, never, Scope.Scope | Socket.WebSocketConstructor> {
  const connection = yield* connect(settings)
  return { speak: speak({ connection, replies: 0, habits: initialHabits }) }
})

/** Speech synthesis with the Together account, model and voice of the configuration. */
export const layer: Layer.Layer<TextToSpeech, never, AppConfig | Socket.WebSocketConstructor> = Layer.effect(
  TextToSpeech,
  Effect.gen(function* () {
    const { together } = yield* AppConfig
    // Nothing but the constructor: with all of the context a session would live in the layer's scope, not in its call's.
    const constructor = yield* Socket.WebSocketConstructor
    return TextToSpeech.of({
      open: Effect.provideService(openSession(together), Socket.WebSocketConstructor, constructor)
    })
  })
)
