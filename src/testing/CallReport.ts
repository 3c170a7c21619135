/** What was seen of a call on both ends in, what a test asks about it out: conversation, replies, latencies, timeline. Pure; holds no call. */
import { type CallEvent } from "../schema/CallEvent.ts"
import { type ReplyCue } from "../schema/Turn.ts"
import * as TurnLatency from "../streams/TurnLatency.ts"
import { type WordsHeard, wordsHeardIn } from "./HeardWords.ts"
import { type LanguageModelRequest } from "./ScriptedLanguageModel.ts"
import { type Timeline, timelineOf } from "./Timeline.ts"
import { type CallResult } from "./TwilioCaller.ts"

/** What was left of a call. */
export interface CallRemains {
  /** How long after the line was closed the agent's side was done, in milliseconds; undefined: it never was. */
  readonly doneAfterMs: number | undefined
  /** Fibers of the agent's side that were still there after that. */
  readonly fibers: number
  /** Sockets to services that were; in virtual time there are none. */
  readonly sockets: number
}

/** A line of the log. */
export interface LogLine {
  readonly level: string
  readonly message: string
}

/** One thing that was said, as the other side has it. */
export interface Said {
  readonly by: "caller" | "agent"
  readonly text: string
}

/** A reply that the caller heard something of, or was to. */
export interface ReplyReport {
  readonly epoch: number
  /** What it was to say; undefined if that was never told. */
  readonly cue: ReplyCue["_tag"] | undefined
  /** When its first audio was sent, in milliseconds of line time; undefined: never. */
  readonly audibleMs: number | undefined
  /** What the agent wanted to say. */
  readonly generated: string
  /** What the agent believes the caller heard of it; undefined if the call was over first. */
  readonly heard: string | undefined
  /** Whether it was stopped before its end. */
  readonly stopped: boolean
}

/** Everything that is known about a finished call. Times are milliseconds of line time. */
export interface CallReport {
  /** The caller's end: the recording, what became of the audio, how the script went. */
  readonly call: CallResult
  /** What the agent's end told its observers. */
  readonly events: ReadonlyArray<CallEvent>
  /** Where each answer's time went. */
  readonly latencies: ReadonlyArray<TurnLatency.TurnLatency>
  /** The caller's turns and the agent's heard words, in order. */
  readonly conversation: ReadonlyArray<Said>
  readonly replies: ReadonlyArray<ReplyReport>
  /** What the caller really heard of each of them, by its sound; worked out when it is first asked for. */
  readonly wordsHeard: () => ReadonlyArray<WordsHeard>
  /** What the language model was asked, if it was a scripted one. */
  readonly requests: ReadonlyArray<LanguageModelRequest>
  readonly timeline: Timeline
  readonly log: ReadonlyArray<LogLine>
  readonly remains: CallRemains
}

/** What a report is made of. */
export interface ReportInput {
  readonly call: CallResult
  /** Times are milliseconds since the call was opened. */
  readonly events: ReadonlyArray<CallEvent>
  /** Line time, in milliseconds, of an event's time. */
  readonly lineTime: (eventMs: number) => number
  readonly requests: ReadonlyArray<LanguageModelRequest>
  readonly log: ReadonlyArray<LogLine>
  readonly remains: CallRemains
}

const latenciesOf = (events: ReadonlyArray<CallEvent>): ReadonlyArray<TurnLatency.TurnLatency> => {
  const latencies: Array<TurnLatency.TurnLatency> = []
  let state = TurnLatency.initial
  for (const event of events) {
    const [next, finished] = TurnLatency.step(state, event)
    state = next
    latencies.push(...finished)
  }
  return latencies
}

const unknownReply: ReplyReport = {
  epoch: 0,
  cue: undefined,
  audibleMs: undefined,
  generated: "",
  heard: undefined,
  stopped: false
}

const joined = (sentences: ReadonlyArray<{ readonly text: string }> = []): string =>
  sentences.map(({ text }) => text).join(" ")

const repliesOf = (events: ReadonlyArray<CallEvent>): ReadonlyArray<ReplyReport> => {
  const replies = new Map<number, ReplyReport>()
  const sentences = new Map<number, Array<{ readonly index: number; readonly text: string }>>()
  const change = (epoch: number, change: Partial<ReplyReport>): void => {
    replies.set(epoch, { ...(replies.get(epoch) ?? { ...unknownReply, epoch }), ...change })
  }
  for (const event of events) {
    switch (event._tag) {
      case "Sentence":
        // In the order they are heard, which is not the one they come in: fillers are before the first sentence.
        sentences.set(
          event.epoch,
          [...(sentences.get(event.epoch) ?? []), event].toSorted((a, b) => a.index - b.index)
        )
        change(event.epoch, { generated: joined(sentences.get(event.epoch)) })
        break
      case "Audible":
        change(event.epoch, { audibleMs: event.atMs })
        break
      case "Heard":
        change(event.epoch, { heard: event.text, generated: event.generated })
        break
      case "Decided": {
        const { output } = event
        if (output._tag === "ReplyStarted") change(output.epoch, { cue: output.cue._tag })
        if (output._tag === "ReplyStopped") change(output.epoch, { stopped: true })
        break
      }
    }
  }
  return [...replies.values()].filter(({ audibleMs, heard }) => audibleMs !== undefined || heard !== undefined)
}

/** A turn that goes on after it was taken to be over is told again, with more words: its last telling stands. */
const conversationOf = (events: ReadonlyArray<CallEvent>): ReadonlyArray<Said> => {
  const said: Array<Said & { readonly turn?: number }> = []
  for (const event of events) {
    if (event._tag === "Heard" && event.text !== "") said.push({ by: "agent", text: event.text })
    if (event._tag !== "Decided" || event.output._tag !== "TurnEnded") continue
    const { text, turn } = event.output
    const earlier = said.findIndex((one) => one.turn === turn)
    if (earlier >= 0) said.splice(earlier, 1)
    said.push({ by: "caller", text, turn })
  }
  return said.map(({ by, text }) => ({ by, text }))
}

/** Something that is worked out once, when it is asked for. */
const once = <A>(make: () => A): (() => A) => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

/** Puts together what is known about a call. */
export const reportOf = (input: ReportInput): CallReport => {
  const { recording } = input.call
  const track = once(recording.agent)
  const call = { ...input.call, recording: { ...recording, agent: track } }
  const events = input.events.map((event) => ({ ...event, atMs: input.lineTime(event.atMs) }))
  const replies = repliesOf(events)
  return {
    call,
    events,
    latencies: latenciesOf(events),
    conversation: conversationOf(events),
    replies,
    wordsHeard: once(() => wordsHeardIn(track(), replies)),
    requests: input.requests,
    timeline: timelineOf(call, events),
    log: input.log,
    remains: input.remains
  }
}
