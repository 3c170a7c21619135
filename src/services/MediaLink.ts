/** Contract: one carrier media stream as text frames, whatever carries it. Owns the connection, not what the frames mean. */
import { type Cause, type Effect, type Stream } from "effect"

/** Both directions of a media stream. */
export interface MediaLink {
  /** Frames from the carrier as JSON text; ends when the carrier hangs up or is lost. One consumer. */
  readonly inbound: Stream.Stream<string>
  /**
   * The rest of the same frames for whoever takes each where it comes in, without a fiber that is woken for it; ends when
   * they do, and nobody pulls from `inbound` meanwhile or after. Left out where there is no such way.
   */
  readonly listen?: Listen
  /** Sends one JSON text frame to the carrier; does nothing once the link is gone. */
  readonly send: (frame: string) => Effect.Effect<void>
  /** Closes the stream from this side: the carrier goes on with what follows in its call document. */
  readonly close: (reason: string) => Effect.Effect<void>
}

/** Hands every frame to `take`, in order, until there are no more or `take` is done. */
export type Listen = (take: TakeFrame) => Effect.Effect<void>

/**
 * Takes a frame in at once. Where something has to be waited for before the next one it is in the effect; where there is
 * nothing, the effect is `Effect.void` itself and is not run. Fails with `Cause.done()` to hear no more.
 */
export type TakeFrame = (frame: string) => Effect.Effect<void, Cause.Done>
