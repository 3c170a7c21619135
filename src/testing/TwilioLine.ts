/** One media stream as Twilio runs it: time and the server's frames in, frames to the server out. Keeps line time, knows no clock: it is told the time. */
import { BYTES_PER_MS, FRAME_BYTES, FRAME_MS, MULAW_SILENCE } from "../schema/Audio.ts"
import { encodeMulaw } from "../streams/Mulaw.ts"
import * as AgentVoice from "./AgentVoice.ts"
import { type CallEnd, type Recorder } from "./CallRecording.ts"
import { type ServerClosed } from "./CarrierConnection.ts"
import * as Impairments from "./Impairments.ts"
import { type LineSound } from "./LineNoise.ts"
import { makeTwilioFrames, type TwilioIdentity } from "./TwilioFrames.ts"
import * as TwilioPlayout from "./TwilioPlayout.ts"
import { readServerFrame } from "./TwilioRules.ts"

/** What the caller does during a frame; `at` is a sample of line time within it. */
export type CallerAct =
  | { readonly _tag: "Voice"; readonly at: number; readonly samples: Int16Array }
  | { readonly _tag: "Key"; readonly at: number; readonly digit: string }
  | { readonly _tag: "Raw"; readonly at: number; readonly frame: string }
  | { readonly _tag: "HangUp"; readonly at: number }
  | { readonly _tag: "Reset"; readonly at: number }

/** The caller: asked once per frame, in order. The frame reaches from sample `from` to `to`; the agent was heard up to `to`. */
export type Mouth = (frame: {
  readonly from: number
  readonly to: number
  readonly agent: AgentVoice.AgentVoice
}) => ReadonlyArray<CallerAct>

/** What a line is made of. */
export interface LineOptions {
  readonly identity: TwilioIdentity
  readonly parameters: Readonly<Record<string, string>>
  /** Takes a text frame to the server, without waiting. */
  readonly send: (frame: string) => void
  readonly mouth: Mouth
  readonly recorder: Recorder
  readonly impairments: Impairments.Impairments
  readonly sound: LineSound | undefined
  readonly playout: TwilioPlayout.PlayoutOptions
}

/** A finished stream. */
export interface LineResult {
  readonly end: CallEnd
  readonly endMs: number
  readonly playout: TwilioPlayout.PlayoutState
}

/** A running stream. Mutable; all times are line milliseconds and never go backwards. */
export interface Line {
  /** Sends `connected` and `start`: line time begins. */
  readonly open: () => void
  /** Does everything that is due, in the order it is due: frames at 20 ms times their number, marks as they are reached. */
  readonly advanceTo: (nowMs: number) => void
  /** The server sent something. */
  readonly receive: (nowMs: number, data: string | Uint8Array) => void
  /** The server ended the stream, if it had not ended already. */
  readonly closed: (nowMs: number, closed: ServerClosed) => LineResult
  /** When there is something to do next. */
  readonly nextMs: () => number
  /** How it ended; undefined while it goes on. */
  readonly result: () => LineResult | undefined
}

const silence = new Uint8Array(FRAME_BYTES).fill(MULAW_SILENCE)

const encode = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")

const silentPayload = encode(silence)

/** Guards against a time a hair before the one that was asked for. */
const EPSILON_MS = 1e-6

