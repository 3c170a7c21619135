/**
 * One reply as it goes on: what happens to it in, its speech out. Has the reply's state machine decide where a thing
 * happens, and does what it says in order. Owns the reply's deadlines, neither the connection nor the reply's text.
 */
import { Cause, Clock, Effect, Exit, Fiber, Latch, Queue } from "effect"
import { type TextToSpeechError } from "../schema/Errors.ts"
import { type SpeechAudio } from "../services/TextToSpeech.ts"
import { type TtsConnection } from "./TogetherTtsConnection.ts"
import { type Habits } from "./TogetherTtsContext.ts"
import { step } from "./TogetherTtsReply.ts"
import {
  contextId,
  deadline,
  defaultPatience,
  initial,
  type ReplyInput,
  type ReplyOutput
} from "./TogetherTtsReplyState.ts"
import { type Inbox } from "./TogetherTtsRouting.ts"

/** Sentences taken from a reply's text before they can be synthesised; beyond them the text waits. */
const TEXT_AHEAD = 16

/** What the replies of a call share. */
export interface Voice {
  readonly connection: TtsConnection
  replies: number
  habits: Habits
}

/** A reply that goes on for as long as `run` does. */
export interface ReplyRun<E> {
  /** Takes in what happened. */
  readonly tell: Inbox
  /** Tells that there will be no more text, and how it ended. */
  readonly endText: (exit: Exit.Exit<void, E>) => void
  /** Open while there is room for more text. */
  readonly room: Latch.Latch
  /** The speech, each piece once; ends or fails as the reply does. */
  readonly audio: Queue.Dequeue<SpeechAudio, TextToSpeechError | E | Cause.Done>
  /** Does what has to be done until the reply is over. */
  readonly run: Effect.Effect<void>
}

const logFailure = (error: TextToSpeechError, said: string | undefined): Effect.Effect<void> =>
  Effect.logWarning("Speech synthesis failed for a sentence").pipe(
    Effect.annotateLogs({ reason: error.reason, detail: error.message, "pii.said": said })
  )

/**
 * The next reply of a call.
 *
 * Most of what happens is audio, which needs no more than a place in a queue: that is seen to at once, in the fiber it
 * happens in. The reply's own fiber is woken only for what takes one, and what happens meanwhile waits until it is done.
 */
export const makeReplyRun = Effect.fnUntraced(function* <E>(voice: Voice): Effect.fn.Return<ReplyRun<E>> {
  const { connection } = voice
  const time = yield* Clock.Clock
  const nowMs = (): number => Number(time.monotonicTimeNanosUnsafe()) / 1e6
  const audio = yield* Queue.unbounded<SpeechAudio, TextToSpeechError | E | Cause.Done>()
  const room = Latch.makeUnsafe(true)
  voice.replies += 1
  const splits = voice.habits.splits || connection.overran()
  let state = initial(`r${voice.replies}`, { ...voice.habits, splits })
  let textExit: Exit.Exit<void, E> = Exit.void
  /** Open while the reply's fiber has something to do; what is to be done, and what happened meanwhile. */
  const busy = Latch.makeUnsafe(false)
  const outputs: Array<ReplyOutput> = []
  const inputs: Array<ReplyInput> = []
  /** When the deadline is looked at next; infinite: nobody waits for it. */
  let looksMs = Infinity
  let watcher: Fiber.Fiber<void> | undefined

  const dueMs = (): number => deadline(state, defaultPatience) ?? Infinity

  /** Only while nothing is left to do. */
  const take = (input: ReplyInput): void => {
    const [next, decided] = step(state, input, nowMs(), defaultPatience)
    state = next
    voice.habits = next.context.habits
    for (const output of decided) {
      if (output._tag === "Emit" && outputs.length === 0) Queue.offerUnsafe(audio, output.audio)
      else outputs.push(output)
    }
  }

  const takeNow = (input: ReplyInput): void => {
    try {
      take(input)
    } catch (defect) {
      // This reply's own affair, and not that of the connection that tells of it.
      Queue.failCauseUnsafe(audio, Cause.die(defect))
    }
  }

  const adjustRoom = (): void => {
    if (inputs.length + state.waiting.length < TEXT_AHEAD) room.openUnsafe()
    else room.closeUnsafe()
  }

  const tell = (input: ReplyInput): void => {
    // A failure is logged first, which takes a fiber.
    if (busy.isOpen() || input._tag === "Failed") inputs.push(input)
    else takeNow(input)
    // Whoever waits for the one or the other goes on right here.
    if (inputs.length > 0 || outputs.length > 0 || dueMs() < looksMs) busy.openUnsafe()
    adjustRoom()
  }

  /** Does what was decided; tells whether the reply is over. */
  const perform = (output: ReplyOutput): Effect.Effect<boolean> => {
    switch (output._tag) {
      case "Say":
        return Effect.as(connection.say(tell, output.context, output.text), false)
      case "Cancel":
        return Effect.as(connection.cancel(output.context), false)
      case "Emit":
        Queue.offerUnsafe(audio, output.audio)
        return Effect.succeed(false)
      case "Ended":
        // Before the end is told: whoever waits for it may be gone, and with it this fiber, in the next moment.
        return Effect.map(connection.finish(contextId(state)), () => {
          if (Exit.isFailure(textExit)) Queue.failCauseUnsafe(audio, textExit.cause)
          else Queue.endUnsafe(audio)
          return true
        })
      case "Failed":
        return connection
          .cancel(contextId(state))
          .pipe(
            Effect.andThen(output.error.reason === "Stalled" ? connection.replace : Effect.void),
            Effect.andThen(Queue.fail(audio, output.error)),
            Effect.as(true)
          )
    }
  }

  const look = Effect.suspend(() => Effect.sleep(Math.max(0, looksMs - nowMs()))).pipe(
    Effect.andThen(() => {
      watcher = undefined
      looksMs = Infinity
      tell({ _tag: "Clock" })
      return Effect.void
    })
  )

  /** Has the deadline looked at in time. One that has moved to later is looked at too early, and then again. */
  const watch = Effect.gen(function* () {
    if (dueMs() >= looksMs) return
    if (watcher !== undefined) yield* Fiber.interrupt(watcher)
    looksMs = dueMs()
    watcher = yield* Effect.forkChild(look)
  })

  const run = Effect.gen(function* () {
    for (;;) {
      yield* busy.await
      for (let output = outputs.shift(); output !== undefined; output = outputs.shift()) {
        if (yield* perform(output)) return
      }
      const input = inputs.shift()
      if (input !== undefined) {
        if (input._tag === "Failed") yield* logFailure(input.error, input.said)
        take(input)
        adjustRoom()
        continue
      }
      yield* watch
      if (inputs.length === 0) busy.closeUnsafe()
    }
  })

  return {
    tell,
    endText: (exit) => {
      textExit = exit
      tell({ _tag: "TextEnded" })
    },
    room,
    audio,
    run: Effect.catchCause(run, (cause) => Effect.asVoid(Queue.failCause(audio, cause)))
  }
})
