/** One streamed completion as a state machine: what came over the wire in, response parts and at most one failure out. Pure; owns neither the connection nor its deadlines. */
import { Result } from "effect"
import * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import { type ChatChunk, type ChatUsage } from "../schema/TogetherChat.ts"
import { type ChatEndpoint, errorObjectReason } from "./TogetherChatErrors.ts"
import { addFragment, addWritten, endCalls, type PendingCall } from "./TogetherToolCalls.ts"
import { type ContentPiece, type ContentState, endContent, initialContent, stepContent } from "./TogetherToolText.ts"

/** What came over the wire. */
export type ChatInput =
  | { readonly _tag: "Chunk"; readonly chunk: ChatChunk }
  /** The event that says nothing more will come. */
  | { readonly _tag: "Done" }
  /** The connection broke, or something came that is not a chunk. Nothing follows it. */
  | { readonly _tag: "Failed"; readonly reason: AiError.AiErrorReason }

/** What it means. A `Failure` is the last output, a finish part the last part; there is exactly one of the two. */
export type ChatOutput =
  | { readonly _tag: "Part"; readonly part: Response.StreamPartEncoded }
  | { readonly _tag: "Failure"; readonly reason: AiError.AiErrorReason }
  /** Something worth a warning that does not end the reply. */
  | { readonly _tag: "Notice"; readonly message: string }

/** What the machine must know of the request. */
export interface ChatStreamOptions {
  readonly endpoint: ChatEndpoint
  /** Names of the tools that may be called; undefined: any name is passed on. */
  readonly tools: ReadonlySet<string> | undefined
  /** Whether the reply is JSON on request, so that JSON in it is never taken for a tool call. */
  readonly json: boolean
  /** Unique to this request; ids of parts, and of calls to which the model gave none, begin with it. */
  readonly id: string
}

/** Where the machine is. */
export interface ChatState {
  readonly options: ChatStreamOptions
  readonly content: ContentState
  /** Chunks seen. */
  readonly chunks: number
  /** The part that deltas are being added to. */
  readonly open: { readonly type: "text" | "reasoning"; readonly id: string } | undefined
  /** Parts opened, for their ids. */
  readonly opened: number
  readonly calls: ReadonlyArray<PendingCall>
  /** Whether there was text to speak. */
  readonly spoken: boolean
  /** Tool calls written as text that could not be used. */
  readonly unusable: number
  /** The latest finish reason; more may follow it. */
  readonly finish: string | undefined
  readonly usage: ChatUsage | undefined
  readonly ended: boolean
}

type Step = readonly [state: ChatState, outputs: ReadonlyArray<ChatOutput>]

/** The state before anything came. */
export const initial = (options: ChatStreamOptions): ChatState => ({
  options,
  content: initialContent({ bareJson: !options.json }),
  chunks: 0,
  open: undefined,
  opened: 0,
  calls: [],
  spoken: false,
  unusable: 0,
  finish: undefined,
  usage: undefined,
  ended: false
})

/** Takes one input. After the finish part or a failure, inputs mean nothing. */
export const step = (state: ChatState, input: ChatInput): Step => {
  if (state.ended) return [state, []]
  switch (input._tag) {
    case "Chunk":
      return stepChunk(state, input.chunk)
    case "Done":
      return complete(state)
    case "Failed":
      // Once the model has said that it is finished, a lost connection loses nothing.
      return state.finish === undefined ? fail(state, input.reason) : complete(state)
  }
}

/** Takes the end of the stream. Some services close it without a last event: the finish reason is enough. */
export const onHalt = (state: ChatState): ReadonlyArray<ChatOutput> => {
  if (state.ended) return []
  if (state.finish !== undefined) return complete(state)[1]
  const reason =
    state.chunks === 0
      ? new AiError.InvalidResponseError({
          description: "The service answered without a single chunk of a completion."
        })
      : new AiError.InternalProviderError({
          description: `The answer of the model "${state.options.endpoint.model}" broke off before its end.`
        })
  return fail(state, reason)[1]
}

const fail = (state: ChatState, reason: AiError.AiErrorReason): Step => [
  { ...state, ended: true },
  [{ _tag: "Failure", reason }]
]

const part = (encoded: Response.StreamPartEncoded): ChatOutput => ({ _tag: "Part", part: encoded })

// ---------------------------------------------------------------------------
// Chunks
// ---------------------------------------------------------------------------

const stepChunk = (before: ChatState, chunk: ChatChunk): Step => {
  const error = chunk.error
  if (error !== undefined && error !== null) {
    return fail(before, errorObjectReason(before.options.endpoint, error, chunk.error_type))
  }
  const outputs: Array<ChatOutput> = []
  if (before.chunks === 0 && (chunk.id || chunk.model)) {
    outputs.push(part({ type: "response-metadata", id: chunk.id ?? undefined, modelId: chunk.model ?? undefined }))
  }
  let state: ChatState = { ...before, chunks: before.chunks + 1, usage: chunk.usage ?? before.usage }
  const choice = chunk.choices?.find((candidate) => (candidate.index ?? 0) === 0)
  if (choice === undefined) return [state, outputs]
  const delta = choice.delta
  const reasoning = delta?.reasoning ?? delta?.reasoning_content
  if (reasoning) state = addDelta(state, "reasoning", reasoning, outputs)
  if (delta?.content) {
    const [content, pieces] = stepContent(state.content, delta.content)
    state = addPieces({ ...state, content }, pieces, outputs)
  }
  for (const fragment of delta?.tool_calls ?? []) {
    state = addCalls(state, addFragment(state.calls, fragment, state.options.id), outputs)
  }
  return [{ ...state, finish: choice.finish_reason ?? state.finish }, outputs]
}

