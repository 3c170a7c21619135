/** A stand-in for the language model: prompts in, scripted replies out, token by token, with the faults of the script. Understands nothing. */
import { Effect, Layer, Stream } from "effect"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"

/** One message of a prompt, as text: parts that are no text are left out. */
export interface ScriptedMessage {
  readonly role: "system" | "user" | "assistant" | "tool"
  readonly text: string
}

/** What the model was asked. */
export interface LanguageModelRequest {
  /** Position among all requests, from 0; requests that were given up on count. */
  readonly number: number
  /** Position of the caller's message that is to be answered among those of the prompt, from 0. */
  readonly turn: number
  /** That message. */
  readonly said: string
  readonly messages: ReadonlyArray<ScriptedMessage>
}

/** A tool that a reply calls. */
export interface ScriptedCall {
  readonly name: string
  /** Its parameters, as JSON. */
  readonly params: unknown
}

/**
 * What goes wrong with a reply, `afterTokens` tokens of which come before that.
 *
 * - `hang` — nothing comes at all
 * - `refuse` — an error instead of a reply
 * - `error` — an error in the middle
 * - `stall` — nothing more comes
 * - `cut` — the reply breaks off, which is an error too
 */
export type LanguageModelFault =
  | { readonly kind: "hang" }
  | { readonly kind: "refuse" }
  | { readonly kind: "error" | "stall" | "cut"; readonly afterTokens: number }

/** One reply. */
export interface LanguageModelReply {
  /** Words; without any the model says nothing. */
  readonly text?: string
  /** Tools that are called after the words. */
  readonly calls?: ReadonlyArray<ScriptedCall>
  /** What it goes on with when these tools have given their results; nothing by default. */
  readonly then?: string | LanguageModelReply
  readonly firstTokenMs?: number
  readonly tokensPerSecond?: number
  readonly fault?: LanguageModelFault
}

/** What the model does; data, unless replies come from a function. */
export interface LanguageModelScript {
  /**
   * Replies, to each message of the caller the one at its position, to those after the list's end the last one; or a
   * function of what is asked. A request that is made again gets the same reply again. A string is a reply of those words.
   */
  readonly replies:
    | ReadonlyArray<string | LanguageModelReply>
    | ((request: LanguageModelRequest) => string | LanguageModelReply)
  /** From a request to its first token, in milliseconds; 200 by default. */
  readonly firstTokenMs?: number
  /** Pace after that, in tokens of {@link TOKEN_LENGTH} characters; 50 by default. */
  readonly tokensPerSecond?: number
}

/** Characters in a token. */
export const TOKEN_LENGTH = 4

/** What holds when a script does not say otherwise. */
export const defaultLanguageModelScript = { firstTokenMs: 200, tokensPerSecond: 50 } as const

const token = new RegExp(`[\\s\\S]{1,${TOKEN_LENGTH}}`, "gu")

/** The tokens of a text. */
export const tokensOf = (text: string): ReadonlyArray<string> => text.match(token) ?? []

const textOf = (message: Prompt.Message): string =>
  typeof message.content === "string"
    ? message.content
    : message.content.map((part) => (part.type === "text" ? part.text : "")).join("")

/** A request, by the messages of its prompt. */
export const requestOf = (number: number, messages: ReadonlyArray<ScriptedMessage>): LanguageModelRequest => {
  const said = messages.filter(({ role }) => role === "user")
  return { number, turn: Math.max(0, said.length - 1), said: said.at(-1)?.text ?? "", messages }
}

/** How often tools have given results since the caller's last message. */
const roundsOf = (messages: ReadonlyArray<ScriptedMessage>): number => {
  const since = messages.slice(messages.findLastIndex(({ role }) => role === "user") + 1)
  return since.filter(({ role }, n) => role === "tool" && since[n - 1]?.role !== "tool").length
}

const replyOf = (reply: string | LanguageModelReply): LanguageModelReply =>
  typeof reply === "string" ? { text: reply } : reply

/** What a script replies to a request. */
export const replyTo = ({ replies }: LanguageModelScript, request: LanguageModelRequest): LanguageModelReply => {
  if (typeof replies === "function") return replyOf(replies(request))
  let reply = replyOf(replies[request.turn] ?? replies.at(-1) ?? "")
  for (let rounds = roundsOf(request.messages); rounds > 0; rounds--) reply = replyOf(reply.then ?? "")
  return reply
}

