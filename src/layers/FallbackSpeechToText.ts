/** Several recognisers in, one out that goes over to the next one for the rest of a call when one fails for good or is slow. What was not answered is said to it again. Owns no recognition. */
import { type Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Queue, Scope, Semaphore, Stream } from "effect"
import { SpeechToTextError } from "../schema/Errors.ts"
import { type InterimTranscript, SpeechToText, type SpeechToTextSession } from "../services/SpeechToText.ts"
import { type Circuit } from "./Circuit.ts"

/** A recogniser to be used. */
export interface SpeechToTextCandidate {
  readonly service: SpeechToText["Service"]
  readonly circuit: Circuit
  /** Longest wait for a segment's final words; then it counts as failed. */
  readonly patience: Duration.Duration
}

/** Audio kept of a segment that is not answered, in samples of 8 kHz: the latest twenty seconds. */
const KEPT_SAMPLES = 20 * 8000

/** Interim transcripts kept for a slow consumer; newer ones replace older ones anyway. */
const INTERIMS_KEPT = 32

/** A segment that somebody may want the words of. */
interface Segment {
  readonly id: number
  readonly pieces: Array<Int16Array>
  samples: number
  readonly answer: Deferred.Deferred<string, SpeechToTextError>
  ended: boolean
  /** Who was asked for its words, and the fiber that waits for them. */
  asked: Current | undefined
  asking: Fiber.Fiber<unknown> | undefined
}

/** The recogniser in use. */
interface Current {
  readonly index: number
  readonly candidate: SpeechToTextCandidate
  readonly session: SpeechToTextSession
  readonly scope: Scope.Closeable
}

const keep = (segment: Segment, samples: Int16Array): void => {
  segment.pieces.push(samples)
  segment.samples += samples.length
  while (segment.samples > KEPT_SAMPLES && segment.pieces.length > 1) {
    segment.samples -= segment.pieces.shift()?.length ?? 0
  }
}

const leftAlone = new SpeechToTextError({
  reason: "Overloaded",
  message: "speech recognition keeps failing and is not asked now"
})

/** Whether the service is to blame, and not what it was given. */
const isOutage = ({ reason }: SpeechToTextError): boolean => reason !== "Rejected" && reason !== "Malformed"

