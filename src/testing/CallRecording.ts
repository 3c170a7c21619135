/** Both sides of a call as they went over the line, and what happened when, on one timeline. Times are line milliseconds. */
import { BYTES_PER_MS, MULAW_SILENCE, PHONE_RATE } from "../schema/Audio.ts"
import { decodeMulaw } from "../streams/Mulaw.ts"
import { encodeWav } from "../streams/Wav.ts"
import { type Utterance } from "./GroundTruth.ts"
import { type MarkReason } from "./TwilioPlayout.ts"
import { type ViolationKind } from "./TwilioRules.ts"

/** Who ended a call, and how. */
export type CallEnd =
  /** With `stop` and a closed connection. */
  | { readonly _tag: "CallerHungUp" }
  /** The caller's connection broke. */
  | { readonly _tag: "CallerLost" }
  /** The server closed the connection: WebSocket code (1006: it broke) and reason. */
  | { readonly _tag: "AgentHungUp"; readonly code: number; readonly reason: string }

/** Something that happened on the line, `atMs` milliseconds of line time after the stream began. */
export type LineEvent =
  | { readonly _tag: "CallerSpeechStarted"; readonly atMs: number; readonly text: string }
  | { readonly _tag: "CallerSpeechEnded"; readonly atMs: number; readonly text: string }
  /** Media that came less than {@link COALESCE_MS} apart; the last of it at `untilMs`. */
  | {
      readonly _tag: "MediaReceived"
      readonly atMs: number
      readonly untilMs: number
      readonly messages: number
      readonly bytes: number
    }
  /** The first audible sample of a reply was played. */
  | { readonly _tag: "AgentAudible"; readonly atMs: number; readonly reply: number }
  | { readonly _tag: "MarkReturned"; readonly atMs: number; readonly name: string; readonly reason: MarkReason }
  | { readonly _tag: "Cleared"; readonly atMs: number; readonly flushedBytes: number }
  | { readonly _tag: "Underrun"; readonly atMs: number; readonly durationMs: number; readonly reply: number }
  | { readonly _tag: "KeyPressed"; readonly atMs: number; readonly digit: string }
  | { readonly _tag: "Violation"; readonly atMs: number; readonly kind: ViolationKind; readonly detail: string }
  | { readonly _tag: "Stopped"; readonly atMs: number }
  | { readonly _tag: "Closed"; readonly atMs: number; readonly end: CallEnd }

/** Media messages closer together than this many milliseconds are told as one event. */
export const COALESCE_MS = 100

/** A finished call. */
export interface CallRecording {
  readonly durationMs: number
  /** In order of time. */
  readonly events: ReadonlyArray<LineEvent>
  /** What the server was sent, noise and echo included and lost frames silent: 8 kHz PCM from line time 0. */
  readonly caller: () => Int16Array
  /** What the caller heard: 8 kHz PCM from line time 0. */
  readonly agent: () => Int16Array
  /** Both as a WAV file: 8 kHz, the caller on the first channel and the agent on the second. */
  readonly wav: () => Uint8Array
}

/** Collects what happens in one call. Mutable. */
export interface Recorder {
  readonly event: (event: LineEvent) => void
  readonly mediaReceived: (atMs: number, bytes: number) => void
  /** mu-law that went to the server; kept, not copied. */
  readonly sent: (atSample: number, bytes: Uint8Array) => void
  /** mu-law that was played to the caller; kept, not copied. */
  readonly heard: (atSample: number, bytes: Uint8Array) => void
  readonly finish: (durationMs: number, utterances: ReadonlyArray<Utterance>) => CallRecording
}

interface Piece {
  readonly atSample: number
  readonly bytes: Uint8Array
}

const render = (pieces: ReadonlyArray<Piece>, length: number): Int16Array => {
  const track = new Uint8Array(length).fill(MULAW_SILENCE)
  for (const { atSample, bytes } of pieces) {
    if (atSample < length) track.set(bytes.subarray(0, length - atSample), atSample)
  }
  return decodeMulaw(track)
}

const speechEvents = (utterances: ReadonlyArray<Utterance>): ReadonlyArray<LineEvent> =>
  utterances.flatMap(({ startMs, endMs, text }): ReadonlyArray<LineEvent> => [
    { _tag: "CallerSpeechStarted", atMs: startMs, text },
    { _tag: "CallerSpeechEnded", atMs: endMs, text }
  ])

/** How long the agent took to answer: from the end of what the caller said to the reply's first audible sample. */
export interface ReplyDelay {
  /** End of the caller's speech, in line milliseconds. */
  readonly atMs: number
  readonly delayMs: number
}

/** Voice-to-voice delays of a call: one for each stretch of caller's speech that a reply followed before the next one. */
export const replyDelays = (events: ReadonlyArray<LineEvent>): ReadonlyArray<ReplyDelay> => {
  const delays: Array<ReplyDelay> = []
  let endedMs: number | undefined
  for (const event of events) {
    if (event._tag === "CallerSpeechStarted") endedMs = undefined
    if (event._tag === "CallerSpeechEnded") endedMs = event.atMs
    if (event._tag === "AgentAudible" && endedMs !== undefined) {
      delays.push({ atMs: endedMs, delayMs: event.atMs - endedMs })
      endedMs = undefined
    }
  }
  return delays
}

/** A recorder for a new call. */
export const makeRecorder = (): Recorder => {
  const events: Array<LineEvent> = []
  const sent: Array<Piece> = []
  const heard: Array<Piece> = []
  /** The event that media goes on in, and its place among the others. */
  let media: Extract<LineEvent, { readonly _tag: "MediaReceived" }> | undefined
  let mediaIndex = 0
  return {
    event: (event) => void events.push(event),
    mediaReceived: (atMs, bytes) => {
      const open = media !== undefined && atMs - media.untilMs < COALESCE_MS ? media : undefined
      if (open === undefined) mediaIndex = events.length
      media = {
        _tag: "MediaReceived",
        atMs: open?.atMs ?? atMs,
        untilMs: atMs,
        messages: (open?.messages ?? 0) + 1,
        bytes: (open?.bytes ?? 0) + bytes
      }
      events[mediaIndex] = media
    },
    sent: (atSample, bytes) => void sent.push({ atSample, bytes }),
    heard: (atSample, bytes) => void heard.push({ atSample, bytes }),
    finish: (durationMs, utterances) => {
      const length = Math.round(durationMs * BYTES_PER_MS)
      const caller = (): Int16Array => render(sent, length)
      const agent = (): Int16Array => render(heard, length)
      return {
        durationMs,
        events: [...events, ...speechEvents(utterances)].sort((a, b) => a.atMs - b.atMs),
        caller,
        agent,
        wav: () => encodeWav({ channels: [caller(), agent()], sampleRate: PHONE_RATE })
      }
    }
  }
}
