/** The frames of Twilio's bidirectional Media Streams, as they are on the wire; data only. Source: twilio.com/docs/voice/media-streams/websocket-messages. */
import { Schema } from "effect"

/** First frame of a socket; carries nothing about the call. */
export const Connected = Schema.Struct({
  event: Schema.Literal("connected"),
  protocol: Schema.optionalKey(Schema.String),
  version: Schema.optionalKey(Schema.String)
})

/** What a call is known by: whoever sends it may not write lines of the log with it, nor fill them. */
const CallId = Schema.String.check(Schema.isPattern(/^[!-~]{1,128}$/))

/** Who is calling and with which audio format; sent once, before any audio. */
export const Start = Schema.Struct({
  event: Schema.Literal("start"),
  sequenceNumber: Schema.optionalKey(Schema.String),
  streamSid: Schema.String,
  start: Schema.Struct({
    accountSid: Schema.optionalKey(Schema.String),
    streamSid: Schema.String,
    callSid: CallId,
    tracks: Schema.optionalKey(Schema.Array(Schema.String)),
    mediaFormat: Schema.optionalKey(
      Schema.Struct({ encoding: Schema.String, sampleRate: Schema.Finite, channels: Schema.Finite })
    ),
    customParameters: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
  })
})

/** Caller audio: base64 mu-law 8 kHz of any length, `timestamp` in milliseconds since the stream began. Counters are strings on the wire. */
export const Media = Schema.Struct({
  event: Schema.Literal("media"),
  sequenceNumber: Schema.optionalKey(Schema.String),
  streamSid: Schema.String,
  media: Schema.Struct({
    track: Schema.optionalKey(Schema.String),
    chunk: Schema.optionalKey(Schema.String),
    timestamp: Schema.FiniteFromString,
    payload: Schema.String
  })
})

/** A mark coming back: everything queued before it was played, or was thrown away by `clear`. */
export const Mark = Schema.Struct({
  event: Schema.Literal("mark"),
  sequenceNumber: Schema.optionalKey(Schema.String),
  streamSid: Schema.String,
  mark: Schema.Struct({ name: Schema.String })
})

/** A key the caller pressed: 0-9, *, #, A-D. */
export const Dtmf = Schema.Struct({
  event: Schema.Literal("dtmf"),
  sequenceNumber: Schema.optionalKey(Schema.String),
  streamSid: Schema.String,
  dtmf: Schema.Struct({
    track: Schema.optionalKey(Schema.String),
    digit: Schema.String.check(Schema.isPattern(/^[0-9A-D*#]$/i))
  })
})

/** The stream or the call ended; not guaranteed before the socket closes. */
export const Stop = Schema.Struct({
  event: Schema.Literal("stop"),
  sequenceNumber: Schema.optionalKey(Schema.String),
  streamSid: Schema.String,
  stop: Schema.optionalKey(
    Schema.Struct({ accountSid: Schema.optionalKey(Schema.String), callSid: Schema.optionalKey(Schema.String) })
  )
})

/** Everything Twilio sends on a bidirectional stream, told apart by `event`. */
export const InboundFrame = Schema.Union([Media, Mark, Dtmf, Connected, Start, Stop])
export type InboundFrame = typeof InboundFrame.Type

export type Connected = typeof Connected.Type
export type Start = typeof Start.Type
export type Media = typeof Media.Type
export type Mark = typeof Mark.Type
export type Dtmf = typeof Dtmf.Type
export type Stop = typeof Stop.Type

/** Everything the server may send on a bidirectional stream. `payload` is base64 raw mu-law 8 kHz. */
export type OutboundFrame =
  | { readonly event: "media"; readonly streamSid: string; readonly media: { readonly payload: string } }
  | { readonly event: "mark"; readonly streamSid: string; readonly mark: { readonly name: string } }
  | { readonly event: "clear"; readonly streamSid: string }

/** Largest text frame taken from the socket, in bytes; a longer one closes it. */
export const MAX_FRAME_BYTES = 64 * 1024