const openSession = Effect.fnUntraced(function* (
  candidates: ReadonlyArray<SpeechToTextCandidate>
): Effect.fn.Return<SpeechToTextSession, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const interims = yield* Queue.sliding<InterimTranscript, Cause.Done>(INTERIMS_KEPT)
  yield* Effect.addFinalizer(() => Queue.end(interims))
  const oneAtATime = yield* Semaphore.make(1)
  /** Not answered, oldest first. */
  const segments = new Map<number, Segment>()

  const use = Effect.fnUntraced(function* (index: number, candidate: SpeechToTextCandidate) {
    const own = yield* Scope.fork(scope)
    const session = yield* Scope.provide(candidate.service.open, own)
    yield* session.interims.pipe(
      Stream.runForEach((interim) =>
        Effect.sync(() => current.index === index && Queue.offerUnsafe(interims, interim))
      ),
      Effect.forkIn(own)
    )
    return { index, candidate, session, scope: own } satisfies Current
  })

  /** The first candidate from this one on that is not known to fail. */
  const choose = Effect.fnUntraced(function* (from: number) {
    for (let index = from; index < candidates.length; index++) {
      const candidate = candidates[index]
      if (candidate !== undefined && !(yield* candidate.circuit.isOpen)) return { index, candidate }
    }
    return undefined
  })

  /** Makes the next candidate the one in use; false: there is none. */
  const goOver = Effect.fnUntraced(function* (failed: Current, error: SpeechToTextError) {
    if (current !== failed) return true
    const next = yield* choose(failed.index + 1)
    if (next === undefined) return false
    yield* Effect.annotateLogs(Effect.logWarning("Speech recognition failed; the next one takes over"), {
      reason: error.reason,
      detail: error.message
    })
    const successor = yield* use(next.index, next.candidate)
    // What comes meanwhile is added to the end of what is gone through here.
    for (const segment of segments.values()) {
      for (const samples of segment.pieces) yield* successor.session.append(segment.id, samples)
      // In order: a recogniser takes no segment before the one ahead of it was ended.
      if (segment.ended) yield* ask(segment, successor)
    }
    current = successor
    yield* Effect.forkIn(Scope.close(failed.scope, Exit.void), scope)
    return true
  }, oneAtATime.withPermit)

  const settle = (segment: Segment, answer: Effect.Effect<string, SpeechToTextError>): void => {
    segments.delete(segment.id)
    Deferred.doneUnsafe(segment.answer, answer)
  }

  const commitTo = (asked: Current, segment: Segment): Effect.Effect<string, SpeechToTextError> => {
    const { circuit, patience } = asked.candidate
    const late = new SpeechToTextError({
      reason: "Stalled",
      message: `no words came within ${Duration.toSeconds(patience)} s`
    })
    const words = asked.session.commit(segment.id).pipe(
      Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(late) }),
      Effect.tap(circuit.succeeded),
      Effect.tapError((error) => (isOutage(error) ? circuit.failed : Effect.void))
    )
    return Effect.flatMap(circuit.admit, (admitted) => (admitted ? words : Effect.fail(leftAlone)))
  }

  /** Asks for the words, and goes over to the next recogniser if there are none to be had. */
  const ask = (segment: Segment, asked: Current): Effect.Effect<void> => {
    segment.asked = asked
    const failed = Effect.fnUntraced(function* (error: SpeechToTextError) {
      const over = yield* goOver(asked, error)
      if (!over) return settle(segment, Effect.fail(error))
      if (segment.asked === asked && segments.has(segment.id)) yield* ask(segment, current)
    })
    return commitTo(asked, segment).pipe(
      Effect.matchEffect({
        onSuccess: (words) => Effect.sync(() => settle(segment, Effect.succeed(words))),
        onFailure: failed
      }),
      // At once, so that the recogniser knows of the segment's end before anything is said after it.
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.map((fiber) => void (segment.asking = fiber))
    )
  }

  const forget = (segment: Segment): Effect.Effect<void> =>
    Effect.suspend(() => {
      segments.delete(segment.id)
      return segment.asking === undefined ? Effect.void : Fiber.interrupt(segment.asking)
    })

  /** What comes of a segment before its end is kept for the next recogniser, if there is one. */
  const remember = (id: number, samples: Int16Array): void => {
    let segment = segments.get(id)
    if (segment === undefined) {
      segment = {
        id,
        pieces: [],
        samples: 0,
        answer: Deferred.makeUnsafe(),
        ended: false,
        asked: undefined,
        asking: undefined
      }
      segments.set(id, segment)
    }
    if (!segment.ended && candidates.length > 1) keep(segment, samples)
  }

  const appendUnsafe = (id: number, samples: Int16Array): void => {
    remember(id, samples)
    current.session.appendUnsafe?.(id, samples)
  }

  const chosen = (yield* choose(0)) ?? { index: 0, candidate: candidates[0] as SpeechToTextCandidate }
  let current: Current = yield* use(chosen.index, chosen.candidate)

  return {
    append: (id, samples) =>
      Effect.suspend(() => {
        remember(id, samples)
        return current.session.append(id, samples)
      }),
    get appendUnsafe() {
      return current.session.appendUnsafe === undefined ? undefined : appendUnsafe
    },
    commit: (id) =>
      Effect.suspend(() => {
        const segment = segments.get(id)
        if (segment === undefined) return current.session.commit(id)
        segment.ended = true
        return Effect.andThen(ask(segment, current), Deferred.await(segment.answer)).pipe(
          Effect.onInterrupt(() => forget(segment))
        )
      }),
    discard: (id) =>
      Effect.suspend(() => {
        segments.delete(id)
        return current.session.discard(id)
      }),
    interims: Stream.fromQueue(interims)
  }
})

/** A recogniser made of several, the preferred one first. There must be one. */
export const layer = (candidates: ReadonlyArray<SpeechToTextCandidate>): Layer.Layer<SpeechToText> =>
  Layer.succeed(SpeechToText, { open: openSession(candidates) })
