/** A finished call in, what there is to say about it out: every turn with its times, who spoke when, and what was wrong. Pure; the same data is printed and given as JSON. */
import { type CallResult } from "../testing/TwilioCaller.ts"
import { audibleStretches, type Stretch } from "../testing/Timeline.ts"
import { FINISHED_MS } from "./CallScript.ts"
import { type CallSound, joinStretches, measure, type TurnMeasure } from "./CallMeasure.ts"
import { failuresOf, type TranscriptEvent, type TranscriptLine, transcriptOf } from "./Transcript.ts"

/** A turn of the caller. Times are milliseconds of line time; null stands for what did not happen. */
export interface TurnSummary {
  /** From 1. */
  readonly turn: number
  /** The words, or the name of the file. */
  readonly said: string
  readonly startMs: number | null
  readonly endMs: number | null
  readonly answerAtMs: number | null
  /** From the end of the caller's speech to the first of the answer that is heard. */
  readonly voiceToVoiceMs: number | null
  /** How far into its speech the agent was to be interrupted, how far it was, and how long it went on. */
  readonly bargeIn: {
    readonly wantedAfterMs: number | null
    readonly afterMs: number | null
    readonly agentSilentAfterMs: number | null
  } | null
  /** Why it was not answered, in a sentence. */
  readonly problem: string | null
}

/** A stretch of speech. */
export interface SpeechSummary {
  readonly by: "caller" | "agent"
  readonly startMs: number
  readonly endMs: number
  /** What the caller said, or "". */
  readonly said: string
  /** The caller began before it was over. */
  readonly interrupted: boolean
}

/** Everything there is to say about a call. */
export interface CallSummary {
  readonly url: string
  readonly callSid: string
  readonly durationMs: number
  readonly end: "caller hung up" | "agent hung up" | "connection lost"
  readonly greetingMs: number | null
  readonly turns: ReadonlyArray<TurnSummary>
  /** In order of time. */
  readonly timeline: ReadonlyArray<SpeechSummary>
  /** Null if only what was heard is known. */
  readonly transcript: ReadonlyArray<TranscriptLine> | null
  /** What else was not as it should be, a sentence each. */
  readonly notes: ReadonlyArray<string>
  /** Path of the recording. */
  readonly recording: string | null
  readonly answered: boolean
}

/** What a summary is made of. */
export interface SummaryInput {
  readonly url: string
  readonly turns: ReadonlyArray<{ readonly label: string; readonly bargeInMs: number | undefined }>
  /** How long an answer might take to begin. */
  readonly timeoutMs: number
  readonly call: CallResult
  /** Undefined: nothing is known but what was heard. */
  readonly told: ReadonlyArray<TranscriptEvent> | undefined
  /** What the server warned of, a sentence each. */
  readonly warnings: ReadonlyArray<string>
  readonly recording: string | undefined
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** WebSocket close codes of a server that meant to end the call: done, going away, no reason given. */
const hangUps: ReadonlySet<number> = new Set([1000, 1001, 1005])

const endOf = ({ end }: CallResult): CallSummary["end"] => {
  if (end._tag === "CallerHungUp") return "caller hung up"
  return end._tag === "AgentHungUp" && hangUps.has(end.code) ? "agent hung up" : "connection lost"
}

/** What the server gave as the reason for an end that was none of its hang-ups. */
const closeNote = ({ end }: CallResult): ReadonlyArray<string> => {
  if (end._tag !== "AgentHungUp" || hangUps.has(end.code)) return []
  const [reason = ""] = end.reason.split("\n")
  return [`The media stream ended with code ${end.code}${reason === "" ? "" : `: ${reason}`}.`]
}

const whole = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms))

const soundOf = ({ recording, utterances }: CallResult): CallSound => ({
  caller: utterances,
  agent: audibleStretches(recording.agent()),
  clearedMs: recording.events.flatMap((event) => (event._tag === "Cleared" ? [event.atMs] : [])),
  durationMs: recording.durationMs
})

const timelineOf = ({ agent, caller }: CallSound, labels: ReadonlyArray<string>): ReadonlyArray<SpeechSummary> => {
  const speech = (by: SpeechSummary["by"], { endMs, startMs }: Stretch, said: string, interrupted: boolean) => {
    return { by, startMs: Math.round(startMs), endMs: Math.round(endMs), said, interrupted } satisfies SpeechSummary
  }
  const beginsIn = (stretch: Stretch): boolean =>
    caller.some(({ startMs }) => startMs > stretch.startMs && startMs < stretch.endMs)
  return [
    ...caller.map((stretch, index) => speech("caller", stretch, labels[index] ?? "", false)),
    ...joinStretches(agent, FINISHED_MS, caller).map((stretch) => speech("agent", stretch, "", beginsIn(stretch)))
  ].sort((a, b) => a.startMs - b.startMs)
}

