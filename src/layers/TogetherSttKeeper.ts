/** Keeps a call connected to Together's realtime transcription: dials, waits between attempts, replaces and keeps alive; owns no segments. */
import { Clock, Deferred, Effect, Fiber, FiberHandle, Queue, Random, type Scope, Stream } from "effect"
import { type Socket } from "effect/socket"
import { SpeechToTextError } from "../schema/Errors.ts"
import { type ClientMessage, type ServerMessage } from "../schema/TogetherStt.ts"
import { type TogetherSettings } from "../services/AppConfig.ts"
import { silence } from "./TogetherSttAudio.ts"
import { notReady, READY_WITHIN_MS, transcribe } from "./TogetherSttConnection.ts"
import { type Wire } from "./TogetherSttDialogue.ts"

/** Time without an append after which silence is sent, in milliseconds; the service hangs up after 300 s. */
const KEEP_ALIVE_MS = 200_000

/** Time after a refusal in which the service is not asked again, in milliseconds. */
const REFUSED_FOR_MS = 5000

/** Life of a connection after which its loss is not taken for a service that cannot keep one, in milliseconds. */
const HEALTHY_AFTER_MS = 5000

/** Time in which a close counts as the consequence of an error message before it, in milliseconds. */
const CONSEQUENCE_MS = 1000

const COMMIT = JSON.stringify({ type: "input_audio_buffer.commit" } satisfies ClientMessage)
const CLEAR = JSON.stringify({ type: "input_audio_buffer.clear" } satisfies ClientMessage)

/**
 * Wait before the next attempt, in milliseconds, after this many `failures` in a row: none before the first two, then
 * 0.5 s doubling up to 15 s, of which `random` (0 to 1) takes up to a half away, so that calls do not come back at once.
 */
export const backoffMs = (failures: number, random: number): number =>
  failures < 2 ? 0 : Math.min(15_000, 500 * 2 ** (failures - 2)) * (1 - random / 2)

/** What the keeper tells the session. Called in order and one at a time. */
export interface KeeperEvents {
  /** A connection is ready; it takes the place of the one before, if there still is one. */
  readonly ready: (wire: Wire) => void
  /** The connection is gone; another one is on its way. */
  readonly lost: () => void
  /** There is no point in waiting for a connection. */
  readonly refused: (error: SpeechToTextError) => void
  /** A message came on the connection in use. */
  readonly message: (message: ServerMessage) => Effect.Effect<void>
  /** Whether the service has no audio and owes no answer on the connection in use. */
  readonly isIdle: () => boolean
}

/** The connection of one session. */
export interface Keeper {
  /** Makes a new connection after this many milliseconds, unless `confirm` comes first; the present one stays until then. */
  readonly renew: (afterMs: number) => void
  /** The service answered: the connection is good. */
  readonly confirm: () => void
  /** The service said that something is wrong: if it hangs up now, that is why. */
  readonly complain: (error: SpeechToTextError) => void
  /** Asks a service that refused once more, if it did so a while ago. */
  readonly retry: () => void
  /** Why no connection is being made. */
  readonly refusal: () => SpeechToTextError | undefined
}

/** A connection from dialling to its end. */
interface Link {
  readonly outbox: Queue.Queue<string>
  /** Done when the service said that it is ready, or when it turned out that it will not be. */
  readonly ready: Deferred.Deferred<void, SpeechToTextError>
  fiber: Fiber.Fiber<void> | undefined
  readyAt: number
  appendedAt: number
  confirmed: boolean
  complaint: { readonly error: SpeechToTextError; readonly at: number } | undefined
}

const logFailure = (message: string, error: SpeechToTextError, failures: number) =>
  Effect.logWarning(message).pipe(
    Effect.annotateLogs({ reason: error.reason, detail: error.message, failures, retrying: error.retryable })
  )

