/** Contract: speech in, words out. Owns recognition and its connection, not when a turn begins or ends, and no deadlines on its answers. */
import { Context, type Effect, type Scope, type Stream } from "effect"
import { type SpeechToTextError } from "../schema/Errors.ts"

/** What the recogniser believes so far about an open segment; it replaces what it believed before. */
export interface InterimTranscript {
  readonly segment: number
  readonly text: string
}

/**
 * Recognition for one call.
 *
 * Speech comes in segments: a stretch of audio between an onset and a pause, numbered by the caller of this contract in
 * increasing order. One segment is open at a time. A transcript belongs to the segment whose audio made it, however
 * late it comes; one that comes after its `commit` was interrupted is dropped.
 */
export interface SpeechToTextSession {
  /**
   * Adds audio (8 kHz mono PCM) to a segment, opening it if it is new.
   *
   * Never waits for the network: audio is kept while the connection is being made or made again.
   */
  readonly append: (segment: number, samples: Int16Array) => Effect.Effect<void>
  /** The same, done at once, for whoever has no fiber at hand for each window. Undefined while there is no such way. */
  readonly appendUnsafe?: ((segment: number, samples: Int16Array) => void) | undefined
  /**
   * Ends the segment and waits for its final words, "" if there were none.
   *
   * Sets no deadline of its own: interrupt it to give up on the answer.
   */
  readonly commit: (segment: number) => Effect.Effect<string, SpeechToTextError>
  /** Drops a segment that is not wanted after all. */
  readonly discard: (segment: number) => Effect.Effect<void>
  /** Interim transcripts from now on; hot, one consumer. */
  readonly interims: Stream.Stream<InterimTranscript>
}

/** Speech recognition. */
export class SpeechToText extends Context.Service<
  SpeechToText,
  {
    /** A session for one call. Connects in the background and never fails: what goes wrong is told by `commit`. */
    readonly open: Effect.Effect<SpeechToTextSession, never, Scope.Scope>
  }
>()("parley/services/SpeechToText") {}
