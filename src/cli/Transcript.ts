/** What a server tells of a call in, the conversation as it was understood and heard out. Pure. */
import { Option, Schema } from "effect"

const TurnEnded = Schema.Struct({
  _tag: Schema.tag("Decided"),
  output: Schema.Struct({ _tag: Schema.tag("TurnEnded"), turn: Schema.Finite, text: Schema.String })
})

const Heard = Schema.Struct({ _tag: Schema.tag("Heard"), text: Schema.String, generated: Schema.String })

const Failed = Schema.Struct({ _tag: Schema.tag("Failed"), stage: Schema.String, message: Schema.String })

/** The events of a call that a transcript is made of, as they come over the wire; data that is not needed is left out. */
export const TranscriptEvent = Schema.Union([TurnEnded, Heard, Failed])
export type TranscriptEvent = typeof TranscriptEvent.Type

const decode = Schema.decodeUnknownOption(TranscriptEvent)

/** Understands an event; undefined if a transcript has no use for it. */
export const readEvent = (event: unknown): TranscriptEvent | undefined => Option.getOrUndefined(decode(event))

/** Something that was said. */
export interface TranscriptLine {
  readonly by: "caller" | "agent"
  /** The caller's words as the agent understood them, the agent's as far as they were heard. */
  readonly text: string
  /** What the agent would have gone on to say. */
  readonly unheard: string
}

const rest = (generated: string, heard: string): string =>
  generated.startsWith(heard) ? generated.slice(heard.length).trim() : ""

/** The conversation. A turn that goes on after it was taken to be over is told again, with more words: the last telling stands. */
export const transcriptOf = (events: ReadonlyArray<TranscriptEvent>): ReadonlyArray<TranscriptLine> => {
  const lines: Array<TranscriptLine & { readonly turn?: number }> = []
  for (const event of events) {
    if (event._tag === "Heard" && event.text !== "") {
      lines.push({ by: "agent", text: event.text, unheard: rest(event.generated, event.text) })
    }
    if (event._tag !== "Decided") continue
    const { text, turn } = event.output
    const earlier = lines.findIndex((line) => line.turn === turn)
    if (earlier >= 0) lines.splice(earlier, 1)
    lines.push({ by: "caller", text, unheard: "", turn })
  }
  return lines.map(({ by, text, unheard }) => ({ by, text, unheard }))
}

/** What the agent's side says went wrong, a sentence each. */
export const failuresOf = (events: ReadonlyArray<TranscriptEvent>): ReadonlyArray<string> =>
  events.flatMap((event) => (event._tag === "Failed" ? [`The agent's ${event.stage} failed: ${event.message}`] : []))
