/** What a server sent in, what Twilio makes of it out: a frame to act on, or a violation it would log as warning 31951 and drop. */
import { Predicate, Result, Schema } from "effect"

/** A valid frame from the server, its audio decoded from base64. */
export type ServerFrame =
  | { readonly _tag: "Media"; readonly bytes: Uint8Array }
  | { readonly _tag: "Mark"; readonly name: string }
  | { readonly _tag: "Clear" }

/**
 * What is wrong with a frame.
 *
 * - `NotText` — a binary frame
 * - `NotJson` — text that is not JSON
 * - `UnknownEvent` — no `event`, or none that a server may send
 * - `BadShape` — fields are missing, of the wrong type, or too many; a mark without a name
 * - `WrongStreamSid` — it belongs to another stream
 * - `BadPayload` — audio that is not base64
 * - `ContainerHeader` — audio that begins with the header of a file (RIFF, OggS), which would be played as noise
 */
export type ViolationKind =
  | "NotText"
  | "NotJson"
  | "UnknownEvent"
  | "BadShape"
  | "WrongStreamSid"
  | "BadPayload"
  | "ContainerHeader"

/** A frame that Twilio refuses. */
export interface Violation {
  readonly _tag: "Violation"
  readonly kind: ViolationKind
  /** What was wrong and what was expected; at most {@link MAX_DETAIL} characters. */
  readonly detail: string
}

/** Longest explanation of a violation, in characters. */
export const MAX_DETAIL = 300

const strict = { onExcessProperty: "error" } as const

const readers = {
  media: Schema.decodeUnknownResult(
    Schema.Struct({
      event: Schema.Literal("media"),
      streamSid: Schema.String,
      media: Schema.Struct({ payload: Schema.String })
    }),
    strict
  ),
  mark: Schema.decodeUnknownResult(
    Schema.Struct({
      event: Schema.Literal("mark"),
      streamSid: Schema.String,
      mark: Schema.Struct({ name: Schema.NonEmptyString })
    }),
    strict
  ),
  clear: Schema.decodeUnknownResult(Schema.Struct({ event: Schema.Literal("clear"), streamSid: Schema.String }), strict)
}

/** Whether a frame is exactly what {@link readers} would take for media; what is not is left to them to explain. */
const isMedia = (
  json: object
): json is { readonly streamSid: string; readonly media: { readonly payload: string } } => {
  if (!("streamSid" in json && typeof json.streamSid === "string" && "media" in json)) return false
  const { media } = json
  return (
    typeof media === "object" &&
    media !== null &&
    "payload" in media &&
    typeof media.payload === "string" &&
    Object.keys(media).length === 1 &&
    Object.keys(json).length === 3
  )
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Decoded by Node, which leaves out what is not base64: only where something was left out are the characters looked at. */
const isBase64 = (payload: string, bytes: Buffer): boolean => {
  const padding = payload.endsWith("==") ? 2 : payload.endsWith("=") ? 1 : 0
  const isWhole = payload.length % 4 === 0 && bytes.length === (payload.length / 4) * 3 - padding
  // The two it takes for others.
  return isWhole && !payload.includes("-") && !payload.includes("_") ? true : base64.test(payload)
}

const headers = ["RIFF", "OggS"]

const violation = (kind: ViolationKind, detail: string): Violation => ({
  _tag: "Violation",
  kind,
  detail: detail.slice(0, MAX_DETAIL)
})

const otherStream = (streamSid: string, expected: string): Violation =>
  violation("WrongStreamSid", `streamSid is ${JSON.stringify(streamSid)}, this stream is ${JSON.stringify(expected)}`)

const readPayload = (payload: string): ServerFrame | Violation => {
  const bytes = Buffer.from(payload, "base64")
  if (!isBase64(payload, bytes)) return violation("BadPayload", "media.payload is not base64")
  const header = headers.find(
    (header) => bytes[0] === header.charCodeAt(0) && bytes.toString("latin1", 0, header.length) === header
  )
  return header === undefined
    ? { _tag: "Media", bytes }
    : violation("ContainerHeader", `media.payload begins with a ${header} header; raw mu-law was expected`)
}

/**
 * Reads one frame from the server as strictly as Twilio does.
 *
 * Source: twilio.com/docs/api/errors/31951 (invalid JSON, unknown event, missing or extra fields, wrong streamSid).
 */
export const readServerFrame = (data: string | Uint8Array, streamSid: string): ServerFrame | Violation => {
  if (typeof data !== "string") return violation("NotText", `a binary frame of ${data.length} bytes; text was expected`)
  let json: unknown
  try {
    json = JSON.parse(data)
  } catch {
    return violation("NotJson", "the frame is not JSON")
  }
  const event = Predicate.hasProperty(json, "event") ? json.event : undefined
  switch (event) {
    case "media": {
      if (Predicate.isObject(json) && isMedia(json) && json.streamSid === streamSid)
        return readPayload(json.media.payload)
      const read = readers.media(json)
      if (Result.isFailure(read)) return violation("BadShape", `media: ${read.failure.message}`)
      return read.success.streamSid === streamSid
        ? readPayload(read.success.media.payload)
        : otherStream(read.success.streamSid, streamSid)
    }
    case "mark": {
      const read = readers.mark(json)
      if (Result.isFailure(read)) return violation("BadShape", `mark: ${read.failure.message}`)
      return read.success.streamSid === streamSid
        ? { _tag: "Mark", name: read.success.mark.name }
        : otherStream(read.success.streamSid, streamSid)
    }
    case "clear": {
      const read = readers.clear(json)
      if (Result.isFailure(read)) return violation("BadShape", `clear: ${read.failure.message}`)
      return read.success.streamSid === streamSid ? { _tag: "Clear" } : otherStream(read.success.streamSid, streamSid)
    }
    default:
      return violation("UnknownEvent", `event is ${JSON.stringify(event)}; media, mark or clear was expected`)
  }
}
