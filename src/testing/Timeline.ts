/** What the line saw and what the agent decided in, one list in order of time out: what happened in a call. Pure; see `TimelineText.ts` for reading it. */
import { BYTES_PER_MS } from "../schema/Audio.ts"
import { type CallEvent, type CallStage, type EndReason } from "../schema/CallEvent.ts"
import { type DropReason, type ReplyCue, type StopReason } from "../schema/Turn.ts"
import { AUDIBLE, STRETCH_GAP_MS } from "./AgentVoice.ts"
import { type CallEnd, type LineEvent } from "./CallRecording.ts"
import { type CallResult } from "./TwilioCaller.ts"

/** What happened; `untilMs` is when it was over, `epoch` numbers the agent's replies, `segment` the caller's stretches of speech. */
export type TimelineBody =
  /** The caller said something. */
  | { readonly _tag: "CallerSpeech"; readonly untilMs: number; readonly text: string }
  /** The caller said nothing between two utterances. */
  | { readonly _tag: "CallerPause"; readonly untilMs: number }
  /** The caller heard the agent speak. */
  | { readonly _tag: "AgentSpeech"; readonly untilMs: number }
  | { readonly _tag: "TurnStarted"; readonly turn: number }
  /** Recognition was asked for a segment's words. */
  | { readonly _tag: "Commit"; readonly turn: number; readonly segment: number }
  | { readonly _tag: "Interim"; readonly segment: number; readonly text: string }
  | { readonly _tag: "Transcript"; readonly segment: number; readonly text: string | undefined }
  /** `pauseMs` is how long the caller had been silent by then. */
  | { readonly _tag: "TurnEnded"; readonly turn: number; readonly text: string; readonly pauseMs: number }
  | { readonly _tag: "TurnDropped"; readonly turn: number; readonly reason: DropReason }
  | { readonly _tag: "ReplyStarted"; readonly epoch: number; readonly cue: ReplyCue["_tag"] }
  | { readonly _tag: "ReplyReleased"; readonly epoch: number }
  | { readonly _tag: "ReplyHeld"; readonly epoch: number }
  | { readonly _tag: "FirstToken"; readonly epoch: number }
  | { readonly _tag: "Sentence"; readonly epoch: number; readonly text: string }
  /** Synthesis gave its first audio. */
  | { readonly _tag: "FirstByte"; readonly epoch: number }
  /** The first audio was sent to the caller. */
  | { readonly _tag: "FirstAudible"; readonly epoch: number }
  | { readonly _tag: "BargeIn"; readonly epoch: number }
  | { readonly _tag: "ReplyStopped"; readonly epoch: number; readonly reason: Exclude<StopReason, "barge-in"> }
  /** The carrier threw away what it had not played. */
  | { readonly _tag: "Clear"; readonly flushedMs: number }
  /** What was heard of a reply, of what was to be. */
  | { readonly _tag: "Heard"; readonly epoch: number; readonly text: string; readonly generated: string }
  /** The caller heard nothing in the middle of a reply. */
  | { readonly _tag: "Underrun"; readonly untilMs: number }
  | { readonly _tag: "Key"; readonly digit: string }
  /** The carrier refused a frame. */
  | { readonly _tag: "Violation"; readonly detail: string }
  | { readonly _tag: "Failed"; readonly stage: CallStage; readonly message: string }
  | { readonly _tag: "HangUp" }
  /** The agent's side was told that the call is over. */
  | { readonly _tag: "Ended"; readonly reason: EndReason }
  /** The line was closed. */
  | { readonly _tag: "Closed"; readonly end: CallEnd["_tag"] }

/** Something that happened `atMs` milliseconds of line time after the stream began. */
export type TimelineEntry = TimelineBody & { readonly atMs: number }

/** In order of time. */
export type Timeline = ReadonlyArray<TimelineEntry>

/** A stretch of a track, in milliseconds. */
export interface Stretch {
  readonly startMs: number
  readonly endMs: number
}

/** Stretches of a track (8 kHz PCM) in which something can be heard; silences shorter than `gapMs` are part of them. */
export const audibleStretches = (track: Int16Array, gapMs: number = STRETCH_GAP_MS): ReadonlyArray<Stretch> => {
  const stretches: Array<Stretch> = []
  const gap = gapMs * BYTES_PER_MS
  let from: number | undefined
  let until = 0
  const end = (): void => {
    if (from !== undefined) stretches.push({ startMs: from / BYTES_PER_MS, endMs: until / BYTES_PER_MS })
  }
  for (let n = 0; n < track.length; n++) {
    if (Math.abs(track[n]!) < AUDIBLE) continue
    if (from === undefined || n - until >= gap) {
      end()
      from = n
    }
    until = n + 1
  }
  end()
  return stretches
}

