/** Puts what `effect/ai` asks for into the words of the wire: prompt, tools and response format in, request body out. Pure. */
import { Result } from "effect"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import { type ChatMessage, type ChatRequest, type ChatTool, type ChatToolChoice } from "../schema/TogetherChat.ts"

/** What of the request is configuration. */
export interface ChatDefaults {
  readonly model: string
  readonly temperature: number
  /** Tokens a reply may have. */
  readonly maxTokens: number
}

type Lowered<A> = Result.Result<A, AiError.AiErrorReason>

/** The request body, or why there is none: a tool or schema the wire cannot carry, a prompt with more than words in it. */
export const lowerRequest = (
  options: Pick<LanguageModel.ProviderOptions, "prompt" | "tools" | "toolChoice" | "responseFormat">,
  defaults: ChatDefaults
): Lowered<ChatRequest> =>
  Result.gen(function* () {
    const messages = yield* lowerPrompt(options.prompt)
    const tools = yield* Result.all(options.tools.map(lowerTool))
    const format = options.responseFormat
    const response_format =
      format.type === "text"
        ? undefined
        : {
            type: "json_schema" as const,
            json_schema: { name: format.objectName, schema: yield* jsonSchemaOf(format.schema) }
          }
    return {
      model: defaults.model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
      temperature: defaults.temperature,
      max_tokens: defaults.maxTokens,
      ...(tools.length === 0 ? {} : { tools, tool_choice: lowerToolChoice(options.toolChoice) }),
      ...(response_format === undefined ? {} : { response_format })
    }
  })

// ---------------------------------------------------------------------------
// Messages
// ---------------------------------------------------------------------------

/**
 * The messages of a prompt.
 *
 * On the wire, results follow the message that made the calls, and every call has one. So results are moved up to their
 * calls, calls that never got one (the caller interrupted) are answered with that fact, and results without a call (it
 * was forgotten) are left out. Thoughts, and messages without words, are left out too.
 */
export const lowerPrompt = (prompt: Prompt.Prompt): Lowered<ReadonlyArray<ChatMessage>> =>
  Result.gen(function* () {
    const results = yield* resultsById(prompt)
    const messages: Array<ChatMessage> = []
    for (const message of prompt.content) {
      switch (message.role) {
        case "system":
          messages.push({ role: "system", content: message.content })
          break
        case "user":
          messages.push({ role: "user", content: yield* textOf(message.content) })
          break
        case "assistant": {
          const calls = message.content.filter((part) => part.type === "tool-call")
          const content = yield* textOf(message.content)
          if (content === "" && calls.length === 0) break
          messages.push({
            role: "assistant",
            content: content === "" ? null : content,
            ...(calls.length === 0 ? {} : { tool_calls: yield* Result.all(calls.map(lowerCall)) })
          })
          for (const { id } of calls) {
            messages.push({ role: "tool", tool_call_id: id, content: results.get(id)?.shift() ?? unanswered })
          }
          break
        }
        case "tool":
          break
      }
    }
    return messages
  })

const unanswered = JSON.stringify({ error: "The call was interrupted; there is no result." })

/** Results in the order they came, by the id of their call: models use ids again in later turns. */
const resultsById = (prompt: Prompt.Prompt): Lowered<Map<string, Array<string>>> =>
  Result.gen(function* () {
    const results = new Map<string, Array<string>>()
    for (const message of prompt.content) {
      if (message.role !== "tool" && message.role !== "assistant") continue
      for (const part of message.content) {
        if (part.type !== "tool-result") continue
        const content = yield* resultText(part)
        const earlier = results.get(part.id)
        if (earlier === undefined) results.set(part.id, [content])
        else earlier.push(content)
      }
    }
    return results
  })

const textOf = (parts: ReadonlyArray<Prompt.UserMessagePart | Prompt.AssistantMessagePart>): Lowered<string> => {
  const file = parts.find((part) => part.type === "file")
  return file === undefined
    ? Result.succeed(parts.map((part) => (part.type === "text" ? part.text : "")).join(""))
    : Result.fail(
        new AiError.InvalidUserInputError({
          description: `The prompt has a file of type "${file.mediaType}"; only text can be sent.`
        })
      )
}

const lowerCall = (call: Prompt.ToolCallPart) =>
  Result.map(encodeJson(call.name, call.params), (text) => ({
    id: call.id,
    type: "function" as const,
    function: { name: call.name, arguments: text }
  }))

const resultText = (part: Prompt.ToolResultPart): Lowered<string> => {
  if (part.modelOutput !== undefined) return Result.succeed(Prompt.toolModelOutputToText(part.modelOutput))
  if (part.isFailure) return encodeJson(part.name, { error: part.result })
  return typeof part.result === "string" ? Result.succeed(part.result) : encodeJson(part.name, part.result)
}

/** JSON text of a tool's arguments or result; a tool without a result has `null`. */
const encodeJson = (toolName: string, value: unknown): Lowered<string> =>
  Result.try({
    try: () => JSON.stringify(value) ?? "null",
    catch: () =>
      new AiError.ToolResultEncodingError({
        toolName,
        toolResult: undefined,
        description: "it holds something that JSON cannot"
      })
  })

// ---------------------------------------------------------------------------
// Tools
// ---------------------------------------------------------------------------

const lowerTool = (tool: Tool.Any): Lowered<ChatTool> => {
  const wrong = (description: string) =>
    Result.fail(new AiError.ToolConfigurationError({ toolName: tool.name, description }))
  if (Tool.isProviderDefined(tool)) return wrong("tools defined by another provider cannot be called here")
  // Source: docs.together.ai/docs/inference/function-calling.
  if (!/^\w{1,64}$/.test(tool.name)) return wrong("the name may have letters, digits and underscores, at most 64")
  const description = Tool.getDescription(tool)
  const strict = Tool.getStrictMode(tool)
  return schema(() => Tool.getJsonSchema(tool)).pipe(
    Result.map((parameters) => ({
      type: "function",
      function: {
        name: tool.name,
        ...(description === undefined ? {} : { description }),
        // Some services take no object schema without this, and a tool without arguments has none.
        parameters: parameters["type"] === "object" ? { properties: {}, ...parameters } : parameters,
        ...(strict === undefined ? {} : { strict })
      }
    }))
  )
}

const jsonSchemaOf = (format: Parameters<typeof LanguageModel.defaultCodecTransformer>[0]) =>
  schema(() => LanguageModel.defaultCodecTransformer(format).jsonSchema)

const schema = (evaluate: () => Record<string, unknown>): Lowered<Record<string, unknown>> =>
  Result.try({
    try: evaluate,
    catch: (error) =>
      new AiError.UnsupportedSchemaError({ description: error instanceof Error ? error.message : String(error) })
  })

/** A choice among several tools needs no words: only those tools are sent. */
const lowerToolChoice = (choice: LanguageModel.ToolChoice<string>): ChatToolChoice => {
  if (typeof choice === "string") return choice
  return "tool" in choice ? { type: "function", function: { name: choice.tool } } : (choice.mode ?? "auto")
}