const problemOf = (
  input: SummaryInput,
  number: number,
  label: string,
  turn: TurnMeasure | undefined
): string | null => {
  if (turn?.answerAtMs !== undefined) return null
  const { call, timeoutMs } = input
  const end = endOf(call)
  const { durationMs } = call.recording
  const name = `Turn ${number} (${JSON.stringify(label)})`
  const over = end === "connection lost" ? "the connection was lost" : `the ${end}`
  if (turn === undefined) return `${name} was not said: ${over} after ${seconds(durationMs)}.`
  const spokeOnMs = turn.interruption?.agentSilentAfterMs ?? 0
  if (end === "caller hung up" && spokeOnMs > turn.endMs - turn.startMs) {
    return `${name} was not answered: the agent spoke on for ${seconds(spokeOnMs)}, and no answer came within ${seconds(timeoutMs)}.`
  }
  return end === "caller hung up" || durationMs - turn.endMs >= timeoutMs
    ? `${name} was not answered within ${seconds(timeoutMs)}.`
    : `${name} was not answered: ${over} ${seconds(Math.max(0, durationMs - turn.endMs))} after it.`
}

const times = (count: number): string => (count === 1 ? "once" : `${count} times`)

const notesOf = (
  { call, told, turns, warnings }: SummaryInput,
  measured: ReadonlyArray<TurnMeasure>
): ReadonlyArray<string> => {
  const { playout, recording } = call
  const missed = turns.flatMap(({ bargeInMs }, index) => {
    const turn = measured[index]
    return bargeInMs !== undefined && turn !== undefined && turn.interruption === undefined ? [index + 1] : []
  })
  // The log tells of failures too.
  const known = (told ?? []).flatMap((event) => (event._tag === "Failed" ? [event.message] : []))
  const violation = recording.events.find((event) => event._tag === "Violation")
  return [
    ...closeNote(call),
    ...missed.map((turn) => `Turn ${turn} was to interrupt, but the agent was not speaking.`),
    ...(violation === undefined
      ? []
      : [`Frames that the carrier refuses were sent ${times(playout.violations)}, first: ${violation.detail}.`]),
    ...(playout.underruns > 0
      ? [`The agent's audio came too late ${times(playout.underruns)}, ${Math.round(playout.underrunMs)} ms in all.`]
      : []),
    ...failuresOf(told ?? []),
    ...warnings.filter((warning) => !known.some((message) => warning.includes(message)))
  ]
}

const turnOf = (input: SummaryInput, measured: ReadonlyArray<TurnMeasure>, index: number): TurnSummary => {
  const { bargeInMs, label = "" } = input.turns[index] ?? { bargeInMs: undefined }
  const turn = measured[index]
  const interruption = turn?.interruption
  return {
    turn: index + 1,
    said: label,
    startMs: whole(turn?.startMs),
    endMs: whole(turn?.endMs),
    answerAtMs: whole(turn?.answerAtMs),
    voiceToVoiceMs: whole(turn?.voiceToVoiceMs),
    bargeIn:
      bargeInMs === undefined && interruption === undefined
        ? null
        : {
            wantedAfterMs: whole(bargeInMs),
            afterMs: whole(interruption?.afterMs),
            agentSilentAfterMs: whole(interruption?.agentSilentAfterMs)
          },
    problem: problemOf(input, index + 1, label, turn)
  }
}

/** Puts together what there is to say about a call. */
export const summaryOf = (input: SummaryInput): CallSummary => {
  const { call, recording, told, url } = input
  const sound = soundOf(call)
  const { greetingAtMs, turns: measured } = measure(sound)
  const turns = input.turns.map((_, index) => turnOf(input, measured, index))
  return {
    url,
    callSid: call.identity.callSid,
    durationMs: Math.round(call.recording.durationMs),
    end: endOf(call),
    greetingMs: whole(greetingAtMs),
    turns,
    timeline: timelineOf(
      sound,
      input.turns.map(({ label }) => label)
    ),
    transcript: told === undefined ? null : transcriptOf(told),
    notes: notesOf(input, measured),
    recording: recording ?? null,
    answered: turns.every(({ problem }) => problem === null)
  }
}
