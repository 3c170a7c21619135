/** The sandbox's guide in the place of a language model: a prompt in, its words out, one after the other. Owns the pace, not the words. */
import { Effect, Layer, Stream } from "effect"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import { type GuideMessage, nextWords } from "./SandboxGuide.ts"

/** Time before each word, in milliseconds: about the pace of a language model. */
const WORD_MS = 15

const PART = "guide"

const textOf = (parts: ReadonlyArray<Prompt.UserMessagePart | Prompt.AssistantMessagePart>): string =>
  parts.map((part) => (part.type === "text" ? part.text : "")).join("")

const messagesOf = (prompt: Prompt.Prompt): ReadonlyArray<GuideMessage> =>
  prompt.content.flatMap((message): ReadonlyArray<GuideMessage> => {
    if (message.role !== "user" && message.role !== "assistant") return []
    const text = textOf(message.content)
    return text.trim() === "" ? [] : [{ role: message.role, text }]
  })

/** A script has no JSON and no tools to call: whoever insists on them is told so. */
const refusal = ({ responseFormat, toolChoice }: LanguageModel.ProviderOptions): string | undefined => {
  if (responseFormat.type === "json") return "The sandbox is a script: it answers in words, not in JSON."
  const must =
    typeof toolChoice === "object" ? "tool" in toolChoice || toolChoice.mode === "required" : toolChoice === "required"
  return must ? "The sandbox is a script: it calls no tools." : undefined
}

const wordsFor = (
  options: LanguageModel.ProviderOptions,
  method: string
): Effect.Effect<ReadonlyArray<string>, AiError.AiError> => {
  const description = refusal(options)
  return description === undefined
    ? Effect.sync(() => nextWords(messagesOf(options.prompt)).match(/\S+\s*/g) ?? [])
    : Effect.fail(
        AiError.make({
          module: "SandboxLanguageModel",
          method,
          reason: new AiError.InvalidRequestError({ description })
        })
      )
}

const finish: Response.FinishPartEncoded = {
  type: "finish",
  reason: "stop",
  usage: {
    inputTokens: { uncached: undefined, total: undefined, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: undefined, text: undefined, reasoning: undefined }
  },
  response: undefined
}

/** The guide as a language model; the same prompt always has the same answer. */
export const layer: Layer.Layer<LanguageModel.LanguageModel> = Layer.effect(
  LanguageModel.LanguageModel,
  LanguageModel.make({
    streamText: (options) =>
      Stream.unwrap(
        Effect.map(wordsFor(options, "streamText"), (words) =>
          Stream.fromIterable(words).pipe(
            Stream.rechunk(1),
            Stream.mapEffect((delta) => Effect.delay(Effect.succeed(delta), WORD_MS)),
            Stream.map((delta): Response.StreamPartEncoded => ({ type: "text-delta", id: PART, delta })),
            (deltas) =>
              Stream.make<Array<Response.StreamPartEncoded>>({ type: "text-start", id: PART }).pipe(
                Stream.concat(deltas),
                Stream.concat(Stream.make<Array<Response.StreamPartEncoded>>({ type: "text-end", id: PART }, finish))
              )
          )
        )
      ),
    generateText: (options) =>
      Effect.map(wordsFor(options, "generateText"), (words) => [
        { type: "text" as const, text: words.join("") },
        finish
      ]),
    supportsSystemMessagesInHistory: Effect.succeed(true)
  })
)
