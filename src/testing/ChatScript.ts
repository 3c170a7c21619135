/** What a scripted completion looks like on the wire: a reply in, the bytes and waits that make it out. Pure; sends nothing. */
import { Duration } from "effect"
import { CHAT_DONE } from "../schema/TogetherChat.ts"
import { type ChatFault, type ChatPace, type ChatReply, type ChatWire } from "./ChatReply.ts"

/** One step of sending a reply. */
export type WireStep =
  | { readonly _tag: "Headers" }
  | { readonly _tag: "Write"; readonly bytes: Uint8Array }
  | { readonly _tag: "Wait"; readonly duration: Duration.Duration }
  /** Do nothing, forever. */
  | { readonly _tag: "Hang" }
  /** Destroy the connection. */
  | { readonly _tag: "Cut" }

type Draft = Exclude<WireStep, { _tag: "Write" }> | { readonly _tag: "Event"; readonly text: string }

/** What the chunks say about the request they answer. */
export interface ChatIdentity {
  readonly id: string
  readonly model: string
  readonly promptTokens: number
}

/** Characters in a token, about as many as in a real one. */
const TOKEN_LENGTH = 4

/** Steps through something must get somewhere, whatever a script says. */
const atLeastOne = (step: number): number => Math.max(1, step)

/** The steps before the response begins, and those after. */
export const planReply = (
  reply: ChatReply,
  identity: ChatIdentity
): readonly [before: ReadonlyArray<WireStep>, after: ReadonlyArray<WireStep>] => {
  const { fault, pace, wire } = reply
  if (fault?.kind === "hang") return [[{ _tag: "Hang" }], []]
  const tokens = tokensOf(reply, identity)
  const between: ReadonlyArray<Draft> =
    pace?.tokensPerSecond === undefined
      ? []
      : [{ _tag: "Wait", duration: Duration.millis(1000 / pace.tokensPerSecond) }]
  const drafts: Array<Draft> = [{ _tag: "Headers" }]
  if (wire?.retry !== undefined) drafts.push({ _tag: "Event", text: `retry: ${wire.retry}\n\n` })
  drafts.push(...keepAlives(pace))
  const paced = tokens.flatMap((token, index) => [...(index === 0 ? [] : between), event(token, wire)])
  if (fault === undefined) drafts.push(...paced, ...endOf(reply, identity, tokens.length))
  else {
    const steps = between.length + 1
    const until = Math.min(fault.afterTokens, tokens.length) * steps
    drafts.push(...paced.slice(0, until), ...faultSteps(fault, wire))
    if (fault.kind === "malformed") drafts.push(...paced.slice(until), ...endOf(reply, identity, tokens.length))
  }
  const wait = pace?.firstToken
  const before: ReadonlyArray<WireStep> =
    wait === undefined || pace?.keepAlive !== undefined
      ? []
      : [{ _tag: "Wait", duration: Duration.fromInputUnsafe(wait) }]
  return [before, write(drafts, wire)]
}

// ---------------------------------------------------------------------------
// Chunks
// ---------------------------------------------------------------------------

/** A chunk as the service sends it, with the fields that repeat or say nothing. */
const chunk = (
  { id, model }: ChatIdentity,
  delta: Readonly<Record<string, unknown>>,
  finish: string | null = null,
  usage: unknown = null
) => ({
  id,
  object: "chat.completion.chunk",
  created: 0,
  model,
  choices: [
    {
      index: 0,
      text: delta["content"] ?? "",
      logprobs: null,
      finish_reason: finish,
      seed: null,
      delta: { token_id: null, role: "assistant", content: "", ...delta }
    }
  ],
  usage
})

const pieces = (text: string, length: number): ReadonlyArray<string> => {
  const characters = Array.from(text)
  const result: Array<string> = []
  for (let at = 0; at < characters.length; at += length) result.push(characters.slice(at, at + length).join(""))
  return result
}

const tokensOf = (reply: ChatReply, identity: ChatIdentity): ReadonlyArray<unknown> => {
  const calls = reply.toolCalls ?? []
  const thoughts = pieces(reply.reasoning ?? "", TOKEN_LENGTH).map((reasoning) => chunk(identity, { reasoning }))
  const words = pieces(reply.text ?? "", TOKEN_LENGTH).map((content) => chunk(identity, { content }))
  const callChunks = calls.flatMap((call, index) => {
    const id = call.id ?? `call_${identity.id}_${index}`
    const json = typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments)
    const fragments = pieces(json, Math.max(1, Math.ceil(json.length / (call.fragments ?? 1))))
    return [
      chunk(identity, { tool_calls: [{ index, id, type: "function", function: { name: call.name, arguments: "" } }] }),
      ...fragments.map((text, position) =>
        chunk(
          identity,
          { tool_calls: [{ index, function: { arguments: text } }] },
          // As recorded: the finish reason is already on the last fragment, and comes again.
          index === calls.length - 1 && position === fragments.length - 1 ? "tool_calls" : null
        )
      )
    ]
  })
  return [...thoughts, ...words, ...(calls.length === 0 ? [] : [chunk(identity, {})]), ...callChunks]
}

