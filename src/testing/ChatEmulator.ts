/** Stands in for `POST /v1/chat/completions` on a real socket: scripted replies in, streamed completions out, with the faults a real service shows. Owns no model; what it says is in the script. */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect, Exit, type Layer, Option, Redacted, Schema, Stream, SubscriptionRef } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ChatRequest } from "../schema/TogetherChat.ts"
import { type ChatRefusal, type ChatReply } from "./ChatReply.ts"
import { planReply, type WireStep } from "./ChatScript.ts"

/** A request the emulator received. */
export interface ChatExchange {
  /** Position among all requests, from 0. */
  readonly number: number
  readonly body: ChatRequest
  /** Headers as they came, lower case, without the key. */
  readonly headers: Readonly<Record<string, string>>
  /** The client's TCP port: the same for requests on the same connection. */
  readonly connection: number
}

/** What the emulator is to do. */
export interface ChatEmulatorScript {
  /**
   * What is answered. A list is used up in order, its last element again and again; a function is given each request.
   * A string is a reply of those words.
   */
  readonly replies: ReadonlyArray<string | ChatReply> | ((exchange: ChatExchange) => string | ChatReply)
  /** The only key that is let in; when left out, any key is. */
  readonly apiKey?: Redacted.Redacted
}

/**
 * What happened to a request, in order: `Received`, then one of the others.
 *
 * - `Completed` — the whole script of the reply was sent
 * - `Refused` — answered with a status other than 200
 * - `Cut` — the emulator destroyed the connection, as scripted
 * - `Aborted` — the client went away first
 */
export interface ChatEvent {
  readonly _tag: "Received" | "Completed" | "Refused" | "Cut" | "Aborted"
  readonly number: number
}

/** A running emulator. */
export interface ChatEmulator {
  /** The resource `/v1/chat/completions`, for `serveEmulator` or a server of one's own. */
  readonly routes: Layer.Layer<never, never, HttpRouter.HttpRouter>
  /** Every request that was let in and understood so far. */
  readonly requests: Effect.Effect<ReadonlyArray<ChatExchange>>
  /** Everything that happened so far. */
  readonly events: Effect.Effect<ReadonlyArray<ChatEvent>>
  /** Waits until something has happened to a request; at once if it already has. */
  readonly awaitEvent: (tag: ChatEvent["_tag"], number: number) => Effect.Effect<void>
}

interface Seen {
  readonly received: number
  readonly requests: ReadonlyArray<ChatExchange>
  readonly events: ReadonlyArray<ChatEvent>
}

/** An emulator that follows a script. Waits in it (first token, pace, keep-alive) are on the Clock. */
export const chatEmulator = Effect.fnUntraced(function* (script: ChatEmulatorScript): Effect.fn.Return<ChatEmulator> {
  const seen = yield* SubscriptionRef.make<Seen>({ received: 0, requests: [], events: [] })

  const happened = (_tag: ChatEvent["_tag"], number: number) =>
    SubscriptionRef.update(seen, (before) => withEvent(before, { _tag, number }))

  const received = SubscriptionRef.modify(seen, (before) => {
    const number = before.received
    return [number, { ...withEvent(before, { _tag: "Received", number }), received: number + 1 }] as const
  })

  const replyTo = (exchange: ChatExchange): ChatReply => {
    const { replies } = script
    const reply = typeof replies === "function" ? replies(exchange) : (replies[exchange.number] ?? replies.at(-1) ?? "")
    return typeof reply === "string" ? { text: reply } : reply
  }

  const handle = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const number = yield* received
    const refuse = (refusal: ChatRefusal) => Effect.as(happened("Refused", number), refusalResponse(refusal))
    const { authorization, ...headers } = request.headers
    if (!isLetIn(script, authorization)) return yield* refuse(badKey)
    const decoded = decodeRequest(yield* Effect.orElseSucceed(request.text, () => ""))
    if (Option.isNone(decoded)) return yield* refuse(badRequest("the body is not a chat completion request"))
    const body = decoded.value
    const wrong = problemIn(body)
    if (wrong !== undefined) return yield* refuse(badRequest(wrong))
    const connection = NodeHttpServerRequest.toIncomingMessage(request).socket.remotePort ?? 0
    const exchange = { number, body, headers, connection }
    yield* SubscriptionRef.update(seen, (before) => ({ ...before, requests: [...before.requests, exchange] }))
    const reply = replyTo(exchange)
    return yield* reply.refusal === undefined ? send(request, exchange, reply, happened) : refuse(reply.refusal)
  })

  return {
    routes: HttpRouter.add("POST", "/v1/chat/completions", handle),
    requests: Effect.map(SubscriptionRef.get(seen), ({ requests }) => requests),
    events: Effect.map(SubscriptionRef.get(seen), ({ events }) => events),
    awaitEvent: (tag, number) =>
      SubscriptionRef.changes(seen).pipe(
        Stream.filter(({ events }) => events.some((event) => event._tag === tag && event.number === number)),
        Stream.runHead,
        Effect.asVoid
      )
  }
})

