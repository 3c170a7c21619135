/** Contract: what the language model may do besides talking. Owns how it is asked, not what is made of its answer. */
import { Context, Effect, Stream } from "effect"
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"

/** Asks the model, with or without tools. */
export interface CallTools {
  /** One answer of the model; the tools it calls are run, and their results are among its parts. */
  readonly ask: (
    model: LanguageModel.LanguageModel,
    prompt: Prompt.Prompt
  ) => Stream.Stream<Response.AnyPart, { readonly message: string }>
}

/** The tools of all calls. Unless they are provided the model can only talk. */
export const CallTools: Context.Reference<CallTools> = Context.Reference<CallTools>("parley/services/CallTools", {
  defaultValue: () => ({ ask: (model, prompt) => model.streamText({ prompt }) })
})

const textOf = (error: unknown, field: "_tag" | "message"): string | undefined => {
  const value: unknown = typeof error === "object" && error !== null ? Reflect.get(error, field) : undefined
  return typeof value === "string" ? value : undefined
}

/**
 * What a failure is told as. A handler's own words may be the caller's, as in "nobody is called …": they are private,
 * and only the kind of its error is told.
 */
const toldAs = (error: unknown): { readonly message: string } => {
  if (AiError.isAiError(error)) return error
  const kind = textOf(error, "_tag")
  return { message: kind === undefined ? "a tool failed" : `a tool failed (${kind})` }
}

const logPrivately = (error: unknown): Effect.Effect<void> =>
  AiError.isAiError(error)
    ? Effect.void
    : Effect.annotateLogs(Effect.logInfo("a tool failed"), { "pii.detail": textOf(error, "message") ?? String(error) })

/**
 * Lets the model use a toolkit. Provide it with `Layer.effect(CallTools, Effect.map(MyToolkit, fromToolkit))`, where
 * `MyToolkit` is an `effect/ai` Toolkit whose handlers are provided.
 *
 * Handlers must not need services of their own any more: what they need is provided with the toolkit's layer.
 */
export const fromToolkit = <Tools extends Record<string, Tool.Any>>(
  toolkit: Toolkit.WithHandler<Tools>
): CallTools => ({
  ask: (model, prompt) => {
    const answer = model.streamText({ prompt, toolkit })
    return answer.pipe(Stream.tapError(logPrivately), Stream.mapError(toldAs)) as Stream.Stream<
      Response.AnyPart,
      { readonly message: string }
    >
  }
})
