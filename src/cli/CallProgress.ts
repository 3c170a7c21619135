/** What the caller's side is at and what the caller says in, lines on standard error out: one that is written over at a terminal, one after the other elsewhere. Owns no call. */
import { Clock, Effect } from "effect"
import { type GroundTruth, type Utterance } from "../testing/GroundTruth.ts"
import { type CallStage } from "./CallScript.ts"
import { cut } from "./Columns.ts"

/** Where the lines go. */
export interface ProgressOutput {
  /** Columns of the terminal; undefined: it is none. */
  readonly columns: number | undefined
  readonly write: (text: string) => void
}

/** Standard error, which leaves standard output to the result. */
export const standardError: ProgressOutput = {
  columns: process.stderr.isTTY ? process.stderr.columns : undefined,
  write: (text) => void process.stderr.write(text)
}

/** How often it is looked who speaks. */
const EVERY = "100 millis"

/** Back to the beginning of the line, and nothing on it. */
const BLANK = "\r\u001b[2K"

/** Tells how a call is going. */
export interface CallProgress {
  /** Something that happens before the call or after it. */
  readonly say: (text: string) => Effect.Effect<void>
  readonly tell: (stage: CallStage) => Effect.Effect<void>
  /** Follows what the caller says, until interrupted; leaves the line blank. */
  readonly follow: (labels: ReadonlyArray<string>) => Effect.Effect<never>
}

/** Progress of one call whose caller writes down what is said in `truth`. */
export const makeProgress = (truth: GroundTruth, output: ProgressOutput): CallProgress => {
  const { columns } = output
  let at = ""
  /** The latest of the caller's utterances that was told. */
  let told: Utterance | undefined
  /** Line time at which a wait for the agent will have been in vain. */
  let vainMs = Infinity

  const show = (text: string): void =>
    output.write(columns === undefined ? `${text}\n` : BLANK + cut(text, columns - 1))
  const timed = (ms: number, text: string): string => `${(ms / 1000).toFixed(1).padStart(6)} s  ${text}`

  const lineTime = Effect.gen(function* () {
    const { originMs } = yield* truth.current
    return originMs === undefined ? 0 : (yield* Clock.currentTimeMillis) - originMs
  })

  const change = (ms: number, text: string): void => {
    at = text
    if (columns === undefined) show(timed(ms, text))
  }

  const textOf = (stage: CallStage, ms: number): string => {
    const what = told === undefined ? "greeting" : "answer"
    switch (stage._tag) {
      case "Waits":
        vainMs = ms + stage.forMs
        return `waiting for the ${what}`
      case "Waited":
        return ms < vainMs ? "agent speaks" : `no ${what}`
      case "HangsUp":
        return "hanging up"
    }
  }

  const look = (labels: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const { originMs, utterances } = yield* truth.current
      const latest = utterances.at(-1)
      if (latest !== undefined && latest.index !== told?.index) {
        told = latest
        change(latest.startMs, `caller: ${labels[latest.index] ?? ""}`)
      }
      if (columns !== undefined) show(originMs === undefined ? at : timed(yield* lineTime, at))
    })

  return {
    say: (text) =>
      Effect.sync(() => {
        at = text
        show(text)
      }),
    tell: (stage) => Effect.map(lineTime, (ms) => change(ms, textOf(stage, ms))),
    follow: (labels) =>
      look(labels).pipe(
        Effect.andThen(Effect.sleep(EVERY)),
        Effect.forever,
        Effect.ensuring(Effect.sync(() => columns !== undefined && output.write(BLANK)))
      )
  }
}
