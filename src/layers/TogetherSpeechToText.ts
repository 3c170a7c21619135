/** Speech recognition by Together's realtime transcription: the contract's segments in, words out; joins what is said to the connection it is said over. */
import { type Cause, Deferred, Effect, Layer, Queue, type Scope, Stream } from "effect"
import { Socket } from "effect/socket"
import { SpeechToTextError } from "../schema/Errors.ts"
import { type ServerMessage } from "../schema/TogetherStt.ts"
import { AppConfig, type TogetherSettings } from "../services/AppConfig.ts"
import { type InterimTranscript, SpeechToText, type SpeechToTextSession } from "../services/SpeechToText.ts"
import { errorOf } from "./TogetherSttConnection.ts"
import { makeDialogue, type Segment } from "./TogetherSttDialogue.ts"
import { keepConnected } from "./TogetherSttKeeper.ts"

/** Time for the answer to a dropped segment to come before the connection is replaced on its account, in milliseconds. */
const DROPPED_ANSWER_MS = 1000

/** Interim transcripts kept for a slow consumer; newer ones replace older ones anyway. */
const INTERIMS_KEPT = 32

/** Characters that are logged of what a service says about a failure. */
const MAX_SAID = 500

/** `said` is what the service says about it in its own words, which may quote anything. */
const logFailure = (message: string, error: SpeechToTextError, said?: string) =>
  Effect.logWarning(message).pipe(
    Effect.annotateLogs({ reason: error.reason, detail: error.message, "pii.said": said?.slice(0, MAX_SAID) })
  )

const openSession = Effect.fnUntraced(function* (
  settings: TogetherSettings
): Effect.fn.Return<SpeechToTextSession, never, Scope.Scope | Socket.WebSocketConstructor> {
  const interims = yield* Queue.sliding<InterimTranscript, Cause.Done>(INTERIMS_KEPT)
  const dialogue = makeDialogue((interim) => Queue.offerUnsafe(interims, interim))
  let over: SpeechToTextError | undefined

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      over = new SpeechToTextError({ reason: "Disconnected", message: "The speech recognition session is over" })
      dialogue.failAll(over)
      Queue.endUnsafe(interims)
    })
  )

  const answer = (itemId: string | undefined, answer: Effect.Effect<string, SpeechToTextError>) => {
    if (dialogue.answer(itemId, answer)) keeper.confirm()
  }

  const receive = (message: ServerMessage): Effect.Effect<void> => {
    switch (message.type) {
      case "conversation.item.input_audio_transcription.delta": {
        if (message.delta !== undefined) dialogue.interim(message.item_id, message.delta.trim())
        return Effect.void
      }
      case "conversation.item.input_audio_transcription.completed": {
        if (message.transcript !== undefined) {
          answer(message.item_id, Effect.succeed(message.transcript.trim()))
          return Effect.void
        }
        const error = new SpeechToTextError({ reason: "Malformed", message: "A transcript came without its text" })
        answer(message.item_id, Effect.fail(error))
        return logFailure("Speech recognition failed for a segment", error)
      }
      case "conversation.item.input_audio_transcription.failed": {
        const error = errorOf(message, "Malformed")
        if (message.event_type?.endsWith("completed") === true) answer(message.item_id, Effect.fail(error))
        // Something else than the final words is missing: those may still come, and must not be taken for the next ones.
        else if (dialogue.fail(message.item_id, error)) keeper.renew(0)
        return logFailure("Speech recognition failed for a segment", error, message.error?.message)
      }
      case "error": {
        const error = errorOf(message, "Malformed")
        if (dialogue.fail(undefined, error)) keeper.renew(0)
        else keeper.complain(errorOf(message, "Disconnected"))
        return logFailure("Speech recognition reported an error", error, message.error?.message ?? message.message)
      }
      case "session.created":
        return Effect.void
    }
  }

  const keeper = yield* keepConnected(settings, {
    ready: dialogue.attach,
    lost: dialogue.detach,
    refused: dialogue.failAll,
    message: receive,
    isIdle: dialogue.idle
  })

  const append = (segment: number, samples: Int16Array): void => {
    if (dialogue.append(segment, samples)) keeper.retry()
  }

  const giveUp = (segment: Segment | undefined) =>
    Effect.sync(() => {
      if (segment !== undefined && dialogue.giveUp(segment)) keeper.renew(0)
    })

  const words = Effect.fnUntraced(function* (segment: Segment | undefined) {
    if (segment === undefined) return ""
    const error = over ?? keeper.refusal()
    if (error !== undefined) return yield* error
    const text = yield* Deferred.await(segment.answer)
    const missingMs = segment.audio.missingMs()
    if (missingMs > 0) {
      yield* Effect.logWarning("Speech recognition did not hear the beginning of a segment").pipe(
        Effect.annotateLogs({ missingMs })
      )
    }
    return text
  })

  return {
    append: (segment, samples) => Effect.sync(() => append(segment, samples)),
    appendUnsafe: append,
    commit: Effect.fn("SpeechToText.commit")((segment: number) =>
      // Whatever ends the wait without an answer gives up on the segment; after an answer there is nothing to give up.
      Effect.acquireUseRelease(
        Effect.sync(() => dialogue.end(segment)),
        words,
        giveUp
      )
    ),
    discard: (segment) =>
      Effect.sync(() => {
        if (dialogue.discard(segment)) keeper.renew(DROPPED_ANSWER_MS)
      }),
    interims: Stream.unwrap(Effect.as(Queue.clear(interims), Stream.fromQueue(interims)))
  }
})

/**
 * Speech recognition on the Together account and model of the configuration; one connection for each call.
 *
 * A lost connection is made again for as long as the session lives, and what was not answered is said again: of each
 * segment, the last 5 s are kept for that, and for a connection that is not there yet. Commits wait meanwhile. Only a
 * refusal (key, quota, model) fails them at once; it is put to the test again when a segment begins, at most every 5 s.
 */
export const layer: Layer.Layer<SpeechToText, never, AppConfig | Socket.WebSocketConstructor> = Layer.effect(
  SpeechToText,
  Effect.gen(function* () {
    const { together } = yield* AppConfig
    // Nothing but the constructor: with all of the context a session would live in the layer's scope, not in its call's.
    const constructor = yield* Socket.WebSocketConstructor
    return SpeechToText.of({
      open: Effect.provideService(openSession(together), Socket.WebSocketConstructor, constructor)
    })
  })
)