const addPieces = (before: ChatState, pieces: ReadonlyArray<ContentPiece>, outputs: Array<ChatOutput>): ChatState => {
  let state = before
  for (const piece of pieces) {
    switch (piece._tag) {
      case "Text":
        state = { ...addDelta(state, "text", piece.text, outputs), spoken: state.spoken || piece.text.trim() !== "" }
        break
      case "Reasoning":
        state = addDelta(state, "reasoning", piece.text, outputs)
        break
      case "Call":
        state = isOffered(state, piece.name)
          ? addCalls(state, addWritten(state.calls, piece, state.options.id), outputs)
          : { ...state, unusable: state.unusable + 1 }
        break
      case "Unusable":
        state = { ...state, unusable: state.unusable + 1 }
        break
    }
  }
  return state
}

const isOffered = (state: ChatState, name: string): boolean => state.options.tools?.has(name) ?? true

const addCalls = (
  before: ChatState,
  [calls, parts]: ReturnType<typeof addFragment>,
  outputs: Array<ChatOutput>
): ChatState => {
  const state = closePart(before, outputs)
  outputs.push(...parts.map(part))
  return { ...state, calls }
}

const addDelta = (
  before: ChatState,
  type: "text" | "reasoning",
  delta: string,
  outputs: Array<ChatOutput>
): ChatState => {
  const state = before.open?.type === type ? before : closePart(before, outputs)
  const open = state.open ?? { type, id: `${state.options.id}-${state.opened}` }
  if (state.open === undefined) outputs.push(part({ type: `${type}-start`, id: open.id }))
  outputs.push(part({ type: `${type}-delta`, id: open.id, delta }))
  return state.open === undefined ? { ...state, open, opened: state.opened + 1 } : state
}

const closePart = (state: ChatState, outputs: Array<ChatOutput>): ChatState => {
  if (state.open === undefined) return state
  outputs.push(part({ type: `${state.open.type}-end`, id: state.open.id }))
  return { ...state, open: undefined }
}

// ---------------------------------------------------------------------------
// End
// ---------------------------------------------------------------------------

const complete = (before: ChatState): Step => {
  const outputs: Array<ChatOutput> = []
  const state = closePart(addPieces(before, endContent(before.content), outputs), outputs)
  if (state.unusable > 0) {
    outputs.push({ _tag: "Notice", message: `Left out ${state.unusable} tool call(s) written as text` })
  }
  const made = endCalls(state.calls, { model: state.options.endpoint.model, tools: state.options.tools })
  if (Result.isFailure(made)) {
    outputs.push({ _tag: "Failure", reason: made.failure })
    return [{ ...state, ended: true }, outputs]
  }
  outputs.push(...made.success.map(part))
  const reason = finishReason(state)
  if (!state.spoken && state.calls.length === 0 && reason !== "content-filter") {
    outputs.push({ _tag: "Failure", reason: emptyReason(state, reason) })
  } else {
    outputs.push(part({ type: "finish", reason, usage: usageOf(state.usage) }))
  }
  return [{ ...state, ended: true }, outputs]
}

const finishReason = ({ calls, finish }: ChatState): Response.FinishReason => {
  switch (finish) {
    case undefined:
    case "stop":
    case "eos":
      // Calls written as text end like any other text.
      return calls.length > 0 ? "tool-calls" : "stop"
    case "length":
      return "length"
    case "tool_calls":
    case "function_call":
      return "tool-calls"
    case "content_filter":
      return "content-filter"
    default:
      return "other"
  }
}

const emptyReason = (state: ChatState, finish: Response.FinishReason): AiError.AiErrorReason => {
  const model = `The model "${state.options.endpoint.model}"`
  const description =
    state.unusable > 0
      ? `${model} wrote a tool call as text that calls none of the offered tools.`
      : finish === "length"
        ? `${model} reached the token limit before it said anything.`
        : state.opened > 0
          ? `${model} thought but said nothing.`
          : `${model} said nothing.`
  return new AiError.InvalidOutputError({ description })
}

const count = (value: number | null | undefined): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined

const usageOf = (usage: ChatUsage | undefined): Response.FinishPartEncoded["usage"] => {
  const input = count(usage?.prompt_tokens)
  const cached = count(usage?.cached_tokens ?? usage?.prompt_tokens_details?.cached_tokens)
  const output = count(usage?.completion_tokens)
  const reasoning = count(usage?.reasoning_tokens ?? usage?.completion_tokens_details?.reasoning_tokens)
  return {
    inputTokens: {
      total: input,
      cacheRead: cached,
      cacheWrite: undefined,
      uncached: input === undefined ? undefined : Math.max(0, input - (cached ?? 0))
    },
    outputTokens: {
      total: output,
      reasoning,
      text: output === undefined ? undefined : Math.max(0, output - (reasoning ?? 0))
    }
  }
}
