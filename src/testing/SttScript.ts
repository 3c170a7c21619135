/** What the transcription emulator can be told to do and what it reports; data only. */
import { Data, type Duration, type Effect, type Redacted } from "effect"
import { type ServiceError } from "../schema/TogetherStt.ts"

/** The audio of one commit. */
export interface SttSegment {
  /** Position among the commits that are given words, from 0; one that is cut off is not counted, it will be asked again. */
  readonly number: number
  /** 16 kHz mono PCM. */
  readonly samples: Int16Array
}

/** A hypothesis that is told once this much audio of a segment has come, in milliseconds. */
export interface SttInterim {
  readonly atMs: number
  readonly text: string
}

/** Hypotheses that depend on what is heard, by its position in the audio and not by the Clock. */
export interface SttBeliefs {
  /** How much audio of a segment, in milliseconds, lies between two of them. */
  readonly everyMs: number
  /** Made for each segment, by its position: what is told of all that was sent of it so far, if anything. */
  readonly of: (segment: number) => (samples: Int16Array) => string | undefined
}

/** What goes wrong with a connection. */
export type SttConnectionFault = Data.TaggedEnum<{
  /** The upgrade is answered with this HTTP status. */
  Refuse: { readonly status: number }
  /** The socket opens, an `error` is sent if there is one, and it is closed with this code before it was ready. */
  CloseBeforeReady: { readonly code: number; readonly reason: string; readonly error?: ServiceError }
  /** The socket opens and nothing more is heard. */
  NeverReady: {}
  /** Ready, and deaf and dumb after that: everything is accepted, nothing is answered. */
  HalfOpen: {}
  /** The connection breaks without a close frame (the client sees 1006) once this much audio has come. */
  CutAfter: { readonly audioMs: number }
}>
export const SttConnectionFault = Data.taggedEnum<SttConnectionFault>()

/** What goes wrong with the answer to a commit, once it is due. */
export type SttCommitFault = Data.TaggedEnum<{
  /** No answer at all. */
  Silent: {}
  /** No words. */
  Empty: {}
  /** The answer comes twice. */
  Twice: {}
  /** Transcription of this item failed: `failed` with an `event_type`. */
  FailItem: { readonly error: ServiceError; readonly eventType?: string }
  /** Transcription failed for good: `failed` without an `event_type`, then close 1000. */
  FailSession: { readonly error: ServiceError }
  /** An `error` instead of an answer, and then close 1000 unless it is to stay open. */
  Error: { readonly error: ServiceError; readonly stayOpen?: boolean }
  /** The connection breaks without a close frame (the client sees 1006). */
  Cut: {}
}>
export const SttCommitFault = Data.taggedEnum<SttCommitFault>()

/** What the emulator is to do. Everything can be left out: it then answers every commit at once with `segment <number>`. */
export interface SttEmulatorScript {
  /** The only key that is let in; when left out, any key is. */
  readonly apiKey?: Redacted.Redacted
  /** The only models there are; when left out, there is every model. */
  readonly models?: ReadonlyArray<string>
  /** The words of a segment: by position (`segment <number>` after the list's end), or by what is in it. */
  readonly words?: ReadonlyArray<string> | ((segment: SttSegment) => string)
  /** The hypotheses told while a segment is being sent, in the order of their times. */
  readonly interims?: (segment: number) => ReadonlyArray<SttInterim>
  /** Hypotheses of what is heard, besides those; none when left out. */
  readonly beliefs?: SttBeliefs
  /**
   * From a commit to its answer: a duration, or by the position of the commit (from 0, over all connections) a duration
   * or an effect to wait for. Answers on a connection keep the order of their commits whatever they take.
   */
  readonly latency?: Duration.Input | ((commit: number) => Duration.Input | Effect.Effect<void>)
  /** By the position of the connection, from 0; refused ones count. */
  readonly connectionFault?: (connection: number) => SttConnectionFault | undefined
  /** By the position of the commit, from 0, over all connections. */
  readonly commitFault?: (commit: number) => SttCommitFault | undefined
  /** `discard` (the default) drops buffered audio, `cancel` drops answers under way as well, `ignore` does nothing. */
  readonly clear?: "discard" | "cancel" | "ignore"
  /** Whether answers say which item they are for; they do unless this is false. */
  readonly itemIds?: boolean
  /** Whether messages of unknown types, with unexpected fields and without sense are mixed in. */
  readonly strangeMessages?: boolean
  /** Time without an append after which the connection is closed; 300 s when left out. */
  readonly idleTimeout?: Duration.Input
}

/** A rule of the protocol that the client broke. */
export type SttViolation = "not JSON" | "unknown type" | "binary frame" | "bad base64" | "odd bytes" | "RIFF header"

/** What happened on a connection, which is told by its position from 0. */
export type SttEvent = Data.TaggedEnum<{
  /** A client asks for the upgrade. Headers in lower case, without the key. */
  Asked: {
    readonly connection: number
    readonly query: Readonly<Record<string, string>>
    readonly headers: Readonly<Record<string, string>>
  }
  /** The upgrade was refused with this HTTP status. */
  Refused: { readonly connection: number; readonly status: number }
  /** `session.created` was sent. */
  Ready: { readonly connection: number }
  /** Audio came: samples in it (16 kHz), and characters in its frame. */
  Appended: { readonly connection: number; readonly samples: number; readonly frameLength: number }
  /** The audio so far is to be transcribed: all of it, 16 kHz. */
  Committed: { readonly connection: number; readonly commit: number; readonly samples: Int16Array }
  /** The answer to a commit was due and was given, with its faults if it has any. */
  Answered: { readonly connection: number; readonly commit: number }
  /** `clear` came and found this many samples. */
  Cleared: { readonly connection: number; readonly samples: number }
  /** The client did what it must not. */
  Violated: { readonly connection: number; readonly rule: SttViolation }
  /** The connection ended; 1006 stands for a break without a close frame. */
  Closed: { readonly connection: number; readonly code: number; readonly by: "client" | "emulator" }
}>
export const SttEvent = Data.taggedEnum<SttEvent>()
