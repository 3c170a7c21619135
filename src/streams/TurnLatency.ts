/** A call's events in, how long each answer took and where the time went out. Pure. */
import { Stream } from "effect"
import { type CallEvent } from "../schema/CallEvent.ts"
import { type Stage } from "./Stage.ts"

/**
 * How long an answer took. Each time is in milliseconds from the moment the caller fell silent; steps that ran ahead of
 * the turn's end have smaller ones than {@link TurnLatency.endedMs}.
 */
export interface TurnLatency {
  readonly turn: number
  readonly epoch: number
  /** The turn's last words were there. */
  readonly transcriptMs: number
  /** The reply was asked for. */
  readonly askedMs: number
  /** The turn was decided to be over. */
  readonly endedMs: number
  /** The language model's first words came. */
  readonly firstTokenMs: number
  /** The first sentence went to synthesis. */
  readonly firstSentenceMs: number
  /** Its first audio came. */
  readonly firstAudioMs: number
  /** Audio was on its way to the caller: what the caller waited. */
  readonly voiceToVoiceMs: number
}

/** When each step of the reply being made was done, on the call's clock. */
interface ReplySteps {
  readonly epoch: number
  readonly askedAtMs: number
  readonly firstTokenAtMs?: number
  readonly firstSentenceAtMs?: number
  readonly firstAudioAtMs?: number
}

/** What was seen of the turn and of the reply to it. */
export interface TurnLatencyState {
  readonly transcriptAtMs: number
  readonly reply: ReplySteps | undefined
  readonly ended: { readonly turn: number; readonly atMs: number; readonly silentAtMs: number } | undefined
}

/** Nothing seen yet. */
export const initial: TurnLatencyState = { transcriptAtMs: 0, reply: undefined, ended: undefined }

type Step = readonly [TurnLatencyState, ReadonlyArray<TurnLatency>]

const none: ReadonlyArray<TurnLatency> = []

const note = (state: TurnLatencyState, epoch: number, steps: Partial<ReplySteps>): Step => [
  state.reply?.epoch === epoch ? { ...state, reply: { ...state.reply, ...steps } } : state,
  none
]

const finish = ({ ended, reply, transcriptAtMs }: TurnLatencyState, atMs: number): ReadonlyArray<TurnLatency> => {
  if (ended === undefined || reply === undefined) return none
  const since = (time: number): number => Math.max(0, time - ended.silentAtMs)
  const firstToken = reply.firstTokenAtMs ?? reply.askedAtMs
  const firstSentence = reply.firstSentenceAtMs ?? firstToken
  const firstAudio = reply.firstAudioAtMs ?? firstSentence
  return [
    {
      turn: ended.turn,
      epoch: reply.epoch,
      transcriptMs: since(transcriptAtMs),
      askedMs: since(reply.askedAtMs),
      endedMs: since(ended.atMs),
      firstTokenMs: since(firstToken),
      firstSentenceMs: since(firstSentence),
      firstAudioMs: since(firstAudio),
      voiceToVoiceMs: since(atMs)
    }
  ]
}

/** Takes in one event; an answer's latency comes out when it becomes audible. */
export const step = (state: TurnLatencyState, event: CallEvent): Step => {
  switch (event._tag) {
    case "Decided": {
      const { output } = event
      if (output._tag === "TurnEnded") {
        const ended = { turn: output.turn, atMs: event.atMs, silentAtMs: event.atMs - output.pauseMs }
        return [{ ...state, ended }, none]
      }
      if (output._tag !== "ReplyStarted") return [state, none]
      const answers = output.cue._tag === "Answer" || output.cue._tag === "AskAgain"
      return [{ ...state, reply: answers ? { epoch: output.epoch, askedAtMs: event.atMs } : undefined }, none]
    }
    case "Transcript":
      return [{ ...state, transcriptAtMs: event.atMs }, none]
    case "FirstToken":
      return note(state, event.epoch, { firstTokenAtMs: event.atMs })
    case "Sentence":
      return event.index === 0 ? note(state, event.epoch, { firstSentenceAtMs: event.atMs }) : [state, none]
    case "FirstAudio":
      return note(state, event.epoch, { firstAudioAtMs: event.atMs })
    case "Audible":
      return state.reply?.epoch === event.epoch ? [initial, finish(state, event.atMs)] : [state, none]
    default:
      return [state, none]
  }
}

/** Latencies of a call's answers, as a stage. */
export const turnLatencies: Stage<CallEvent, TurnLatency> = Stream.mapAccum(() => initial, step)
