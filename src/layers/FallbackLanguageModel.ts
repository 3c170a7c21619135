/** Several language models in, one out that asks the next one when one fails or is slow, and leaves alone what keeps failing. Owns no request. */
import { Cause, Context, Duration, Effect, ExecutionPlan, Stream } from "effect"
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import { onFirst } from "../streams/OnFirst.ts"
import { whileWaiting } from "../streams/WhileWaiting.ts"
import { type Circuit } from "./Circuit.ts"

/** A language model to be asked. */
export interface LanguageModelCandidate {
  readonly model: LanguageModel.LanguageModel
  readonly circuit: Circuit
  /** Longest wait for its first words; then it counts as failed. */
  readonly patience: Duration.Duration
}

type Parts = Stream.Stream<Response.AnyPart, AiError.AiError>
type Options = Parameters<LanguageModel.LanguageModel["streamText"]>[0]

const problem = (description: string): AiError.AiError =>
  AiError.make({
    module: "FallbackLanguageModel",
    method: "streamText",
    reason: new AiError.InternalProviderError({ description })
  })

/** What says nothing yet: with no more than this another model may still be asked. */
const isPrelude = ({ type }: Response.AnyPart): boolean =>
  type === "response-metadata" || type === "text-start" || type === "reasoning-start"

/** Keeps back what comes before there is anything to say. */
const holdPrelude = (parts: Parts): Parts =>
  Stream.mapAccum(
    parts,
    (): ReadonlyArray<Response.AnyPart> | undefined => [],
    (held: ReadonlyArray<Response.AnyPart> | undefined, part: Response.AnyPart) => {
      if (held === undefined) return [undefined, [part]] as const
      return isPrelude(part) ? ([[...held, part], []] as const) : ([undefined, [...held, part]] as const)
    },
    { onHalt: (held) => [...(held ?? [])] }
  )

/** Whether the service is to blame, and not what it was asked. */
const isOutage = ({ reason }: AiError.AiError): boolean => reason._tag !== "InvalidRequestError"

/** One model behind its circuit: fails at once while that is open, and when nothing comes in time. */
const guarded = ({ circuit, model, patience }: LanguageModelCandidate, options: Options): Parts => {
  const attempt = Stream.suspend(() => {
    let begun = false
    // The parts are those of the caller's own tools, which do not matter here.
    const parts = holdPrelude(model.streamText(options) as Parts)
    const quiet = problem(`the language model gave no answer within ${Duration.toSeconds(patience)} s`)
    return parts.pipe(
      whileWaiting({ atMost: Effect.andThen(Effect.sleep(patience), Effect.fail(quiet)), filler: Effect.never }),
      onFirst(
        Effect.suspend(() => {
          begun = true
          return circuit.succeeded
        })
      ),
      Stream.tapError((error) => (begun || !isOutage(error) ? Effect.void : circuit.failed))
    )
  })
  return Stream.unwrap(
    Effect.map(circuit.admit, (admitted) =>
      admitted ? attempt : Stream.fail(problem("the language model keeps failing and is not asked now"))
    )
  )
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : "unknown")

/** One of the models, by its place in the plan. */
class Candidate extends Context.Service<Candidate, LanguageModelCandidate>()("parley/layers/FallbackLanguageModel") {}

/**
 * A language model that asks the candidates in turn until one begins to answer; an answer that breaks off is not begun
 * again by another. Answers that are no streams come from the first candidate alone.
 */
export const make = (
  first: LanguageModelCandidate,
  ...others: ReadonlyArray<LanguageModelCandidate>
): LanguageModel.LanguageModel => {
  const plan = ExecutionPlan.make(
    { provide: Context.make(Candidate, first) },
    ...others.map((candidate) => ({ provide: Context.make(Candidate, candidate) }))
  )
  const streamText = (options: Options): Parts =>
    Stream.unwrap(Effect.map(Candidate, (candidate) => guarded(candidate, options))).pipe(
      Stream.withExecutionPlan(plan, {
        preventFallbackOnPartialStream: true,
        onEvent: (event) =>
          event._tag === "AttemptFailure" && event.stepIndex < others.length && !Cause.hasInterruptsOnly(event.cause)
            ? Effect.annotateLogs(Effect.logWarning("The language model failed; the next one is asked"), {
                detail: messageOf(Cause.squash(event.cause))
              })
            : Effect.void
      })
    )
  // Overloads cannot be written as one function; the parts are passed on as they are.
  return { ...first.model, streamText: streamText as LanguageModel.LanguageModel["streamText"] }
}
