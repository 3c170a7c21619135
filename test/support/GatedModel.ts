/** A stand-in for the voice model: answers by a formula that feels every sample and state of a row, and only when it is told to. */
import { Effect } from "effect"
import { CONTEXT_SAMPLES, emptyRow, INPUT_SAMPLES, STATE_FLOATS } from "../../src/layers/SileroMemory.ts"
import { type SileroModel } from "../../src/layers/SileroModel.ts"
import { WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { VoiceActivityError } from "../../src/schema/Errors.ts"

/** What the stand-in makes of one row. */
export const answer = (input: Float32Array, state: Float32Array) => {
  let sum = 0
  for (let i = 0; i < INPUT_SAMPLES; i++) sum += input[i]! * (1 + (i % 13))
  for (let i = 0; i < STATE_FLOATS; i++) sum += state[i]! * (1 + (i % 11))
  const next = new Float32Array(STATE_FLOATS)
  for (let i = 0; i < STATE_FLOATS; i++) next[i] = 0.5 * state[i]! + Math.sin(sum + i)
  return { probability: Math.abs(Math.sin(sum)), next }
}

/** One call scored the plain way: what a scorer has to agree with, to the bit. */
export const makeReference = () => {
  let { input, state } = emptyRow()
  return {
    score: (window: Int16Array): number => {
      for (let i = 0; i < WINDOW_SAMPLES; i++) input[CONTEXT_SAMPLES + i] = window[i]! / 32768
      const { probability, next } = answer(input, state)
      state = next
      input.copyWithin(0, WINDOW_SAMPLES)
      return probability
    },
    reset: (): void => {
      ;({ input, state } = emptyRow())
    }
  }
}

/** The stand-in, with the sizes of the runs so far. At most one run is under way at a time. */
export const makeGatedModel = () => {
  const sizes: Array<number> = []
  let open:
    | { readonly succeed: () => void; readonly fail: (failed: Effect.Effect<never, VoiceActivityError>) => void }
    | undefined
  const run: SileroModel["run"] = (rows) =>
    Effect.callback((resume) => {
      if (open !== undefined) throw new Error("two runs at once")
      sizes.push(rows.length)
      const answers = rows.map((row) => answer(row.input, row.state))
      open = {
        succeed: () => {
          for (const [i, { probability, next }] of answers.entries()) {
            const row = rows[i]!
            row.probability = probability
            row.next.set(next)
          }
          resume(Effect.void)
        },
        fail: resume
      }
      return Effect.sync(() => {
        open = undefined
      })
    })
  const take = () => {
    const taken = open
    open = undefined
    return taken
  }
  return {
    run,
    sizes,
    /** Whether a run is under way. */
    isRunning: () => open !== undefined,
    /** Ends the run under way. */
    succeed: () => take()?.succeed(),
    /** Ends the run under way with a failure. */
    fail: (
      failed: Effect.Effect<never, VoiceActivityError> = Effect.fail(new VoiceActivityError({ message: "broken" }))
    ) => take()?.fail(failed)
  }
}
