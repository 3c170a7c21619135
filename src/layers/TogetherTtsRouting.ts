/**
 * Frames of the text-to-speech socket in, each reply's events out to its inbox: which context an event is for, and
 * what is to be dropped because it is for none that is open. Owns no socket and no reply's progress.
 */
import { type TextToSpeechError } from "../schema/Errors.ts"
import {
  decodeServerMessage,
  DEFAULT_CONTEXT,
  MAX_CONTEXTS,
  type ServerMessage,
  type TtsError
} from "../schema/TogetherTts.ts"
import { serviceFailure, type TtsEndpoint } from "./TogetherTtsErrors.ts"
import { type ReplyInput } from "./TogetherTtsReplyState.ts"

/** How a reply is told what happens to it; takes it in at once. */
export type Inbox = (input: ReplyInput) => void

/** What a frame means for the connection. */
export type Signal =
  /** The session is there. */
  | { readonly _tag: "Ready" }
  /** Only another connection can tell what is for whom. */
  | { readonly _tag: "Replace" }
  /** The service wants nothing of this session, and will not of another one like it. */
  | { readonly _tag: "Refuse"; readonly error: TextToSpeechError }

/** Contexts after which an idle connection is replaced: the service may count finished ones for as long as it lives. */
const WORN_OUT = MAX_CONTEXTS - 10

/** Time in a context without a word from the service after which the connection counts as dead, in milliseconds. */
const DEAD_MS = 1500

/** A context that is open. */
interface OpenContext {
  readonly inbox: Inbox
  /** When something was first to be said in it, in milliseconds on the caller's clock. */
  readonly sinceMs: number
  /** How often the service had said anything before. */
  readonly toldBefore: number
}

const ready: Signal = { _tag: "Ready" }

/** The signal to replace the connection. */
export const replace: Signal = { _tag: "Replace" }

/** The replies of one call and what their connection tells them. */
export class TtsRouting {
  readonly #endpoint: TtsEndpoint
  readonly #inboxes = new Set<Inbox>()
  /** Open contexts, the latest one last. */
  readonly #contexts = new Map<string, OpenContext>()
  /** Contexts that were cancelled and may still be heard of. */
  readonly #cancelled = new Set<string>()
  /** The context that was finished last. */
  #finished: string | undefined
  /** The service does not say which context audio is for. */
  #anonymous = false
  #overran = false
  #opened = 0
  /** Speech, ends and failures that the service has told of. */
  #told = 0
  #proven = false
  #problem: TextToSpeechError | undefined
  #malformed = 0

  constructor(endpoint: TtsEndpoint) {
    this.#endpoint = endpoint
  }

  /** Whether audio came for a context after its end: counting `done`s is not enough to know it. */
  get overran(): boolean {
    return this.#overran
  }

  /** Whether the present connection brought audio. */
  get proven(): boolean {
    return this.#proven
  }

  /** What the service last said was wrong, outside of any context, that may be better on another connection. */
  get problem(): TextToSpeechError | undefined {
    return this.#problem
  }

  /** Frames of the present connection that were nonsense. */
  get malformed(): number {
    return this.#malformed
  }

  /** Whether the present connection had so many contexts that it should be replaced while nobody uses it. */
  get wornOut(): boolean {
    return this.#contexts.size === 0 && this.#opened >= WORN_OUT
  }

  /** Has the inbox told of the connection. */
  add(inbox: Inbox): void {
    this.#inboxes.add(inbox)
  }

