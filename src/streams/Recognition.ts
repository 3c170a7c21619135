/** A call's windows in, and where segments open and end in them; what is said in the segments out. Owns no decision about when speech is, and no recogniser. */
import { Duration, Effect, FiberSet, Option, type Scope, Stream } from "effect"
import { type VoiceWindow } from "../schema/Audio.ts"
import { type CallEventBody, type CallStage } from "../schema/CallEvent.ts"
import { SpeechToTextError } from "../schema/Errors.ts"
import { type TurnInput } from "../schema/Turn.ts"
import { type SpeechToTextSession } from "../services/SpeechToText.ts"
import * as SpeechGate from "./SpeechGate.ts"

/** What a call's recognition stands on, and whom it tells. */
export interface RecognitionOptions {
  readonly session: SpeechToTextSession
  /** Audio from before a segment's onset that belongs to it, in milliseconds. */
  readonly preRollMs: number
  /** How long a segment's words are waited for once it has ended. */
  readonly deadline: Duration.Duration
  /** Words came, or will not. */
  readonly offer: (input: TurnInput) => Effect.Effect<void>
  readonly tell: (event: CallEventBody) => Effect.Effect<void>
  readonly failed: (stage: CallStage, error: { readonly message: string }) => Effect.Effect<void>
}

/** Recognition of what is said in one call. Mutable. */
export interface Recognition {
  /**
   * Takes a window in at once: it is kept, or belongs to the open segment. Where the recogniser is told by an effect,
   * that comes out; otherwise `Effect.void` itself.
   */
  readonly hear: (window: VoiceWindow) => Effect.Effect<void>
  /** A segment opens: what was heard from `fromMs` of audio time on belongs to it, and pre-roll. */
  readonly open: (segment: number, fromMs: number) => Effect.Effect<void>
  /** The open segment ends: its words are asked for, and waited for elsewhere. */
  readonly end: (segment: number) => Effect.Effect<void>
}

/** Recognition for a new call, until the scope closes. */
export const makeRecognition = Effect.fnUntraced(function* (
  options: RecognitionOptions
): Effect.fn.Return<Recognition, never, Scope.Scope> {
  const { deadline, failed, offer, preRollMs, session, tell } = options
  const { appendUnsafe } = session
  const waiting = yield* FiberSet.make()
  let gate = SpeechGate.initial

  const append = ({ samples, segment }: SpeechGate.SegmentAudio) => session.append(segment, samples)

  /** Has the recogniser hear the pieces: at once where it can, otherwise by the effect. */
  const recognise = (pieces: ReadonlyArray<SpeechGate.SegmentAudio>): Effect.Effect<void> => {
    if (appendUnsafe === undefined)
      return pieces.length === 0 ? Effect.void : Effect.forEach(pieces, append, { discard: true })
    for (const { samples, segment } of pieces) appendUnsafe(segment, samples)
    return Effect.void
  }

  const noTranscript = new SpeechToTextError({
    reason: "Stalled",
    message: `no words came within ${Duration.toSeconds(deadline)} s`
  })

  const transcribe = (segment: number) =>
    session.commit(segment).pipe(
      Effect.timeoutOrElse({ duration: deadline, orElse: () => Effect.fail(noTranscript) }),
      Effect.asSome,
      Effect.catch((error) => Effect.as(failed("speech to text", error), Option.none<string>())),
      Effect.flatMap((words) =>
        Effect.andThen(
          tell({ _tag: "Transcript", segment, text: Option.getOrUndefined(words) }),
          offer(
            Option.match(words, {
              onNone: (): TurnInput => ({ _tag: "Unrecognised", segment }),
              onSome: (text): TurnInput => ({ _tag: "Final", segment, text })
            })
          )
        )
      )
    )

  yield* session.interims.pipe(
    Stream.runForEach(({ segment, text }) =>
      Effect.andThen(tell({ _tag: "Interim", segment, text }), offer({ _tag: "Interim", segment, text }))
    ),
    Effect.forkScoped
  )

  return {
    hear: (window) => {
      const [next, pieces] = SpeechGate.hear(gate, window, preRollMs)
      gate = next
      return recognise(pieces)
    },
    open: (segment, fromMs) =>
      Effect.suspend(() => {
        const [next, pieces] = SpeechGate.open(gate, segment, fromMs, preRollMs)
        gate = next
        return recognise(pieces)
      }),
    end: (segment) =>
      Effect.suspend(() => {
        gate = SpeechGate.close(gate)
        return Effect.asVoid(FiberSet.run(waiting, transcribe(segment)))
      })
  }
})
