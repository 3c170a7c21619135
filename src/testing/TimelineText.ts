/** A call's timeline in, a text for a person out: a line for each thing that happened, with who was speaking beside it. Pure; the same timeline gives the same text. */
import { entriesOf, type Timeline, type TimelineEntry } from "./Timeline.ts"

const seconds = (ms: number): string => (ms / 1000).toFixed(3)

const lasting = (fromMs: number, untilMs: number): string => `${seconds(untilMs - fromMs)} s`

const quoted = (text: string): string => JSON.stringify(text)

const describe = (entry: TimelineEntry): string => {
  switch (entry._tag) {
    case "CallerSpeech":
      return `caller speaks for ${lasting(entry.atMs, entry.untilMs)}: ${quoted(entry.text)}`
    case "CallerPause":
      return `caller is silent for ${lasting(entry.atMs, entry.untilMs)}`
    case "AgentSpeech":
      return `agent is heard for ${lasting(entry.atMs, entry.untilMs)}`
    case "TurnStarted":
      return `turn ${entry.turn} begins`
    case "Commit":
      return `words of segment ${entry.segment} asked for (turn ${entry.turn})`
    case "Interim":
      return `segment ${entry.segment} so far: ${quoted(entry.text)}`
    case "Transcript":
      return entry.text === undefined
        ? `segment ${entry.segment}: no words could be had`
        : `segment ${entry.segment}: ${quoted(entry.text)}`
    case "TurnEnded":
      return `turn ${entry.turn} over after a pause of ${Math.round(entry.pauseMs)} ms: ${quoted(entry.text)}`
    case "TurnDropped":
      return `turn ${entry.turn} dropped: ${entry.reason}`
    case "ReplyStarted":
      return `reply ${entry.epoch} begun: ${entry.cue}`
    case "ReplyReleased":
      return `reply ${entry.epoch} may be heard`
    case "ReplyHeld":
      return `reply ${entry.epoch} held`
    case "FirstToken":
      return `reply ${entry.epoch}: first token`
    case "Sentence":
      return `reply ${entry.epoch} to be said: ${quoted(entry.text)}`
    case "FirstByte":
      return `reply ${entry.epoch}: first byte of speech`
    case "FirstAudible":
      return `reply ${entry.epoch}: first audio sent`
    case "BargeIn":
      return `barge-in: reply ${entry.epoch} stopped`
    case "ReplyStopped":
      return `reply ${entry.epoch} stopped: ${entry.reason}`
    case "Clear":
      return `line cleared of ${Math.round(entry.flushedMs)} ms`
    case "Heard":
      return entry.text === entry.generated
        ? `reply ${entry.epoch} heard: ${quoted(entry.text)}`
        : `reply ${entry.epoch} heard in part: ${quoted(entry.text)} of ${quoted(entry.generated)}`
    case "Underrun":
      return `nothing to hear for ${lasting(entry.atMs, entry.untilMs)} inside of a reply`
    case "Key":
      return `key ${entry.digit}`
    case "Violation":
      return `frame refused: ${entry.detail}`
    case "Failed":
      return `${entry.stage} failed: ${entry.message}`
    case "HangUp":
      return "agent hangs up"
    case "Ended":
      return `call over: ${entry.reason}`
    case "Closed":
      return `line closed: ${entry.end}`
  }
}

interface Row {
  readonly atMs: number
  readonly text: string
  readonly caller: string
  readonly agent: string
}

/** How a lane looks at a moment: silent, at the beginning or end of speech, or within it. */
const lane = (spans: ReadonlyArray<TimelineEntry & { readonly untilMs: number }>, entry: TimelineEntry): string => {
  if (spans.some((span) => span === entry)) return "┌"
  return spans.some((span) => entry.atMs > span.atMs && entry.atMs < span.untilMs) ? "│" : "·"
}

const row = (timeline: Timeline): ((entry: TimelineEntry) => ReadonlyArray<Row>) => {
  const caller = entriesOf(timeline, "CallerSpeech")
  const agent = entriesOf(timeline, "AgentSpeech")
  return (entry) => {
    const begun = { atMs: entry.atMs, text: describe(entry), caller: lane(caller, entry), agent: lane(agent, entry) }
    if (entry._tag !== "CallerSpeech" && entry._tag !== "AgentSpeech") return [begun]
    const end = { ...entry, atMs: entry.untilMs }
    const over = entry._tag === "CallerSpeech" ? "caller falls silent" : "agent falls silent"
    const ended = {
      atMs: entry.untilMs,
      text: over,
      caller: entry._tag === "CallerSpeech" ? "└" : lane(caller, end),
      agent: entry._tag === "AgentSpeech" ? "└" : lane(agent, end)
    }
    return [begun, ended]
  }
}

/** Writes a timeline out: seconds of line time, a lane for each speaker, and what happened. Ends with a line break. */
export const renderTimeline = (timeline: Timeline): string => {
  const rows = timeline.flatMap(row(timeline)).sort((a, b) => a.atMs - b.atMs)
  const width = Math.max("seconds".length, ...rows.map(({ atMs }) => seconds(atMs).length))
  const line = (time: string, caller: string, agent: string, text: string): string =>
    `${time.padStart(width)}  ${caller.padEnd(6)}  ${agent.padEnd(5)}  ${text}\n`
  return [
    line("seconds", "caller", "agent", "what happened"),
    ...rows.map(({ agent, atMs, caller, text }) => line(seconds(atMs), caller, agent, text))
  ].join("")
}