const ofLine = (event: LineEvent): ReadonlyArray<TimelineEntry> => {
  switch (event._tag) {
    case "Cleared":
      return [{ _tag: "Clear", atMs: event.atMs, flushedMs: event.flushedBytes / BYTES_PER_MS }]
    case "Underrun":
      return [{ _tag: "Underrun", atMs: event.atMs, untilMs: event.atMs + event.durationMs }]
    case "KeyPressed":
      return [{ _tag: "Key", atMs: event.atMs, digit: event.digit }]
    case "Violation":
      return [{ _tag: "Violation", atMs: event.atMs, detail: event.detail }]
    case "Closed":
      return [{ _tag: "Closed", atMs: event.atMs, end: event.end._tag }]
    case "CallerSpeechStarted":
    case "CallerSpeechEnded":
    case "MediaReceived":
    case "AgentAudible":
    case "MarkReturned":
    case "Stopped":
      return []
  }
}

const ofDecision = (event: Extract<CallEvent, { readonly _tag: "Decided" }>): ReadonlyArray<TimelineEntry> => {
  const { atMs, output } = event
  switch (output._tag) {
    case "TurnStarted":
      return [{ _tag: "TurnStarted", atMs, turn: output.turn }]
    case "SegmentEnded":
      return [{ _tag: "Commit", atMs, turn: output.turn, segment: output.segment }]
    case "TurnEnded":
      return [{ _tag: "TurnEnded", atMs, turn: output.turn, text: output.text, pauseMs: output.pauseMs }]
    case "TurnDropped":
      return [{ _tag: "TurnDropped", atMs, turn: output.turn, reason: output.reason }]
    case "ReplyStarted":
      return [{ _tag: "ReplyStarted", atMs, epoch: output.epoch, cue: output.cue._tag }]
    case "ReplyReleased":
    case "ReplyHeld":
      return [{ _tag: output._tag, atMs, epoch: output.epoch }]
    case "ReplyStopped":
      return output.reason === "barge-in"
        ? [{ _tag: "BargeIn", atMs, epoch: output.epoch }]
        : [{ _tag: "ReplyStopped", atMs, epoch: output.epoch, reason: output.reason }]
    case "HangUp":
      return [{ _tag: "HangUp", atMs }]
    case "SegmentOpened":
    case "FillerWanted":
    case "PauseLimitWanted":
      return []
  }
}

const ofCall = (event: CallEvent): ReadonlyArray<TimelineEntry> => {
  const { atMs } = event
  switch (event._tag) {
    case "Decided":
      return ofDecision(event)
    case "Interim":
    case "Transcript":
    case "FirstToken":
    case "Failed":
      return [event]
    case "Sentence":
      return [{ _tag: "Sentence", atMs, epoch: event.epoch, text: event.text }]
    case "FirstAudio":
      return [{ _tag: "FirstByte", atMs, epoch: event.epoch }]
    case "Audible":
      return [{ _tag: "FirstAudible", atMs, epoch: event.epoch }]
    case "Heard":
      return [{ _tag: "Heard", atMs, epoch: event.epoch, text: event.text, generated: event.generated }]
    case "Ended":
      return [{ _tag: "Ended", atMs, reason: event.reason }]
    default:
      // The beginning is time 0, windows are too many to read, and keys are told by the line.
      return []
  }
}

const ofCaller = ({ utterances }: CallResult): ReadonlyArray<TimelineEntry> =>
  utterances.flatMap(({ endMs, startMs, text }, index): ReadonlyArray<TimelineEntry> => {
    const next = utterances[index + 1]
    const speech: TimelineEntry = { _tag: "CallerSpeech", atMs: startMs, untilMs: endMs, text }
    return next === undefined || next.startMs <= endMs
      ? [speech]
      : [speech, { _tag: "CallerPause", atMs: endMs, untilMs: next.startMs }]
  })

/** Everything that happened in a call; `events` are those of the agent's side, in line time. */
export const timelineOf = (call: CallResult, events: ReadonlyArray<CallEvent>): Timeline =>
  [
    ...ofCaller(call),
    ...audibleStretches(call.recording.agent()).map(({ endMs, startMs }): TimelineEntry => ({
      _tag: "AgentSpeech",
      atMs: startMs,
      untilMs: endMs
    })),
    ...events.flatMap(ofCall),
    ...call.recording.events.flatMap(ofLine)
  ].sort((a, b) => a.atMs - b.atMs)

/** The entries of one kind, in order. */
export const entriesOf = <Tag extends TimelineEntry["_tag"]>(
  timeline: Timeline,
  tag: Tag
): ReadonlyArray<Extract<TimelineEntry, { readonly _tag: Tag }>> =>
  timeline.filter((entry): entry is Extract<TimelineEntry, { readonly _tag: Tag }> => entry._tag === tag)
