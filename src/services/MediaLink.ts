/** Contract: one carrier media stream as text frames, whatever carries it. Owns the connection, not what the frames mean. */
import { type Effect, type Stream } from "effect"

/** Both directions of a media stream. */
export interface MediaLink {
  /** Frames from the carrier as JSON text; ends when the carrier hangs up or is lost. One consumer. */
  readonly inbound: Stream.Stream<string>
  /** Sends one JSON text frame to the carrier; does nothing once the link is gone. */
  readonly send: (frame: string) => Effect.Effect<void>
  /** Closes the stream from this side: the carrier goes on with what follows in its call document. */
  readonly close: (reason: string) => Effect.Effect<void>
}
