/** Puts the tool calls of one reply together: fragments and calls written as text in, response parts out. Pure; runs no tool. */
import { Result } from "effect"
import * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import { type ChatToolCallDelta } from "../schema/TogetherChat.ts"

/** A tool call whose arguments may still be coming. */
export interface PendingCall {
  /** Position given by the model; undefined: the call was written as text. */
  readonly index: number | undefined
  readonly id: string
  /** "" until the model has said it. */
  readonly name: string
  /** The arguments so far, JSON text. */
  readonly json: string
}

type Calls = ReadonlyArray<PendingCall>
type Parts = ReadonlyArray<Response.StreamPartEncoded>
type Added = readonly [calls: Calls, parts: Parts]

const begun = (call: PendingCall): Parts =>
  call.name === "" ? [] : [{ type: "tool-params-start", id: call.id, name: call.name }, ...grown(call, call.json)]

const grown = (call: PendingCall, json: string): Parts =>
  json === "" || call.name === "" ? [] : [{ type: "tool-params-delta", id: call.id, delta: json }]

/** Id for a call to which the model gave none; `prefix` is unique to the request. */
const nextId = (calls: Calls, prefix: string): string => `${prefix}-call-${calls.length}`

/**
 * Adds one fragment of a call.
 *
 * Fragments of one call share an `index`, and only the first need have an id and a name. Without an index, an id that is
 * new begins a call, and anything else continues the latest one.
 */
export const addFragment = (calls: Calls, fragment: ChatToolCallDelta, prefix: string): Added => {
  const given = fragment.function?.arguments ?? ""
  const json = typeof given === "string" ? given : JSON.stringify(given)
  const name = fragment.function?.name ?? ""
  const id = fragment.id || undefined
  const latest = calls.findLast((call) => call.index !== undefined)
  const known =
    typeof fragment.index === "number"
      ? calls.find((call) => call.index === fragment.index)
      : id === undefined || id === latest?.id
        ? latest
        : undefined
  if (known === undefined) {
    const index = fragment.index ?? (latest?.index ?? -1) + 1
    const call = { index, id: id ?? nextId(calls, prefix), name, json }
    return [[...calls, call], begun(call)]
  }
  const next = { ...known, name: known.name || name, json: known.json + json }
  return [calls.map((call) => (call === known ? next : call)), known.name === "" ? begun(next) : grown(next, json)]
}

/** Adds a whole call that the model wrote as text. */
export const addWritten = (
  calls: Calls,
  written: { readonly name: string; readonly params: Readonly<Record<string, unknown>> },
  prefix: string
): Added => {
  const json = JSON.stringify(written.params)
  const call = { index: undefined, id: nextId(calls, prefix), name: written.name, json }
  return [[...calls, call], begun(call)]
}

/**
 * The parts that make the calls, or why one of them cannot be made.
 *
 * `tools` are the names that may be called; undefined: any. Arguments may be left out: some tools take none.
 */
export const endCalls = (
  calls: Calls,
  options: { readonly model: string; readonly tools: ReadonlySet<string> | undefined }
): Result.Result<Parts, AiError.AiErrorReason> => {
  const parts: Array<Response.StreamPartEncoded> = []
  for (const { id, json, name } of calls) {
    if (options.tools !== undefined && !options.tools.has(name)) {
      return Result.fail(new AiError.ToolNotFoundError({ toolName: name, availableTools: [...options.tools] }))
    }
    const params = Result.try((): unknown => (json.trim() === "" ? {} : JSON.parse(json)))
    if (Result.isFailure(params)) {
      const description = `The model "${options.model}" called the tool "${name}" with arguments that are not JSON.`
      return Result.fail(new AiError.InvalidOutputError({ description }))
    }
    parts.push({ type: "tool-params-end", id }, { type: "tool-call", id, name, params: params.success })
  }
  return Result.succeed(parts)
}