type Part = Response.StreamPartEncoded

const failure = (description: string): AiError.AiError =>
  AiError.make({
    module: "ScriptedLanguageModel",
    method: "streamText",
    reason: new AiError.InternalProviderError({ description })
  })

const finish = (reason: "stop" | "tool-calls", tokens: number): Part => ({
  type: "finish",
  reason,
  usage: {
    inputTokens: { total: undefined, cacheRead: undefined, cacheWrite: undefined, uncached: undefined },
    outputTokens: { total: tokens, text: tokens, reasoning: undefined }
  }
})

/** The words of a reply, at its pace; waits are whole milliseconds, as timers have it. */
const paced = (tokens: ReadonlyArray<string>, firstMs: number, perSecond: number): Stream.Stream<Part> =>
  Stream.fromIterable(tokens).pipe(
    Stream.mapEffect((delta, index) =>
      Effect.as(Effect.sleep(index === 0 ? firstMs : Math.round(1000 / perSecond)), {
        type: "text-delta",
        id: "0",
        delta
      } as const)
    )
  )

const play = (script: LanguageModelScript, request: LanguageModelRequest): Stream.Stream<Part, AiError.AiError> => {
  const reply = replyTo(script, request)
  const { firstTokenMs, tokensPerSecond } = { ...defaultLanguageModelScript, ...script, ...reply }
  const { calls = [], fault, text = "" } = reply
  if (fault?.kind === "hang") return Stream.never
  if (fault?.kind === "refuse") {
    return Stream.fromEffect(Effect.delay(Effect.fail(failure("the request was refused, as scripted")), firstTokenMs))
  }
  const tokens = tokensOf(text).slice(0, fault?.afterTokens)
  const first = tokens.length === 0 ? Stream.drain(Stream.fromEffect(Effect.sleep(firstTokenMs))) : Stream.empty
  const begun = Stream.concat(first, paced(tokens, firstTokenMs, tokensPerSecond))
  const words = tokens.length === 0 ? begun : Stream.concat(Stream.make<[Part]>({ type: "text-start", id: "0" }), begun)
  switch (fault?.kind) {
    case "stall":
      return Stream.concat(words, Stream.never)
    case "error":
    case "cut":
      return Stream.concat(words, Stream.fail(failure(`the reply broke off (${fault.kind}), as scripted`)))
    case undefined: {
      const rest: ReadonlyArray<Part> = [
        ...(tokens.length === 0 ? [] : [{ type: "text-end", id: "0" } as const]),
        ...calls.map(({ name, params }, index): Part => ({
          type: "tool-call",
          id: `${request.number}-${index}`,
          name,
          params
        })),
        finish(calls.length === 0 ? "stop" : "tool-calls", tokens.length)
      ]
      return Stream.concat(words, Stream.fromIterable(rest))
    }
  }
}

/** A model that follows a script. Requests are counted over all calls. */
export const scriptedLanguageModel = (script: LanguageModelScript): Layer.Layer<LanguageModel.LanguageModel> =>
  Layer.effect(
    LanguageModel.LanguageModel,
    Effect.suspend(() => {
      let requests = 0
      const answer = (provider: LanguageModel.ProviderOptions): Stream.Stream<Part, AiError.AiError> =>
        Stream.suspend(() => {
          const messages = provider.prompt.content.map((message) => ({ role: message.role, text: textOf(message) }))
          return play(script, requestOf(requests++, messages))
        })
      return LanguageModel.make({
        streamText: answer,
        generateText: (provider) => Effect.map(Stream.runCollect(answer(provider)), whole),
        supportsSystemMessagesInHistory: Effect.succeed(true)
      })
    })
  )

/** A reply that was not asked for as a stream. */
const whole = (parts: ReadonlyArray<Part>): Array<Response.PartEncoded> => {
  const text = parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")
  return [
    ...(text === "" ? [] : [{ type: "text", text } as const]),
    ...parts.filter((part) => part.type === "tool-call" || part.type === "finish")
  ]
}
