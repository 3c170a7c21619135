/** How a load is going in, lines on standard error out: one that is written over at a terminal, one every few seconds elsewhere. Owns no call. */
import { Effect } from "effect"
import { type ProgressOutput } from "./CallProgress.ts"
import { cut } from "./Columns.ts"
import { type LoadMoment } from "./LoadMeasure.ts"
import { renderMoment } from "./LoadText.ts"

/** Seconds from one line to the next where there is no terminal. */
const EVERY = 5

/** Back to the beginning of the line, and nothing on it. */
const BLANK = "\r\u001b[2K"

/** Tells how a load is going. */
export interface LoadProgress {
  /** Something that happens before or after it. */
  readonly say: (text: string) => Effect.Effect<void>
  /** How it is at a moment: to be told every second. */
  readonly tell: (moment: LoadMoment) => Effect.Effect<void>
  /** Leaves the line blank. */
  readonly end: Effect.Effect<void>
}

/** Progress that is written to `output`. */
export const makeLoadProgress = ({ columns, write }: ProgressOutput): LoadProgress => {
  let told = 0
  return {
    say: (text) => Effect.sync(() => write(columns === undefined ? `${text}\n` : `${BLANK}${text}\n`)),
    tell: (moment) =>
      Effect.sync(() => {
        if (columns !== undefined) write(BLANK + cut(renderMoment(moment), columns - 1))
        else if (told++ % EVERY === EVERY - 1) write(`${renderMoment(moment)}\n`)
      }),
    end: Effect.sync(() => columns !== undefined && write(BLANK))
  }
}
