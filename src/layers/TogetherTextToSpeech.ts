/** Speech synthesis on Together's WebSocket: sentences in, speech out, one socket for each call and one context for each reply. */
import { type Cause, Clock, Effect, Exit, Latch, Layer, Option, Queue, type Scope, Stream } from "effect"
import { Socket } from "effect/socket"
import { type TextToSpeechError } from "../schema/Errors.ts"
import { AppConfig, type TogetherSettings } from "../services/AppConfig.ts"
import { type SpeechAudio, TextToSpeech, type TextToSpeechSession } from "../services/TextToSpeech.ts"
import { connect, type TtsConnection } from "./TogetherTtsConnection.ts"
import { type Habits, initialHabits } from "./TogetherTtsContext.ts"
import {
  contextId,
  deadline,
  defaultPatience,
  initial,
  type ReplyInput,
  type ReplyOutput,
  step
} from "./TogetherTtsReply.ts"

/** Sentences taken from a reply's text before they can be synthesised; beyond them the text waits. */
const TEXT_AHEAD = 16

/** What the replies of a call share. */
interface Voice {
  readonly connection: TtsConnection
  replies: number
  habits: Habits
}

/** What is kept for one reply while it runs. */
interface Reply<E> {
  readonly name: string
  readonly inbox: Queue.Queue<ReplyInput>
  readonly audio: Queue.Queue<SpeechAudio, TextToSpeechError | E | Cause.Done>
  /** Open while there is room for more text. */
  readonly room: Latch.Latch
  /** Sentences on their way to the state machine, and in it waiting for their turn. */
  unread: number
  waiting: number
  /** How the text ended. */
  textExit: Exit.Exit<void, E>
}

const adjustRoom = <E>(reply: Reply<E>): void => {
  if (reply.unread + reply.waiting < TEXT_AHEAD) reply.room.openUnsafe()
  else reply.room.closeUnsafe()
}

/** Brings the sentences to the inbox as they come. */
const readText = <E, R>(reply: Reply<E>, sentences: Stream.Stream<string, E, R>): Effect.Effect<void, never, R> =>
  sentences.pipe(
    Stream.runForEach((text) =>
      Effect.suspend(() => {
        reply.unread += 1
        adjustRoom(reply)
        Queue.offerUnsafe(reply.inbox, { _tag: "Text", text })
        return reply.room.await
      })
    ),
    Effect.exit,
    Effect.map((exit) => {
      reply.textExit = exit
      Queue.offerUnsafe(reply.inbox, { _tag: "TextEnded" })
    })
  )

const logFailure = (error: TextToSpeechError, said: string | undefined): Effect.Effect<void> =>
  Effect.logWarning("Speech synthesis failed for a sentence").pipe(
    Effect.annotateLogs({ reason: error.reason, detail: error.message, "pii.said": said })
  )

const clock: ReadonlyArray<ReplyInput> = [{ _tag: "Clock" }]

/** Lets the reply's state machine decide on all that comes in, and does what it says, until the reply is over. */
const run = Effect.fnUntraced(function* <E>(voice: Voice, reply: Reply<E>) {
  const { connection } = voice
  const time = yield* Clock.Clock
  const nowMs = (): number => Number(time.monotonicTimeNanosUnsafe()) / 1e6
  const splits = voice.habits.splits || connection.overran()
  let state = initial(reply.name, { ...voice.habits, splits })

  const perform = (output: ReplyOutput): Effect.Effect<boolean> => {
    switch (output._tag) {
      case "Say":
        return Effect.as(connection.say(reply.inbox, output.context, output.text), false)
      case "Cancel":
        return Effect.as(connection.cancel(output.context), false)
      case "Emit":
        Queue.offerUnsafe(reply.audio, output.audio)
        return Effect.succeed(false)
      case "Ended":
        // Before the end is told: whoever waits for it may be gone, and with it this fiber, in the next moment.
        return Effect.map(connection.finish(contextId(state)), () => {
          if (Exit.isFailure(reply.textExit)) Queue.failCauseUnsafe(reply.audio, reply.textExit.cause)
          else Queue.endUnsafe(reply.audio)
          return true
        })
      case "Failed":
        return connection
          .cancel(contextId(state))
          .pipe(
            Effect.andThen(output.error.reason === "Stalled" ? connection.replace : Effect.void),
            Effect.andThen(Queue.fail(reply.audio, output.error)),
            Effect.as(true)
          )
    }
  }

  for (;;) {
    const due = deadline(state, defaultPatience)
    const arrived = Queue.takeAll(reply.inbox)
    const inputs =
      due === undefined
        ? yield* arrived
        : Option.getOrElse(yield* Effect.timeoutOption(arrived, Math.max(0, due - nowMs())), () => clock)
    for (const input of inputs) {
      const [next, outputs] = step(state, input, nowMs(), defaultPatience)
      state = next
      if (input._tag === "Text") reply.unread -= 1
      if (input._tag === "Failed") yield* logFailure(input.error, input.said)
      reply.waiting = next.waiting.length
      voice.habits = next.context.habits
      for (const output of outputs) if (yield* perform(output)) return
    }
    adjustRoom(reply)
  }
})

/** The audio of a reply, each piece being told to have been taken as it goes. */
const takeAudio = <E>(reply: Reply<E>): Stream.Stream<SpeechAudio, TextToSpeechError | E> => {
  let taken = -1
  const one = Effect.map(Queue.take(reply.audio), (piece) => {
    if (piece.sentence > taken) {
      taken = piece.sentence
      Queue.offerUnsafe(reply.inbox, { _tag: "Taken", sentence: taken })
    }
    return [piece] as const
  })
  return Stream.fromPull(Effect.succeed(one))
}

const speak =
  (voice: Voice): TextToSpeechSession["speak"] =>
  <E, R>(sentences: Stream.Stream<string, E, R>) =>
    Stream.unwrap(
      Effect.gen(function* () {
        voice.replies += 1
        const reply: Reply<E> = {
          name: `r${voice.replies}`,
          inbox: yield* Queue.unbounded<ReplyInput>(),
          audio: yield* Queue.unbounded<SpeechAudio, TextToSpeechError | E | Cause.Done>(),
          room: Latch.makeUnsafe(true),
          unread: 0,
          waiting: 0,
          textExit: Exit.void
        }
        // The order matters when the reply is interrupted: first it is cancelled, then its text is given up on.
        yield* Effect.forkScoped(readText(reply, sentences))
        yield* voice.connection.attach(reply.inbox)
        yield* run(voice, reply).pipe(
          Effect.catchCause((cause) => Queue.failCause(reply.audio, cause)),
          Effect.forkScoped
        )
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
