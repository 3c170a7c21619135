/** Texts of many calls in, their sound out, one after the other on one thread. Owns whose turn it is and the thread's life, not how a reply is put together. */
import { Duration, Effect, Exit, Latch, Option, type Scope } from "effect"
import { TextToSpeechError } from "../schema/Errors.ts"
import * as FairQueue from "./SandboxFairQueue.ts"
import { type SandboxVoiceName, type VoiceSound } from "./SandboxVoiceProgram.ts"
import { type VoiceThread } from "./SandboxVoiceThread.ts"

/** One call's access to the voice. */
export interface VoiceLane {
  /**
   * Says a text, after what was asked for in this lane before; lanes have their turns one after the other.
   *
   * Interrupting it takes the text back if it is not being said yet; what is being said is finished, for nobody.
   */
  readonly say: (text: string) => Effect.Effect<VoiceSound, TextToSpeechError>
}

/** The voice of a process. */
export interface SandboxVoice {
  /** A new lane. */
  readonly lane: Effect.Effect<VoiceLane>
}

/** How long the thread may take over one text, its start included; a healthy one takes a fraction of a second. */
export const TEXT_DEADLINE = Duration.seconds(15)

interface Job {
  readonly text: string
  readonly settle: (exit: Exit.Exit<VoiceSound, TextToSpeechError>) => void
}

const stalled = new TextToSpeechError({
  reason: "Stalled",
  message: `The sandbox voice said nothing within ${Duration.format(TEXT_DEADLINE)}`
})

const shutDown = Exit.fail(new TextToSpeechError({ reason: "Disconnected", message: "The sandbox voice is shut down" }))

/** Whether a thread that gave this answer can go on: only the text was at fault, if anything. */
const isUsable = (exit: Exit.Exit<VoiceSound, TextToSpeechError>): boolean =>
  Exit.isSuccess(exit) || Option.exists(Exit.findErrorOption(exit), (error) => error.reason === "Rejected")

/**
 * Makes a voice that lives as long as the scope; whoever still waits when it closes is told so.
 *
 * The thread is started when there is something to say, and again after it has failed; one that does not answer within
 * {@link TEXT_DEADLINE} is given up.
 */
export const makeVoice = Effect.fnUntraced(function* (
  start: Effect.Effect<VoiceThread, TextToSpeechError, Scope.Scope>,
  voice: SandboxVoiceName
): Effect.fn.Return<SandboxVoice, never, Scope.Scope> {
  let queue: FairQueue.FairQueue<Job> = []
  let running: Job | undefined
  let closed = false
  let lanes = 0
  const some = Latch.makeUnsafe(false)

  const takeNext = (): Job | undefined => {
    const [job, rest] = FairQueue.take(queue)
    queue = rest
    if (rest.length === 0) some.closeUnsafe()
    return job
  }

  /** Says what there is to say until something is wrong with the thread. */
  const sayOn = Effect.fnUntraced(function* (thread: VoiceThread) {
    for (;;) {
      const ended = yield* Effect.raceFirst(Effect.as(thread.ended, true), Effect.as(some.await, false))
      if (ended) return
      running = takeNext()
      if (running === undefined) continue
      const exit = yield* thread
        .say({ text: running.text, voice })
        .pipe(Effect.timeoutOrElse({ duration: TEXT_DEADLINE, orElse: () => Effect.fail(stalled) }), Effect.exit)
      running.settle(exit)
      running = undefined
      if (!isUsable(exit)) return
    }
  })

  const serve = some.await.pipe(
    Effect.andThen(start),
    Effect.flatMap(sayOn),
    Effect.scoped,
    // Whoever is first is told that there is no thread; the one after tries again.
    Effect.catch((error) => Effect.sync(() => takeNext()?.settle(Exit.fail(error)))),
    Effect.forever
  )

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      running?.settle(shutDown)
      for (let job = takeNext(); job !== undefined; job = takeNext()) job.settle(shutDown)
    })
  )
  yield* Effect.forkScoped(serve)

  const say = (lane: number, text: string): Effect.Effect<VoiceSound, TextToSpeechError> =>
    Effect.callback((resume) => {
      if (closed) return resume(shutDown)
      const job: Job = { text, settle: resume }
      queue = FairQueue.push(queue, lane, job)
      some.openUnsafe()
      return Effect.sync(() => {
        queue = FairQueue.remove(queue, job)
        if (queue.length === 0) some.closeUnsafe()
      })
    })

  return {
    lane: Effect.sync(() => {
      const lane = lanes++
      return { say: (text) => say(lane, text) }
    })
  }
})
