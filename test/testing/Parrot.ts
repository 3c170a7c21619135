/** A minimal agent on a media link: greets with a tone, answers every utterance with a tone, and stops when it is interrupted. */
import { Effect, Schema, Stream } from "effect"
import { InboundFrame } from "../../src/schema/Twilio.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { decodeMulawBase64 } from "../../src/streams/Mulaw.ts"
import { tonePayload } from "./Sounds.ts"

export interface ParrotOptions {
  /** Length of the greeting and of each answer; default 1000 ms. */
  readonly replyMs?: number
  /** Silence of the caller that ends an utterance; default 300 ms. */
  readonly endpointMs?: number
  /** Told every frame. */
  readonly onFrame?: (frame: InboundFrame) => Effect.Effect<void>
  /** Hangs up after so many answers. */
  readonly answers?: number
}

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(InboundFrame))

const isLoud = (payload: string): boolean => decodeMulawBase64(payload).some((sample) => Math.abs(sample) > 2000)

/** Serves one call, until the caller is gone. Marks are named `0:end`, `1:end` and so on. */
export const parrot =
  (options: ParrotOptions = {}) =>
  (link: MediaLink): Effect.Effect<void> =>
    Effect.gen(function* () {
      const { answers = Infinity, endpointMs = 300, onFrame, replyMs = 1000 } = options
      const payload = tonePayload(replyMs)
      let streamSid = ""
      let replies = 0
      let speaking = false
      let caller: "quiet" | "speaking" = "quiet"
      let quietMs = 0
      const send = (frame: object) => link.send(JSON.stringify({ ...frame, streamSid }))
      const reply = Effect.suspend(() => {
        speaking = true
        return Effect.andThen(
          send({ event: "media", media: { payload } }),
          send({ event: "mark", mark: { name: `${replies++}:end` } })
        )
      })
      const hear = (loud: boolean) => {
        quietMs = loud ? 0 : quietMs + 20
        if (loud && caller === "quiet") {
          caller = "speaking"
          const interrupted = speaking
          speaking = false
          return interrupted ? send({ event: "clear" }) : Effect.void
        }
        if (caller === "quiet" || quietMs < endpointMs) return Effect.void
        caller = "quiet"
        return replies > answers ? link.close("enough") : reply
      }
      yield* Stream.runForEach(link.inbound, (text) => {
        const frame = decode(text)
        const told = onFrame?.(frame) ?? Effect.void
        switch (frame.event) {
          case "start":
            streamSid = frame.streamSid
            return Effect.andThen(told, reply)
          case "media":
            return Effect.andThen(told, hear(isLoud(frame.media.payload)))
          case "mark":
            if (frame.mark.name === `${replies - 1}:end`) speaking = false
            return told
          default:
            return told
        }
      })
    })

/** A parrot that keeps every frame it was sent. */
export const listeningParrot = (
  options: Omit<ParrotOptions, "onFrame"> = {}
): Effect.Effect<{ readonly serve: (link: MediaLink) => Effect.Effect<void>; readonly frames: Array<InboundFrame> }> =>
  Effect.sync(() => {
    const frames: Array<InboundFrame> = []
    return { frames, serve: parrot({ ...options, onFrame: (frame) => Effect.sync(() => void frames.push(frame)) }) }
  })