  /** Tells the inbox nothing any more and returns the contexts it has open. */
  remove(inbox: Inbox): ReadonlyArray<string> {
    this.#inboxes.delete(inbox)
    return [...this.#contexts].filter(([, open]) => open.inbox === inbox).map(([context]) => context)
  }

  /** Tells everybody. */
  tellAll(input: ReplyInput): void {
    // Some end with what they are told, and others may begin.
    const told = [...this.#inboxes]
    for (const inbox of told) inbox(input)
  }

  /** A new connection begins: what was open on another one is gone. */
  reset(): void {
    this.#contexts.clear()
    this.#cancelled.clear()
    this.#finished = undefined
    this.#opened = 0
    this.#proven = false
    this.#problem = undefined
    this.#malformed = 0
  }

  /** The context is used by the inbox from `nowMs` on. */
  open(context: string, inbox: Inbox, nowMs: number): void {
    if (this.#contexts.has(context)) return
    this.#contexts.set(context, { inbox, sinceMs: nowMs, toldBefore: this.#told })
    this.#opened += 1
  }

  /** Nothing more is expected in the context. */
  finish(context: string): void {
    if (this.#contexts.delete(context)) this.#finished = context
  }

  /**
   * What comes for the context is not wanted any more.
   *
   * Tells what to do about it: ask the service to stop, or replace the connection, or nothing. A connection on
   * which nothing came for long looks open and may lead nowhere: whoever gives up on it needs another one next time.
   */
  cancel(context: string, nowMs: number): "ask" | "replace" | "nothing" {
    const open = this.#contexts.get(context)
    if (open === undefined) return "nothing"
    this.#contexts.delete(context)
    if (this.#anonymous || (this.#told === open.toldBefore && nowMs - open.sinceMs >= DEAD_MS)) return "replace"
    this.#cancelled.add(context)
    return "ask"
  }

  /** Takes a frame of the socket. Unknown ones are passed over, malformed ones counted; a binary one is audio. */
  receive(frame: string | Uint8Array): Signal | undefined {
    if (typeof frame !== "string") return this.#audio(undefined, undefined, frame)
    const decoded = decodeServerMessage(frame)
    if (decoded._tag === "Message") return this.#message(decoded.message)
    if (decoded._tag === "Malformed") this.#malformed += 1
    return undefined
  }

  #message(message: ServerMessage): Signal | undefined {
    switch (message.type) {
      case "session.created":
        return ready
      case "conversation.item.audio_output.delta":
        return this.#audio(message.context_id, message.item_id, Buffer.from(message.delta, "base64"))
      case "conversation.item.audio_output.done":
        return this.#tell(message.context_id, (context) => ({ _tag: "Done", context, item: message.item_id }))
      case "conversation.item.tts.failed": {
        const error = serviceFailure(this.#endpoint, message.error)
        const said = message.error?.message
        return this.#tell(message.context_id, (context) => ({ _tag: "Failed", context, error, said }))
      }
      case "error":
        return this.#error(message.context_id, message.error ?? { message: message.message })
      case "context.cancelled":
        if (message.context_id === undefined) this.#cancelled.clear()
        else this.#cancelled.delete(message.context_id)
        return undefined
    }
  }

  #audio(named: string | undefined, item: string | undefined, bytes: Uint8Array): Signal | undefined {
    this.#proven = true
    if (isAnonymous(named)) {
      this.#anonymous = true
      // Nothing tells the end of a cancelled reply from the beginning of the next one, but another connection does.
      if (this.#cancelled.size > 0) return replace
    }
    if (named !== undefined && named === this.#finished) this.#overran = true
    return this.#tell(named, (context) => ({ _tag: "Audio", context, item, bytes }))
  }

  #error(named: string | undefined, problem: TtsError): Signal | undefined {
    const error = serviceFailure(this.#endpoint, problem)
    if (isAnonymous(named)) {
      // Without a context, and before anything worked, it is about the session: the key, the model, the voice.
      if (!this.#proven && !error.retryable) return { _tag: "Refuse", error }
      if (error.retryable) this.#problem = error
    }
    return this.#tell(named, (context) => ({ _tag: "Failed", context, error, said: problem.message }))
  }

  /** Tells the context that is named, or else the latest one that is open. */
  #tell(named: string | undefined, input: (context: string) => ReplyInput): undefined {
    this.#told += 1
    const context = isAnonymous(named) ? this.#onlyContext() : named
    const open = context === undefined ? undefined : this.#contexts.get(context)
    if (context === undefined || open === undefined) return
    // The service works in order: with this context it has left behind whatever was cancelled before.
    if (context === named) this.#cancelled.clear()
    open.inbox(input(context))
  }

  /** The latest open context, if nothing can still come for another one. */
  #onlyContext(): string | undefined {
    return this.#cancelled.size > 0 ? undefined : [...this.#contexts.keys()].at(-1)
  }
}

const isAnonymous = (named: string | undefined): boolean => named === undefined || named === DEFAULT_CONTEXT