/** Connects in the background until the scope closes, then hangs up. */
export const keepConnected = Effect.fnUntraced(function* (
  settings: TogetherSettings,
  events: KeeperEvents
): Effect.fn.Return<Keeper, never, Scope.Scope | Socket.WebSocketConstructor> {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const connecting = yield* FiberHandle.make<void>()
  /** Replaces what is being done about a new connection. */
  const run = yield* FiberHandle.runtime(connecting)<Socket.WebSocketConstructor>()

  /** The connection in use. */
  let current: Link | undefined
  /** Attempts and short-lived connections since one was good. */
  let failures = 0
  let refused: { readonly error: SpeechToTextError; readonly at: number } | undefined

  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

  /** Stops trying. A connection that was to be replaced is of no use either. */
  const refuse = (error: SpeechToTextError): Effect.Effect<void> =>
    Effect.suspend(() => {
      const link = current
      current = undefined
      if (link !== undefined) events.lost()
      refused = { error, at: now() }
      events.refused(error)
      return link?.fiber === undefined ? Effect.void : Fiber.interrupt(link.fiber)
    })

  /** Takes the link into use and hangs up its predecessor. */
  const install = (link: Link): Effect.Effect<void> => {
    if (Deferred.isDoneUnsafe(link.ready)) return Effect.void
    const previous = current?.fiber
    current = link
    link.readyAt = now()
    events.ready({
      append: (message) => {
        link.appendedAt = now()
        Queue.offerUnsafe(link.outbox, message)
      },
      commit: () => Queue.offerUnsafe(link.outbox, COMMIT)
    })
    Deferred.doneUnsafe(link.ready, Effect.void)
    return previous === undefined ? Effect.void : Fiber.interrupt(previous)
  }

  const lose = (link: Link, error: SpeechToTextError): Effect.Effect<void> => {
    if (link !== current) return Effect.void
    current = undefined
    failures = link.confirmed || now() - link.readyAt >= HEALTHY_AFTER_MS ? 1 : failures + 1
    events.lost()
    const { complaint } = link
    const cause = complaint !== undefined && now() - complaint.at <= CONSEQUENCE_MS ? complaint.error : error
    const log = logFailure("Speech recognition lost its connection", cause, failures)
    if (!cause.retryable) return Effect.andThen(refuse(cause), log)
    run(connect)
    return log
  }

  /** Silence now and then, taken back at once, so that a quiet call keeps its connection. Never ends. */
  const keepAlive = Effect.fnUntraced(function* (link: Link) {
    while (true) {
      const restMs = link.appendedAt + KEEP_ALIVE_MS - now()
      if (restMs > 0) {
        yield* Effect.sleep(restMs)
      } else {
        if (link === current && events.isIdle()) Queue.offerAllUnsafe(link.outbox, [silence, CLEAR])
        link.appendedAt = now()
      }
    }
  })

  /** Lives as long as the link does. */
  const serve = (link: Link): Effect.Effect<void, never, Socket.WebSocketConstructor> =>
    transcribe(settings, Stream.fromQueue(link.outbox)).pipe(
      Stream.runForEach((message) =>
        message.type === "session.created"
          ? Effect.suspend(() => install(link))
          : Effect.suspend(() => (link === current ? events.message(message) : Effect.void))
      ),
      Effect.raceFirst(keepAlive(link)),
      // A socket that cannot even be made, say with a key that no header can hold, must not leave anyone waiting.
      Effect.catchDefect((cause) =>
        Effect.fail(
          new SpeechToTextError({
            reason: "Rejected",
            message: `Speech recognition cannot be used: ${cause instanceof Error ? cause.message : "unknown defect"}`,
            cause
          })
        )
      ),
      Effect.catch((error) =>
        Effect.suspend(() => {
          if (Deferred.doneUnsafe(link.ready, Effect.fail(error))) return Effect.void
          return lose(link, error)
        })
      )
    )

  /** One attempt: ends when the link is in use. */
  const dial: Effect.Effect<void, SpeechToTextError, Socket.WebSocketConstructor> = Effect.acquireUseRelease(
    Effect.gen(function* () {
      const link: Link = {
        outbox: yield* Queue.unbounded<string>(),
        ready: Deferred.makeUnsafe(),
        fiber: undefined,
        readyAt: now(),
        appendedAt: now(),
        confirmed: false,
        complaint: undefined
      }
      link.fiber = yield* Effect.forkIn(serve(link), scope)
      return link
    }),
    (link) =>
      Deferred.await(link.ready).pipe(
        Effect.timeoutOrElse({ duration: READY_WITHIN_MS, orElse: () => Effect.fail(notReady()) })
      ),
    // Not on the exit: the link may have become ready in the moment in which the attempt was called off.
    (link) => (Deferred.isDoneUnsafe(link.ready) ? Effect.void : Fiber.interrupt(link.fiber!))
  )

  /** Attempts until one succeeds or is refused. */
  const connect: Effect.Effect<void, never, Socket.WebSocketConstructor> = Effect.gen(function* () {
    while (true) {
      yield* Effect.sleep(backoffMs(failures, yield* Random.next))
      const error = yield* dial.pipe(Effect.as(undefined), Effect.catch(Effect.succeed))
      if (error === undefined) return
      failures++
      yield* logFailure("Speech recognition cannot be connected", error, failures)
      if (!error.retryable) return yield* refuse(error)
    }
  })

  run(connect)

  return {
    renew: (afterMs) => {
      run(Effect.andThen(Effect.sleep(afterMs), connect))
    },
    confirm: () => {
      if (current !== undefined) current.confirmed = true
      failures = 0
      run(Effect.void)
    },
    complain: (error) => {
      if (current !== undefined) current.complaint = { error, at: now() }
    },
    retry: () => {
      if (refused === undefined || now() - refused.at < REFUSED_FOR_MS) return
      refused = undefined
      failures = 0
      run(connect)
    },
    refusal: () => refused?.error
  }
})
