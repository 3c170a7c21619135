/** Contract: what the language model may do besides talking. Owns how it is asked, not what is made of its answer. */
import { Context, Stream } from "effect"
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

/** What a tool handler that failed is told as. */
const messageOf = (error: unknown): { readonly message: string } =>
  typeof error === "object" && error !== null && "message" in error
    ? { message: String(error.message) }
    : { message: "a tool failed" }

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
    return Stream.mapError(answer, messageOf) as Stream.Stream<Response.AnyPart, { readonly message: string }>
  }
})