/** A line nobody has called on yet. */
export const makeLine = (options: LineOptions): Line => {
  const { identity, impairments, mouth, recorder, send, sound } = options
  const frames = makeTwilioFrames(identity)
  const markDelayMs = impairments.marks?.delayMs ?? 0

  let playout = TwilioPlayout.initial
  let voice = AgentVoice.initial
  let line = Impairments.initial
  let result: LineResult | undefined
  let nowMs = 0
  let nextFrame = 1
  let marks = 0
  /** Frames on their way to the server, in order. */
  let held: Array<{ readonly sendMs: number; readonly frame: string }> = []
  /** Nothing is sent before what was sent earlier. */
  let lastSendMs = 0
  let lateMarks: Array<{ readonly atMs: number; readonly name: string }> = []

  const emit = (frame: string, sendMs: number): void => {
    lastSendMs = Math.max(lastSendMs, sendMs)
    if (held.length === 0 && lastSendMs <= nowMs + EPSILON_MS) send(frame)
    else held.push({ sendMs: lastSendMs, frame })
  }

  const sendHeld = (untilMs: number): void => {
    if (held.length === 0) return
    const due = held.findIndex(({ sendMs }) => sendMs > untilMs + EPSILON_MS)
    const ready = due < 0 ? held : held.slice(0, due)
    held = due < 0 ? [] : held.slice(due)
    for (const { frame } of ready) send(frame)
  }

  const sendLateMarks = (untilMs: number): void => {
    while (lateMarks[0] !== undefined && lateMarks[0].atMs <= untilMs + EPSILON_MS) {
      emit(frames.mark(lateMarks[0].name), lateMarks[0].atMs)
      lateMarks = lateMarks.slice(1)
    }
  }

  const returnMark = (atMs: number, name: string): void => {
    marks++
    const copies = impairments.marks === undefined ? 1 : Impairments.markCopies(impairments, marks)
    for (let copy = 0; copy < copies; copy++) {
      if (markDelayMs > 0) lateMarks.push({ atMs: atMs + markDelayMs, name })
      else emit(frames.mark(name), atMs)
    }
  }

  const play = (input: TwilioPlayout.PlayoutInput): void => {
    const [next, outputs] = TwilioPlayout.step(playout, input, options.playout)
    playout = next
    for (const output of outputs) {
      switch (output._tag) {
        case "Played": {
          const atSample = output.atMs * BYTES_PER_MS
          recorder.heard(atSample, output.bytes)
          sound?.heard(atSample, output.bytes)
          const before = voice.reply
          voice = AgentVoice.hear(voice, atSample, output.bytes, output.reply)
          if (voice.reply !== before) {
            recorder.event({ _tag: "AgentAudible", atMs: voice.replyFrom / BYTES_PER_MS, reply: voice.reply })
          }
          break
        }
        case "MarkReturned":
          recorder.event(output)
          returnMark(output.atMs, output.name)
          break
        case "Violated": {
          const { detail, kind } = output.violation
          recorder.event({ _tag: "Violation", atMs: output.atMs, kind, detail })
          break
        }
        case "Cleared":
        case "Underrun":
          recorder.event(output)
          break
      }
    }
  }

  const finish = (end: CallEnd, endMs: number): LineResult => {
    recorder.event({ _tag: "Closed", atMs: endMs, end })
    result = { end, endMs, playout }
    return result
  }

  const sendFrame = (): void => {
    const dueMs = nextFrame * FRAME_MS
    const from = (nextFrame - 1) * FRAME_BYTES
    let samples: Int16Array | undefined
    let last: "HangUp" | "Reset" | undefined
    for (const act of mouth({ from, to: from + FRAME_BYTES, agent: voice })) {
      switch (act._tag) {
        case "Voice":
          samples ??= new Int16Array(FRAME_BYTES)
          samples.set(act.samples, act.at - from)
          break
        case "Key":
          recorder.event({ _tag: "KeyPressed", atMs: act.at / BYTES_PER_MS, digit: act.digit })
          emit(frames.dtmf(act.digit), dueMs)
          break
        case "Raw":
          emit(act.frame, dueMs)
          break
        case "HangUp":
        case "Reset":
          last = act._tag
          break
      }
    }
    if (sound !== undefined) sound.addTo((samples ??= new Int16Array(FRAME_BYTES)), from)
    const [next, fate] = Impairments.step(impairments, line, nextFrame, dueMs)
    line = next
    if (fate.copies > 0) {
      const bytes = samples === undefined ? silence : encodeMulaw(samples)
      const payload = samples === undefined ? silentPayload : encode(bytes)
      const frame = frames.media(nextFrame, dueMs - FRAME_MS, payload)
      recorder.sent(from, bytes)
      for (let copy = 0; copy < fate.copies; copy++) emit(frame, fate.sendMs)
    }
    nextFrame++
    if (last === "Reset") finish({ _tag: "CallerLost" }, dueMs)
    if (last === "HangUp") {
      sendHeld(Infinity)
      send(frames.stop())
      recorder.event({ _tag: "Stopped", atMs: dueMs })
      finish({ _tag: "CallerHungUp" }, dueMs)
    }
  }

  const nextMs = (): number =>
    Math.min(
      nextFrame * FRAME_MS,
      TwilioPlayout.nextMarkMs(playout) ?? Infinity,
      held[0]?.sendMs ?? Infinity,
      lateMarks[0]?.atMs ?? Infinity
    )

  const advanceTo = (toMs: number): void => {
    nowMs = Math.max(nowMs, toMs)
    for (;;) {
      if (result !== undefined) return
      const atMs = Math.min(nextMs(), nowMs)
      play({ _tag: "Tick", atMs })
      sendHeld(atMs)
      sendLateMarks(atMs)
      if (nextFrame * FRAME_MS <= atMs + EPSILON_MS) sendFrame()
      else if (atMs >= nowMs) return
    }
  }

  return {
    open: () => {
      send(frames.connected())
      send(frames.start(options.parameters))
    },
    advanceTo,
    receive: (toMs, data) => {
      advanceTo(toMs)
      if (result !== undefined) return
      const frame = readServerFrame(data, identity.streamSid)
      if (frame._tag === "Media") recorder.mediaReceived(nowMs, frame.bytes.length)
      play({ _tag: "Received", atMs: nowMs, frame })
    },
    closed: (toMs, { code, reason }) => {
      advanceTo(toMs)
      return result ?? finish({ _tag: "AgentHungUp", code, reason }, nowMs)
    },
    nextMs,
    result: () => result
  }
}
