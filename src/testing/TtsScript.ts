/** What the speech emulator can be told to do and what it reports; data only. */
import { Data, type Duration, type Effect, type Redacted } from "effect"
import { type TtsError } from "../schema/TogetherTts.ts"

/** Something the emulator says: as a rule the text of one commit. */
export interface TtsItem {
  /** Position among all items of the emulator, from 0. */
  readonly number: number
  /** Position of the connection it is said on, from 0. */
  readonly connection: number
  readonly context: string
  readonly text: string
}

/** What is wrong with a connection. */
export type TtsConnectionFault = Data.TaggedEnum<{
  /** The upgrade is answered with this HTTP status. */
  Refuse: { readonly status: number }
  /** The socket opens, an `error` is sent if there is one, and it is closed with this code before it was ready. */
  CloseBeforeReady: { readonly code: number; readonly reason: string; readonly error?: TtsError }
  /** The socket opens and `session.created` never comes; all the rest works. */
  Ungreeted: {}
  /** The socket opens and nothing more is heard. */
  NeverReady: {}
  /** Ready, and deaf and dumb after that: everything is accepted, nothing is answered. */
  HalfOpen: {}
}>
export const TtsConnectionFault = Data.taggedEnum<TtsConnectionFault>()

/** What goes wrong with an item; `afterMs` is how much of its audio is sent before that, none if it is left out. */
export type TtsItemFault = Data.TaggedEnum<{
  /** `conversation.item.tts.failed`; the context goes on with its next item. */
  Fail: { readonly error: TtsError; readonly afterMs?: number }
  /** An `error` without a context instead of the rest; the context goes on with its next item. */
  Error: { readonly error: TtsError; readonly afterMs?: number }
  /** `done` without audio. */
  Silent: {}
  /** All the audio, but no `done`. */
  NoDone: {}
  /** The connection is closed with this code. */
  Close: { readonly code: number; readonly afterMs?: number }
  /** The connection breaks without a close frame (the client sees 1006). */
  Cut: { readonly afterMs?: number }
  /** Nothing more comes in this context. */
  Stall: { readonly afterMs?: number }
}>
export const TtsItemFault = Data.taggedEnum<TtsItemFault>()

/**
 * What the emulator is to do. Everything can be left out: it then says every commit as one item, a tone of its own for
 * each, at once and much faster than real time.
 */
export interface TtsEmulatorScript {
  /** The only key that is let in; when left out, any key is. */
  readonly apiKey?: Redacted.Redacted
  /** The only models there are, or else the upgrade is refused; when left out, there is every model. */
  readonly models?: ReadonlyArray<string>
  /** The only voices there are, or else the session ends with an `error`; when left out, there is every voice. */
  readonly voices?: ReadonlyArray<string>
  /** The audio of an item, at `sampleRate`; when left out, {@link tone}s as long as the text takes to say. */
  readonly audio?: (item: TtsItem) => Int16Array
  /** Speed of those tones; 15 when left out. */
  readonly charactersPerSecond?: number
  /** Rate of the audio in Hz, told in headers; 24,000 when left out. */
  readonly sampleRate?: number
  /** Where there are RIFF headers: nowhere (the default), once on each connection, on each item, or cut in two on each item. */
  readonly header?: "never" | "connection" | "item" | "split"
  /** Sizes of deltas in bytes, over and over; when left out, ragged ones of 1 byte to 200 ms. */
  readonly deltaBytes?: ReadonlyArray<number>
  /** Whether audio comes in binary frames; it comes in text frames unless this is true. */
  readonly binary?: boolean
  /** From an item's turn to its first audio: a duration, or by item a duration or an effect to wait for. */
  readonly firstAudio?: Duration.Input | ((item: TtsItem) => Duration.Input | Effect.Effect<void>)
  /** Time that synthesis takes for each second of audio, in seconds; 0.02 when left out. */
  readonly realTimeFactor?: number
  /** What a commit is divided into; when left out, what the session's `segment` mode makes of it. */
  readonly pieces?: (text: string) => ReadonlyArray<string>
  /**
   * Item ids: counted in each context (the default), on each connection, in each commit, one for all items of a commit,
   * or left out.
   */
  readonly itemIds?: "context" | "connection" | "commit" | "shared" | "none"
  /** Which messages about items name their context: all (the default), all but `done`, or none. */
  readonly contextIds?: "all" | "not done" | "none"
  /** Deltas that are still sent after a context was cancelled, before that is acknowledged. */
  readonly lateDeltas?: number
  /** Whether `context.cancel` is answered; it is unless this is false. */
  readonly acknowledgeCancel?: boolean
  /** Contexts a connection may have that were not cancelled; 100 when left out. */
  readonly maxContexts?: number
  /** By the position of the connection, from 0; refused ones count. */
  readonly connectionFault?: (connection: number) => TtsConnectionFault | undefined
  readonly itemFault?: (item: TtsItem) => TtsItemFault | undefined
  /** Whether messages of unknown types, with unexpected fields and without sense are mixed in. */
  readonly strangeMessages?: boolean
  /** Time without a message after which the connection is closed with 1000; never when left out. */
  readonly idleTimeout?: Duration.Input
}

/** A rule of the protocol that the client broke. */
export type TtsViolation = "not JSON" | "unknown type" | "binary frame" | "too many contexts"

/** What happened on a connection, which is told by its position from 0; `item` is an item's number. */
export type TtsEvent = Data.TaggedEnum<{
  /** A client asks for the upgrade. Headers in lower case, without the key. */
  Asked: {
    readonly connection: number
    readonly query: Readonly<Record<string, string>>
    readonly headers: Readonly<Record<string, string>>
  }
  /** The upgrade was refused with this HTTP status. */
  Refused: { readonly connection: number; readonly status: number }
  /** The session is there; `session.created` was sent unless the script is against it. */
  Ready: { readonly connection: number }
  Appended: { readonly connection: number; readonly context: string; readonly text: string }
  /** A commit came and found this text in the buffer. */
  Committed: { readonly connection: number; readonly context: string; readonly text: string }
  /** `clear` came and found this text in the buffer. */
  Cleared: { readonly connection: number; readonly context: string; readonly text: string }
  Cancelled: { readonly connection: number; readonly context: string }
  /** An item's turn has come. */
  Began: { readonly connection: number; readonly context: string; readonly item: number; readonly text: string }
  /** Audio of an item was sent, headers included. */
  Delta: { readonly connection: number; readonly context: string; readonly item: number; readonly bytes: number }
  /** All of an item was sent, with its faults if it has any. */
  Spoken: { readonly connection: number; readonly context: string; readonly item: number }
  /** The client did what it must not. */
  Violated: { readonly connection: number; readonly rule: TtsViolation }
  /** The connection ended; 1006 stands for a break without a close frame. */
  Closed: { readonly connection: number; readonly code: number; readonly by: "client" | "emulator" }
}>
export const TtsEvent = Data.taggedEnum<TtsEvent>()

/** Samples of a tone that tells an item by its number: 300 Hz and 100 Hz more for each, over again after 20. */
export const tone = (number: number, durationMs: number, sampleRate: number): Int16Array => {
  const step = (2 * Math.PI * toneHz(number)) / sampleRate
  return Int16Array.from({ length: Math.round((durationMs * sampleRate) / 1000) }, (_, i) =>
    Math.round(8000 * Math.sin(step * i))
  )
}

/** Frequency of the tone of an item, in Hz. */
export const toneHz = (number: number): number => 300 + 100 * (number % 20)
