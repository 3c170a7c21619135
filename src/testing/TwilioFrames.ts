/** Call identity and caller audio in, the JSON frames Twilio sends out, with their counters. Owns no timing and no socket. */
import { Effect, Random } from "effect"
import { PHONE_RATE } from "../schema/Audio.ts"

/** The identifiers of one call: two letters and 32 hexadecimal digits each. */
export interface TwilioIdentity {
  /** `AC…`, whose account it is. */
  readonly accountSid: string
  /** `CA…`, which call. */
  readonly callSid: string
  /** `MZ…`, which media stream of the call. */
  readonly streamSid: string
}

const hex32 = Effect.gen(function* () {
  let digits = ""
  while (digits.length < 32) digits += (yield* Random.nextIntBetween(0, 15)).toString(16)
  return digits
})

/** A new identity, drawn from the Random service; parts that are given are kept. */
export const makeIdentity = (given: Partial<TwilioIdentity> = {}): Effect.Effect<TwilioIdentity> =>
  Effect.gen(function* () {
    return {
      accountSid: given.accountSid ?? `AC${yield* hex32}`,
      callSid: given.callSid ?? `CA${yield* hex32}`,
      streamSid: given.streamSid ?? `MZ${yield* hex32}`
    }
  })

/**
 * Writes the frames of one stream, in the order they are asked for.
 *
 * `sequenceNumber` counts every frame but `connected`, from 1. Counters and timestamps are strings on the wire.
 * Source: twilio.com/docs/voice/media-streams/websocket-messages.
 */
export interface TwilioFrames {
  readonly connected: () => string
  readonly start: (parameters: Readonly<Record<string, string>>) => string
  /** `chunk` counts from 1, `timestampMs` is the audio time of the first sample, `payload` base64 mu-law. */
  readonly media: (chunk: number, timestampMs: number, payload: string) => string
  readonly dtmf: (digit: string) => string
  readonly mark: (name: string) => string
  readonly stop: () => string
}

/** Frames of a new stream; the counter belongs to it. */
export const makeTwilioFrames = (identity: TwilioIdentity): TwilioFrames => {
  const { accountSid, callSid, streamSid } = identity
  const quotedSid = JSON.stringify(streamSid)
  let sequence = 0
  const next = (): string => String(++sequence)
  return {
    connected: () => JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" }),
    start: (parameters) =>
      JSON.stringify({
        event: "start",
        sequenceNumber: next(),
        start: {
          accountSid,
          streamSid,
          callSid,
          tracks: ["inbound"],
          mediaFormat: { encoding: "audio/x-mulaw", sampleRate: PHONE_RATE, channels: 1 },
          customParameters: parameters
        },
        streamSid
      }),
    // Written by hand: 50 of them a second, and neither numbers nor base64 need escaping.
    media: (chunk, timestampMs, payload) =>
      `{"event":"media","sequenceNumber":"${next()}","media":{"track":"inbound","chunk":"${chunk}",` +
      `"timestamp":"${timestampMs}","payload":"${payload}"},"streamSid":${quotedSid}}`,
    dtmf: (digit) =>
      JSON.stringify({ event: "dtmf", streamSid, sequenceNumber: next(), dtmf: { track: "inbound_track", digit } }),
    mark: (name) => JSON.stringify({ event: "mark", sequenceNumber: next(), streamSid, mark: { name } }),
    stop: () => JSON.stringify({ event: "stop", sequenceNumber: next(), stop: { accountSid, callSid }, streamSid })
  }
}
