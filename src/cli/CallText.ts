/** A call's summary in, what a person reads about it out: a timeline, the transcript, a table of delays. Pure; as wide as it is told to be. */
import { type CallSummary, type SpeechSummary, type TurnSummary } from "./CallSummary.ts"
import { cut, pad, padStart, table, wrap } from "./Columns.ts"

/** How the text is to look. */
export interface TextStyle {
  /** Columns to stay within, where that is possible. */
  readonly columns: number
  readonly colors: boolean
}

/** Columns that a label or a strip does not need more of. */
const WIDEST = 100

/** Columns before the strips. */
const STRIP_INDENT = 10

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`

const bold = ({ colors }: TextStyle, text: string): string => (colors ? `\u001b[1m${text}\u001b[0m` : text)

const dim = ({ colors }: TextStyle, text: string): string => (colors ? `\u001b[2m${text}\u001b[0m` : text)

const red = ({ colors }: TextStyle, text: string): string => (colors ? `\u001b[31m${text}\u001b[0m` : text)

/** Distances between the marks of a scale, in seconds. */
const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600]

const scale = (durationMs: number, width: number): string => {
  const fits = (step: number): boolean => (step * 1000 * width) / Math.max(1, durationMs) >= 8
  const step = steps.find(fits) ?? Infinity
  let text = ""
  for (let at = 0; at * 1000 < durationMs; at += step) {
    const column = Math.floor((at * 1000 * width) / durationMs)
    const mark = `${at} s`
    if (column + mark.length <= width) text = text.padEnd(column) + mark
  }
  return text
}

const strip = (speech: ReadonlyArray<SpeechSummary>, durationMs: number, width: number): string => {
  const cells = Array.from({ length: width }, () => "·")
  const cell = (ms: number): number => (ms * width) / Math.max(1, durationMs)
  for (const { endMs, startMs } of speech) {
    const from = Math.min(width - 1, Math.round(cell(startMs)))
    // Something that was said is seen, however short it was.
    cells.fill("█", from, Math.max(from + 1, Math.round(cell(endMs))))
  }
  return cells.join("")
}

const strips = ({ durationMs, timeline }: CallSummary, style: TextStyle): ReadonlyArray<string> => {
  const width = Math.max(20, Math.min(WIDEST, style.columns) - STRIP_INDENT - 1)
  const by = (who: SpeechSummary["by"]): string =>
    strip(
      timeline.filter((speech) => speech.by === who),
      durationMs,
      width
    )
  return [
    dim(style, " ".repeat(STRIP_INDENT) + scale(durationMs, width)),
    `  caller  ${by("caller")}`,
    `  agent   ${by("agent")}`
  ]
}

const speechRow = ({ columns }: TextStyle, speech: SpeechSummary): string => {
  const { by, endMs, interrupted, said, startMs } = speech
  const times = `${padStart(seconds(startMs), 10)} – ${padStart(seconds(endMs), 8)}`
  const what = by === "caller" ? said : interrupted ? "interrupted" : ""
  return `${times}  ${pad(by, 6)}  ${cut(what, Math.max(20, columns - 32))}`.trimEnd()
}

const voiceToVoice = ({ problem, startMs, voiceToVoiceMs }: TurnSummary): string => {
  if (voiceToVoiceMs !== null) return `${voiceToVoiceMs} ms`
  if (startMs === null) return "not said"
  return problem === null ? "" : "no answer"
}

const silentAfter = ({ bargeIn }: TurnSummary): string => {
  if (bargeIn === null) return ""
  return bargeIn.agentSilentAfterMs === null ? "was silent" : `${bargeIn.agentSilentAfterMs} ms`
}

const delays = ({ greetingMs, turns }: CallSummary, style: TextStyle): ReadonlyArray<string> => {
  const interrupts = turns.some(({ bargeIn }) => bargeIn !== null)
  const cells = (...all: readonly [string, string, string]) => (interrupts ? all : all.slice(0, 2))
  const width = Math.max(20, Math.min(WIDEST, style.columns) - (interrupts ? 50 : 26))
  const number = (turn: number): string => String(turn).padStart(String(turns.length).length)
  const [header = "", ...rows] = table([
    cells("", "voice to voice", "agent silent after"),
    cells("greeting, from the start", greetingMs === null ? "none" : `${greetingMs} ms`, ""),
    ...turns.map((turn) =>
      cells(cut(`${number(turn.turn)}  ${turn.said}`, width), voiceToVoice(turn), silentAfter(turn))
    )
  ])
  return [dim(style, header), ...rows]
}

const conversation = (lines: CallSummary["transcript"], style: TextStyle): ReadonlyArray<string> => {
  const width = Math.max(20, Math.min(WIDEST, style.columns) - STRIP_INDENT - 1)
  return (lines ?? []).flatMap(({ by, text, unheard }) => {
    const said = wrap(text === "" ? "(no words)" : text, width)
    const lost = unheard === "" ? [] : wrap(`(not heard: ${unheard})`, width)
    return said
      .map((line, n) => `  ${pad(n === 0 ? by : "", 6)}  ${line}`)
      .concat(lost.map((line) => dim(style, " ".repeat(STRIP_INDENT) + line)))
  })
}

const section = (style: TextStyle, title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length === 0 ? [] : [bold(style, title), ...lines, ""]

/** Writes the summary out. Ends with a line break. */
export const renderSummary = (summary: CallSummary, style: TextStyle): string => {
  const { durationMs, end, notes, recording, timeline, transcript, url } = summary
  const lines = [
    `${bold(style, `Call to ${url}`)}, ${(durationMs / 1000).toFixed(1)} s, ${end}`,
    "",
    ...section(style, "Timeline", [
      ...strips(summary, style),
      "",
      ...timeline.map((speech) => speechRow(style, speech))
    ]),
    ...section(style, "Transcript", conversation(transcript, style)),
    ...section(style, "Latency", delays(summary, style)),
    ...section(
      style,
      "Notes",
      notes.map((note) => `  ${red(style, note)}`)
    ),
    ...(recording === null ? [] : [`Recorded to ${recording}: caller on the left channel, agent on the right`, ""])
  ]
  return `${lines.slice(0, -1).join("\n")}\n`
}