const withEvent = (seen: Seen, event: ChatEvent): Seen => ({ ...seen, events: [...seen.events, event] })

/** Plays the plan of a reply: what is before the response here, the rest as its body. */
const send = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  { body, number }: ChatExchange,
  reply: ChatReply,
  happened: (tag: ChatEvent["_tag"], number: number) => Effect.Effect<void>
) {
  const response = NodeHttpServerRequest.toServerResponse(request)
  const id = `emulated-${number}`
  const [before, after] = planReply(reply, { id, model: body.model, promptTokens: promptTokens(body) })
  let cut = false
  const play = (step: WireStep): Effect.Effect<Uint8Array | undefined> => {
    switch (step._tag) {
      case "Headers":
        return Effect.sync(() => {
          if ("flushHeaders" in response) response.flushHeaders()
          return undefined
        })
      case "Write":
        // A turn of the event loop between writes keeps them apart on the socket.
        return Effect.as(Effect.yieldNow, step.bytes)
      case "Wait":
        return Effect.as(Effect.sleep(step.duration), undefined)
      case "Hang":
        return Effect.never
      case "Cut":
        return Effect.suspend(() => {
          cut = true
          response.socket?.destroy()
          return Effect.never
        })
    }
  }
  const ended = (exit: Exit.Exit<unknown, unknown>) =>
    happened(cut ? "Cut" : Exit.isSuccess(exit) ? "Completed" : "Aborted", number)
  yield* Effect.forEach(before, play, { discard: true }).pipe(
    Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : ended(exit)))
  )
  const bytes = Stream.fromIterable(after).pipe(
    Stream.mapEffect(play),
    Stream.filter((bytes) => bytes !== undefined),
    Stream.onExit(ended)
  )
  return HttpServerResponse.stream(bytes, {
    contentType: "text/event-stream;charset=utf-8",
    headers: { "x-request-id": id }
  })
})

const isLetIn = (script: ChatEmulatorScript, authorization: string | undefined): boolean => {
  const key = /^Bearer (.+)$/.exec(authorization ?? "")?.[1]
  return key !== undefined && (script.apiKey === undefined || key === Redacted.value(script.apiKey))
}

const decodeRequest = Schema.decodeUnknownOption(Schema.fromJsonString(ChatRequest))

/** What the service would not take although it has the right shape; undefined: nothing. */
const problemIn = ({ messages, stream }: ChatRequest): string | undefined => {
  if (stream !== true) return "only streamed completions are emulated"
  if (messages.length === 0) return "there are no messages"
  let awaited: ReadonlyArray<string> = []
  for (const message of messages) {
    if (message.role === "tool") {
      if (!awaited.includes(message.tool_call_id)) return "a tool message answers no call before it"
      awaited = awaited.filter((id) => id !== message.tool_call_id)
    } else {
      if (awaited.length > 0) return "a tool call has no tool message after it"
      awaited = message.role === "assistant" ? (message.tool_calls ?? []).map((call) => call.id) : []
    }
  }
  return awaited.length > 0 ? "a tool call has no tool message after it" : undefined
}

/** About as many tokens as the messages have. */
const promptTokens = ({ messages }: ChatRequest): number =>
  Math.ceil(messages.reduce((sum, message) => sum + (message.content ?? "").length, 0) / 4)

const badKey: ChatRefusal = {
  status: 401,
  error: { message: "Invalid API key provided.", type: "invalid_request_error" }
}

const badRequest = (message: string): ChatRefusal => ({
  status: 400,
  error: { message, type: "invalid_request_error" }
})

const refusalResponse = ({ body, error, headers, status }: ChatRefusal): HttpServerResponse.HttpServerResponse => {
  const text =
    body ?? JSON.stringify({ error: { message: `Status ${status}`, type: "error", param: null, code: null, ...error } })
  return HttpServerResponse.text(text, { status, contentType: "application/json", headers: { ...headers } })
}