const endOf = (reply: ChatReply, identity: ChatIdentity, tokens: number): ReadonlyArray<Draft> => {
  const { ending = {}, toolCalls = [], wire } = reply
  const finish = ending.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop")
  const usage = {
    prompt_tokens: identity.promptTokens,
    completion_tokens: tokens,
    total_tokens: identity.promptTokens + tokens,
    cached_tokens: 0
  }
  const kind = ending.usage ?? "same"
  const last = [
    ...(ending.repeated === true ? [chunk(identity, {}, finish)] : []),
    chunk(identity, {}, finish, kind === "same" ? usage : null),
    ...(kind === "later" ? [{ ...chunk(identity, {}, null, usage), choices: [] }] : [])
  ]
  return [
    ...last.map((value) => event(value, wire)),
    ...(ending.done === false ? [] : [eventText(CHAT_DONE, wire)]),
    ...(ending.holdOpen === true ? [{ _tag: "Hang" as const }] : [])
  ]
}

const faultSteps = (fault: Exclude<ChatFault, { kind: "hang" }>, wire: ChatWire | undefined): ReadonlyArray<Draft> => {
  switch (fault.kind) {
    case "error":
      return [event({ error: fault.error ?? { message: "The model failed.", type: "server_error" } }, wire)]
    case "cut":
      return [{ _tag: "Cut" }]
    case "stall":
      return [{ _tag: "Hang" }]
    case "malformed":
      return [eventText('{"id":"emulated","choices":[{"delta":{"conte', wire)]
    case "oversized":
      return [eventText("x".repeat(1_100_000), wire)]
  }
}

// ---------------------------------------------------------------------------
// Bytes
// ---------------------------------------------------------------------------

const eventText = (data: string, wire: ChatWire | undefined): Draft => ({
  _tag: "Event",
  text: `${wire?.comments === true ? ": emulated\n" : ""}data: ${data}\n\n`
})

const event = (value: unknown, wire: ChatWire | undefined): Draft => eventText(JSON.stringify(value), wire)

const keepAlives = (pace: ChatPace | undefined): ReadonlyArray<Draft> => {
  if (pace?.keepAlive === undefined) return []
  const interval = atLeastOne(Duration.toMillis(Duration.fromInputUnsafe(pace.keepAlive)))
  const total = Duration.toMillis(Duration.fromInputUnsafe(pace.firstToken ?? 0))
  const drafts: Array<Draft> = []
  let waited = 0
  for (; waited + interval <= total; waited += interval) {
    drafts.push({ _tag: "Wait", duration: Duration.millis(interval) }, { _tag: "Event", text: ": keep-alive\n\n" })
  }
  return [...drafts, { _tag: "Wait", duration: Duration.millis(total - waited) }]
}

/** Cuts what stands between two steps of another kind into writes. */
const write = (drafts: ReadonlyArray<Draft>, wire: ChatWire | undefined): ReadonlyArray<WireStep> => {
  const encoder = new TextEncoder()
  const steps: Array<WireStep> = []
  let texts: Array<string> = []
  const flush = () => {
    const size = wire?.bytesPerWrite === undefined ? undefined : atLeastOne(wire.bytesPerWrite)
    const perWrite = atLeastOne(size === undefined ? (wire?.eventsPerWrite ?? 1) : texts.length)
    for (let at = 0; at < texts.length; at += perWrite) {
      const bytes = encoder.encode(texts.slice(at, at + perWrite).join(""))
      const length = size ?? bytes.length
      for (let from = 0; from < bytes.length; from += length) {
        steps.push({ _tag: "Write", bytes: bytes.subarray(from, from + length) })
      }
    }
    texts = []
  }
  for (const draft of drafts) {
    if (draft._tag === "Event") texts.push(wire?.newline === "\r\n" ? draft.text.replaceAll("\n", "\r\n") : draft.text)
    else {
      flush()
      steps.push(draft)
    }
  }
  flush()
  return steps
}
