/** The turns of a call as they were asked for: flags in the order they were given in, what to say and what to interrupt out. Pure. */
import { Result } from "effect"

/** What the caller says in a turn. */
export type TurnSource =
  | { readonly _tag: "Say"; readonly text: string }
  | { readonly _tag: "Wav"; readonly path: string }

/** A turn of the caller. */
export interface TurnRequest {
  readonly source: TurnSource
  /** Begins that far into what the agent says, in milliseconds; undefined: when the agent has finished. */
  readonly bargeInMs: number | undefined
}

/** Values of the flags that make turns, in order for each flag. */
export interface TurnFlags {
  readonly say: ReadonlyArray<string>
  readonly wav: ReadonlyArray<string>
  /** Milliseconds. */
  readonly "barge-in": ReadonlyArray<number>
}

/** What is said in a call without any turns. */
export const DEFAULT_QUESTION = "Hello! What can you do for me?"

/** What interrupts if nothing follows `--barge-in`. */
export const DEFAULT_INTERRUPTION = "Hold on a second, please."

/**
 * Which of these flags an argument list has, in the order they are there.
 *
 * The parser keeps the values of each flag in order, but not the order of different flags. This reads no values: before
 * `--`, every argument that begins like a long flag is one, as the parser takes no such argument for a value.
 */
export const flagOrder = (args: ReadonlyArray<string>): ReadonlyArray<keyof TurnFlags> => {
  const end = args.indexOf("--")
  return (end < 0 ? args : args.slice(0, end)).flatMap((arg) => {
    const name = /^--([^=]+)/.exec(arg)?.[1]
    return name === "say" || name === "wav" || name === "barge-in" ? [name] : []
  })
}

/**
 * Puts the turns together: `--say` and `--wav` are a turn each, `--barge-in` makes an interruption of the one after it.
 *
 * Fails with a sentence if two interruptions follow each other.
 */
export const turnsOf = (
  args: ReadonlyArray<string>,
  flags: TurnFlags
): Result.Result<ReadonlyArray<TurnRequest>, string> => {
  const left = { say: flags.say.values(), wav: flags.wav.values(), "barge-in": flags["barge-in"].values() }
  const turns: Array<TurnRequest> = []
  let bargeInMs: number | undefined
  const add = (source: TurnSource): void => {
    turns.push({ source, bargeInMs })
    bargeInMs = undefined
  }
  for (const flag of flagOrder(args)) {
    if (flag === "say") add({ _tag: "Say", text: left.say.next().value ?? "" })
    else if (flag === "wav") add({ _tag: "Wav", path: left.wav.next().value ?? "" })
    else if (bargeInMs === undefined) bargeInMs = left["barge-in"].next().value
    else
      return Result.fail(
        "--barge-in is there twice in a row: expected --say or --wav after each, which is what interrupts"
      )
  }
  if (turns.length === 0) add({ _tag: "Say", text: DEFAULT_QUESTION })
  else if (bargeInMs !== undefined) add({ _tag: "Say", text: DEFAULT_INTERRUPTION })
  return Result.succeed(turns)
}
