/** What a scripted completion says, how fast, and what goes wrong with it; data only. */
import { type Duration } from "effect"
import { type ChatErrorObject } from "../schema/TogetherChat.ts"

/** One scripted answer. The parts come in the order thoughts, text, tool calls. An empty one is a reply that says nothing. */
export interface ChatReply {
  /** Words of the reply; sent in tokens of a few characters. Markup in it is how a model writes a tool call as text. */
  readonly text?: string
  /** Thoughts, in `delta.reasoning`. */
  readonly reasoning?: string
  readonly toolCalls?: ReadonlyArray<ScriptedToolCall>
  /** Answer with an error status instead of a completion. */
  readonly refusal?: ChatRefusal
  readonly pace?: ChatPace
  readonly ending?: ChatEnding
  readonly fault?: ChatFault
  readonly wire?: ChatWire
}

/** A tool call of the model. */
export interface ScriptedToolCall {
  readonly name: string
  /** Arguments as a JSON value, or as text when they are to be something else. */
  readonly arguments: unknown
  /** Chunks the arguments come in; 1 when left out. Only the first chunk of the call names it. */
  readonly fragments?: number
  /** When left out, one that is unique to the request. */
  readonly id?: string
}

/** An error response. */
export interface ChatRefusal {
  readonly status: number
  readonly error?: ChatErrorObject
  /** For example `retry-after` or `x-ratelimit-reset`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Text to send instead of the error object. */
  readonly body?: string
}

/** When things come. Without it, everything comes at once. */
export interface ChatPace {
  /** Wait for the first token. */
  readonly firstToken?: Duration.Input
  readonly tokensPerSecond?: number
  /** Send the headers at once and a comment this often while the first token is awaited. */
  readonly keepAlive?: Duration.Input
}

/** How a completion ends. */
export interface ChatEnding {
  /** `stop` when left out, `tool_calls` if there are any. */
  readonly finishReason?: string
  /** Whether a chunk before the last one carries the finish reason as well; with tool calls one always does. */
  readonly repeated?: boolean
  /** Whether usage comes with the finish reason, in a chunk of its own without choices, or not; `same` when left out. */
  readonly usage?: "same" | "later" | "none"
  /** Whether the last event says so; true when left out. */
  readonly done?: boolean
  /** Keep the connection open after everything was sent. */
  readonly holdOpen?: boolean
}

/**
 * What goes wrong after a number of tokens.
 *
 * - `hang` — nothing is sent at all, not even headers
 * - `error` — an error object in the stream, which ends it
 * - `cut` — the connection is destroyed
 * - `stall` — nothing more comes
 * - `malformed` — a chunk that is half a chunk; the reply goes on after it
 * - `oversized` — an event of more than a million characters
 */
export type ChatFault =
  | { readonly kind: "hang" }
  | { readonly kind: "error"; readonly afterTokens: number; readonly error?: ChatErrorObject }
  | { readonly kind: "cut" | "stall" | "malformed" | "oversized"; readonly afterTokens: number }

/** How the events are written. */
export interface ChatWire {
  readonly newline?: "\n" | "\r\n"
  /** Whether a comment stands before every event. */
  readonly comments?: boolean
  /** Milliseconds of a `retry:` line at the beginning. */
  readonly retry?: number
  /** Events sent in one write. */
  readonly eventsPerWrite?: number
  /** Bytes sent in one write, so that lines and characters are split; overrides `eventsPerWrite`. */
  readonly bytesPerWrite?: number
}
