/** Text frames of the carrier in, typed frames out; malformed ones are reported and skipped. Does not decode the audio in them. */
import { Result, Schema, Stream } from "effect"
import { InboundFrame, type Media } from "../schema/Twilio.ts"
import { type Stage } from "./Stage.ts"

const decode = Schema.decodeUnknownResult(InboundFrame)

const knownEvents: ReadonlySet<unknown> = new Set(["connected", "start", "media", "mark", "dtmf", "stop"])

/** What became of a text frame: a frame, one of a kind that is not ours to understand, or nonsense. */
export type Decoded =
  | { readonly _tag: "Frame"; readonly frame: InboundFrame }
  | { readonly _tag: "Unknown"; readonly event: string }
  | { readonly _tag: "Malformed"; readonly problem: string }

/**
 * A `media` frame exactly as Twilio writes it: nearly all frames, told from others in one pass over their characters.
 * Whatever differs in the least is left to the decoder for everything.
 */
const usualMedia =
  /^\{"event":"media","sequenceNumber":"(\d{1,15})","media":\{"track":"(inbound|outbound)","chunk":"(\d{1,15})","timestamp":"(\d{1,15})","payload":"([\w+/=]*)"\},"streamSid":"(\w*)"\}$/

/** The frame, if it is a `media` frame as Twilio writes it: the very one that {@link decodeFrame} makes of it. */
export const decodeUsualMedia = (text: string): Media | undefined => {
  const fields = usualMedia.exec(text)
  if (fields === null) return undefined
  const [, sequenceNumber = "", track = "", chunk = "", timestamp, payload = "", streamSid = ""] = fields
  return { event: "media", sequenceNumber, streamSid, media: { track, chunk, timestamp: Number(timestamp), payload } }
}

/** Decodes one text frame. */
export const decodeFrame = (text: string): Decoded => {
  const media = decodeUsualMedia(text)
  return media === undefined ? decodeAny(text) : { _tag: "Frame", frame: media }
}

/** Decodes one text frame of any kind, by its schema. */
export const decodeAny = (text: string): Decoded => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { _tag: "Malformed", problem: "not JSON" }
  }
  const result = decode(json)
  if (Result.isSuccess(result)) return { _tag: "Frame", frame: result.success }
  const event = typeof json === "object" && json !== null && "event" in json ? json.event : undefined
  return typeof event === "string" && !knownEvents.has(event)
    ? { _tag: "Unknown", event }
    : { _tag: "Malformed", problem: knownEvents.has(event) ? `not a valid ${String(event)} frame` : "no event name" }
}

/** Decodes frames; `onMalformed` is called with the problem of each frame that is skipped. */
export const decodeFrames = (onMalformed: (problem: string) => void): Stage<string, InboundFrame> =>
  Stream.mapAccum(
    () => undefined,
    (state: undefined, text: string) => {
      const decoded = decodeFrame(text)
      if (decoded._tag === "Frame") return [state, [decoded.frame]]
      if (decoded._tag === "Malformed") onMalformed(decoded.problem)
      return [state, []]
    }
  )
