/** Several voices in, one out that goes over to the next one for the rest of a call when one fails for good or is slow to begin. Sentences that were not said are said by the next one. Owns no voice. */
import { type Cause, Clock, Duration, Effect, Layer, Queue, Scope, Stream } from "effect"
import { TextToSpeechError } from "../schema/Errors.ts"
import { type SpeechAudio, TextToSpeech, type TextToSpeechSession } from "../services/TextToSpeech.ts"
import { CHARACTERS_PER_SECOND } from "../streams/Heard.ts"
import { onFirst } from "../streams/OnFirst.ts"
import { whileWaiting } from "../streams/WhileWaiting.ts"
import { type Circuit } from "./Circuit.ts"

/** A voice to be used. */
export interface TextToSpeechCandidate {
  readonly service: TextToSpeech["Service"]
  readonly circuit: Circuit
  /** From a reply's first sentence to its first audio, at most; then it counts as failed. */
  readonly patience: Duration.Duration
}

/** Sentences taken from a reply before a voice wants them; beyond them the text waits. */
const TEXT_AHEAD = 16

const leftAlone = new TextToSpeechError({
  reason: "Overloaded",
  message: "speech synthesis keeps failing and is not asked now"
})

/** Share of the time a sentence usually takes from which on it counts as said. */
const SAID = 0.6

/**
 * The sentence to go on with. One that was hardly begun is said again: words that are heard twice are better than words
 * that are not heard at all.
 */
const firstUnsaid = (texts: ReadonlyArray<string>, last: number, lastMs: number): number => {
  const usualMs = (1000 * (texts[last] ?? "").length) / CHARACTERS_PER_SECOND
  return last >= 0 && lastMs < SAID * usualMs ? last : last + 1
}

/** Whether the service is to blame, and not what it was given. */
const isOutage = ({ reason }: TextToSpeechError): boolean => reason !== "Rejected" && reason !== "Malformed"

const openSession = Effect.fnUntraced(function* (
  candidates: ReadonlyArray<TextToSpeechCandidate>
): Effect.fn.Return<TextToSpeechSession, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const sessions = new Map<number, TextToSpeechSession>()
  /** The first candidate that has not failed in this call. */
  let preferred = 0

  const sessionOf = Effect.fnUntraced(function* (index: number, candidate: TextToSpeechCandidate) {
    const known = sessions.get(index)
    if (known !== undefined) return known
    const session = yield* Scope.provide(candidate.service.open, scope)
    sessions.set(index, session)
    return session
  })

  /** The first candidate from this one on that is not known to fail. */
  const choose = Effect.fnUntraced(function* (from: number) {
    for (let index = from; index < candidates.length; index++) {
      const candidate = candidates[index]
      if (candidate !== undefined && !(yield* candidate.circuit.isOpen)) return { index, candidate }
    }
    return undefined
  })

  // Connected while the greeting is being said.
  const first = yield* choose(0)
  if (first !== undefined) yield* sessionOf(first.index, first.candidate)

  /** One voice: what it says of the sentences from its turn on. */
  const attempt = (
    candidate: TextToSpeechCandidate,
    session: TextToSpeechSession,
    sentences: Stream.Stream<string>
  ): Stream.Stream<SpeechAudio, TextToSpeechError> =>
    Stream.suspend(() => {
      const { circuit, patience } = candidate
      let askedMs: number | undefined
      const asked = onFirst(Effect.sync(() => void (askedMs = nowMs())))(sentences)
      const quiet = Effect.gen(function* () {
        const limitMs = Duration.toMillis(patience)
        for (;;) {
          const leftMs = askedMs === undefined ? limitMs : askedMs + limitMs - nowMs()
          if (leftMs <= 0) break
          yield* Effect.sleep(leftMs)
        }
        return yield* new TextToSpeechError({
          reason: "Stalled",
          message: `no speech came within ${Duration.toSeconds(patience)} s`
        })
      })
      return session.speak(asked).pipe(
        whileWaiting({ atMost: quiet, filler: Effect.never }),
        onFirst(circuit.succeeded),
        Stream.tapError((error) => (isOutage(error) ? circuit.failed : Effect.void))
      )
    })

  const speak: TextToSpeechSession["speak"] = <E, R>(sentences: Stream.Stream<string, E, R>) =>
    Stream.unwrap(
      Effect.gen(function* () {
        // Read by a fiber of its own: a voice that is given up on must not break off what it was being told.
        const text = yield* Stream.toQueue(sentences, { capacity: TEXT_AHEAD })
        const taken: Array<string> = []
        /** The text's own failure: no voice is to blame for that. */
        let broken: Cause.Cause<E> | undefined
        /** The sentence that audio last came of, and how much came of it. */
        let last = -1
        let lastMs = 0

        /** One sentence at a time, so that none is taken that is not kept. */
        const next = Effect.map(Queue.take(text), (sentence) => {
          taken.push(sentence)
          return [sentence] as const
        })
        const rest = Stream.fromPull(Effect.succeed(next)).pipe(
          Stream.catchCause((cause) => {
            broken = cause
            return Stream.empty
          })
        )
        /** The sentences from this one on; those that another voice took already come first. */
        const from = (first: number): Stream.Stream<string> =>
          Stream.concat(
            Stream.suspend(() => Stream.fromIterable(taken.slice(first))),
            rest
          )

        const say = (index: number, first: number): Stream.Stream<SpeechAudio, TextToSpeechError> =>
          Stream.unwrap(
            Effect.gen(function* () {
              const chosen = (yield* choose(index)) ?? (yield* choose(0))
              if (chosen === undefined || !(yield* chosen.candidate.circuit.admit)) return Stream.fail(leftAlone)
              const session = yield* sessionOf(chosen.index, chosen.candidate)
              return attempt(chosen.candidate, session, from(first)).pipe(
                Stream.map((audio) => {
                  const sentence = first + audio.sentence
                  lastMs = (sentence === last ? lastMs : 0) + (1000 * audio.samples.length) / audio.sampleRate
                  last = sentence
                  return { ...audio, sentence }
                }),
                Stream.catch((error) => goOver(chosen.index, error))
              )
            })
          )

        const goOver = (failed: number, error: TextToSpeechError) =>
          Stream.unwrap(
            Effect.gen(function* () {
              preferred = Math.max(preferred, Math.min(failed + 1, candidates.length - 1))
              if ((yield* choose(failed + 1)) === undefined) return Stream.fail(error)
              yield* Effect.annotateLogs(Effect.logWarning("Speech synthesis failed; the next voice takes over"), {
                reason: error.reason,
                detail: error.message
              })
              return say(failed + 1, firstUnsaid(taken, last, lastMs))
            })
          )

        const end = Stream.suspend((): Stream.Stream<never, E> =>
          broken === undefined ? Stream.empty : Stream.failCause(broken)
        )
        return Stream.concat(say(preferred, 0), end)
      })
    )

  return { speak }
})

/** A voice made of several, the preferred one first. */
export const layer = (candidates: ReadonlyArray<TextToSpeechCandidate>): Layer.Layer<TextToSpeech> =>
  Layer.succeed(TextToSpeech, { open: openSession(candidates) })
