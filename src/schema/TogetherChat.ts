/** Chat completions as they are on the wire, request and streamed answer; data only. Source: openapi.yaml of togethercomputer/openapi, and recorded streams. */
import { Schema } from "effect"

/** A field that may be absent or null: vendors differ, and none of them promises either. */
const maybe = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

/** A finished tool call, as it goes back to the model. `arguments` is JSON text. */
export const ChatToolCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("function"),
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
})
export type ChatToolCall = typeof ChatToolCall.Type

/** One message of the conversation. A `tool` message answers one tool call of the assistant message before it. */
export const ChatMessage = Schema.Union([
  Schema.Struct({ role: Schema.Literals(["system", "user"]), content: Schema.String }),
  Schema.Struct({
    role: Schema.Literal("assistant"),
    content: maybe(Schema.String),
    tool_calls: Schema.optionalKey(Schema.Array(ChatToolCall))
  }),
  Schema.Struct({ role: Schema.Literal("tool"), tool_call_id: Schema.String, content: Schema.String })
])
export type ChatMessage = typeof ChatMessage.Type

/** A tool the model may call; `parameters` is a JSON schema. */
export const ChatTool = Schema.Struct({
  type: Schema.Literal("function"),
  function: Schema.Struct({
    name: Schema.String,
    description: Schema.optionalKey(Schema.String),
    parameters: Schema.Record(Schema.String, Schema.Unknown),
    strict: Schema.optionalKey(Schema.Boolean)
  })
})
export type ChatTool = typeof ChatTool.Type

/** Whether and which tool must be called. */
export const ChatToolChoice = Schema.Union([
  Schema.Literals(["auto", "none", "required"]),
  Schema.Struct({ type: Schema.Literal("function"), function: Schema.Struct({ name: Schema.String }) })
])
export type ChatToolChoice = typeof ChatToolChoice.Type

/** Body of `POST /chat/completions`, the part of it that Parley sends. */
export const ChatRequest = Schema.Struct({
  model: Schema.String,
  messages: Schema.Array(ChatMessage),
  stream: Schema.optionalKey(Schema.Boolean),
  stream_options: Schema.optionalKey(Schema.Struct({ include_usage: Schema.Boolean })),
  temperature: Schema.optionalKey(Schema.Finite),
  max_tokens: Schema.optionalKey(Schema.Int),
  tools: Schema.optionalKey(Schema.Array(ChatTool)),
  tool_choice: Schema.optionalKey(ChatToolChoice),
  response_format: Schema.optionalKey(
    Schema.Struct({
      type: Schema.Literal("json_schema"),
      json_schema: Schema.Struct({ name: Schema.String, schema: Schema.Record(Schema.String, Schema.Unknown) })
    })
  )
})
export type ChatRequest = typeof ChatRequest.Type

/** What went wrong, in an error response or in the middle of a stream. */
export const ChatErrorObject = Schema.Struct({
  message: maybe(Schema.String),
  type: maybe(Schema.String),
  param: maybe(Schema.String),
  code: maybe(Schema.Union([Schema.String, Schema.Finite]))
})
export type ChatErrorObject = typeof ChatErrorObject.Type

/** Body of an error response; some gateways put the type beside `error`. */
export const ChatErrorBody = Schema.Struct({
  error: Schema.Union([ChatErrorObject, Schema.String]),
  error_type: maybe(Schema.String)
})
export type ChatErrorBody = typeof ChatErrorBody.Type

/** Tokens counted; cached and reasoning counts come flat or nested. */
export const ChatUsage = Schema.Struct({
  prompt_tokens: maybe(Schema.Finite),
  completion_tokens: maybe(Schema.Finite),
  cached_tokens: maybe(Schema.Finite),
  reasoning_tokens: maybe(Schema.Finite),
  prompt_tokens_details: maybe(Schema.Struct({ cached_tokens: maybe(Schema.Finite) })),
  completion_tokens_details: maybe(Schema.Struct({ reasoning_tokens: maybe(Schema.Finite) }))
})
export type ChatUsage = typeof ChatUsage.Type

/** A fragment of a tool call: told apart by `index`, named only in the first one, `arguments` to be appended. */
export const ChatToolCallDelta = Schema.Struct({
  index: maybe(Schema.Finite),
  id: maybe(Schema.String),
  function: maybe(
    Schema.Struct({
      name: maybe(Schema.String),
      arguments: maybe(Schema.Union([Schema.String, Schema.Record(Schema.String, Schema.Unknown)]))
    })
  )
})
export type ChatToolCallDelta = typeof ChatToolCallDelta.Type

/** What a choice grew by. `reasoning` and `reasoning_content` are the same thing under two names. */
export const ChatDelta = Schema.Struct({
  content: maybe(Schema.String),
  reasoning: maybe(Schema.String),
  reasoning_content: maybe(Schema.String),
  tool_calls: maybe(Schema.Array(ChatToolCallDelta))
})
export type ChatDelta = typeof ChatDelta.Type

/**
 * One `data:` line of the stream.
 *
 * `choices` may be empty or absent. `choices[].text`, which repeats `delta.content`, is left out. A line with `error` ends
 * the answer.
 */
export const ChatChunk = Schema.Struct({
  id: maybe(Schema.String),
  model: maybe(Schema.String),
  choices: maybe(
    Schema.Array(
      Schema.Struct({ index: maybe(Schema.Finite), delta: maybe(ChatDelta), finish_reason: maybe(Schema.String) })
    )
  ),
  usage: maybe(ChatUsage),
  error: maybe(Schema.Union([ChatErrorObject, Schema.String])),
  error_type: maybe(Schema.String)
})
export type ChatChunk = typeof ChatChunk.Type

/** Data of the event after the last chunk. */
export const CHAT_DONE = "[DONE]"
