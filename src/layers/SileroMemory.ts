/** Rows of the voice model in, tensors for a run and the results back out. Owns the memory behind the tensors, not the session. */
// A whole-statement type import: an inline one would still load the native library with this module.
import type * as Ort from "onnxruntime-node"
import { PHONE_RATE, WINDOW_SAMPLES } from "../schema/Audio.ts"
import { FRAME_SAMPLES, FRAMES, writeFrames } from "./SileroDense.ts"

/** Samples of the previous window that the model sees again before the next one. */
export const CONTEXT_SAMPLES = 32

/** Samples in a row's input: context, then window. */
export const INPUT_SAMPLES = CONTEXT_SAMPLES + WINDOW_SAMPLES

/** Floats in one of the two halves of a row's recurrent state. */
export const HALF_STATE = 128

/** Floats in a row's recurrent state. */
export const STATE_FLOATS = 2 * HALF_STATE

/** Most rows in one run; beyond it a row gets no cheaper, and everybody waits longer. */
export const MAX_ROWS = 64

/** One window of one call, with the memory its result goes to. */
export interface ModelRow {
  /** {@link INPUT_SAMPLES} samples, -1 to 1. Read before `run` suspends. */
  readonly input: Float32Array
  /** Recurrent state before the window, {@link STATE_FLOATS} floats. Read before `run` suspends. */
  state: Float32Array
  /** Recurrent state after the window; written if the run succeeds. */
  next: Float32Array
  /** Probability of a voice; written if the run succeeds. */
  probability: number
}

/** A row at the start of a call: silence, and nothing before it. */
export const emptyRow = (): ModelRow => ({
  input: new Float32Array(INPUT_SAMPLES),
  state: new Float32Array(STATE_FLOATS),
  next: new Float32Array(STATE_FLOATS),
  probability: 0
})

/** Tensors for batches: all sizes share the same memory, and the tensors over it are made once a size. */
export interface RowMemory {
  readonly tensors: (size: number) => Tensors
  /** Rows to the inputs. */
  readonly gather: (rows: ReadonlyArray<ModelRow>) => void
  /** Outputs to the rows. */
  readonly scatter: (rows: ReadonlyArray<ModelRow>) => void
}

/** What a run takes and what it writes to. */
interface Tensors {
  readonly feeds: Ort.InferenceSession.FeedsType
  readonly fetches: Readonly<Record<string, Ort.Tensor>>
}

/** Makes what is not known yet, once for each size. */
const onceASize = (make: (size: number) => Tensors): ((size: number) => Tensors) => {
  const bySize = new Map<number, Tensors>()
  return (size) => {
    const known = bySize.get(size)
    if (known !== undefined) return known
    const made = make(size)
    bySize.set(size, made)
    return made
  }
}

/** Memory for the model as its file has it: the state's two halves are each contiguous over the batch. */
export const wholeMemory = (ort: typeof Ort): RowMemory => {
  const rate = new ort.Tensor("int64", BigInt64Array.of(BigInt(PHONE_RATE)), [])
  const input = new Float32Array(MAX_ROWS * INPUT_SAMPLES)
  const state = new Float32Array(MAX_ROWS * STATE_FLOATS)
  const output = new Float32Array(MAX_ROWS)
  const next = new Float32Array(MAX_ROWS * STATE_FLOATS)
  return {
    tensors: onceASize((size) => ({
      feeds: {
        input: new ort.Tensor("float32", input.subarray(0, size * INPUT_SAMPLES), [size, INPUT_SAMPLES]),
        state: new ort.Tensor("float32", state.subarray(0, size * STATE_FLOATS), [2, size, HALF_STATE]),
        sr: rate
      },
      fetches: {
        output: new ort.Tensor("float32", output.subarray(0, size), [size, 1]),
        stateN: new ort.Tensor("float32", next.subarray(0, size * STATE_FLOATS), [2, size, HALF_STATE])
      }
    })),
    gather: (rows) => {
      const second = rows.length * HALF_STATE
      for (const [index, row] of rows.entries()) {
        input.set(row.input, index * INPUT_SAMPLES)
        state.set(row.state.subarray(0, HALF_STATE), index * HALF_STATE)
        state.set(row.state.subarray(HALF_STATE), second + index * HALF_STATE)
      }
    },
    scatter: (rows) => {
      const second = rows.length * HALF_STATE
      for (const [index, row] of rows.entries()) {
        const at = index * HALF_STATE
        row.probability = output[index] ?? Number.NaN
        row.next.set(next.subarray(at, at + HALF_STATE))
        row.next.set(next.subarray(second + at, second + at + HALF_STATE), HALF_STATE)
      }
    }
  }
}

/** Memory for the model written anew, see `SileroDense.ts`. Loops, since the views that copying takes cost more. */
export const denseMemory = (ort: typeof Ort): RowMemory => {
  const rowFrames = FRAMES * FRAME_SAMPLES
  const frames = new Float32Array(MAX_ROWS * rowFrames)
  const h = new Float32Array(MAX_ROWS * HALF_STATE)
  const c = new Float32Array(MAX_ROWS * HALF_STATE)
  const output = new Float32Array(MAX_ROWS)
  const hn = new Float32Array(MAX_ROWS * HALF_STATE)
  const cn = new Float32Array(MAX_ROWS * HALF_STATE)
  const half = (values: Float32Array, size: number): Ort.Tensor =>
    new ort.Tensor("float32", values.subarray(0, size * HALF_STATE), [size, HALF_STATE])
  return {
    tensors: onceASize((size) => ({
      feeds: {
        frames: new ort.Tensor("float32", frames.subarray(0, size * rowFrames), [size * FRAMES, FRAME_SAMPLES]),
        h: half(h, size),
        c: half(c, size)
      },
      fetches: {
        output: new ort.Tensor("float32", output.subarray(0, size), [size, 1]),
        hn: half(hn, size),
        cn: half(cn, size)
      }
    })),
    gather: (rows) => {
      let at = 0
      for (const { input, state } of rows) {
        writeFrames(input, frames, at * (rowFrames / HALF_STATE))
        for (let i = 0; i < HALF_STATE; i++) {
          h[at + i] = state[i]!
          c[at + i] = state[HALF_STATE + i]!
        }
        at += HALF_STATE
      }
    },
    scatter: (rows) => {
      let at = 0
      for (const row of rows) {
        const { next } = row
        row.probability = output[at / HALF_STATE]!
        for (let i = 0; i < HALF_STATE; i++) {
          next[i] = hn[at + i]!
          next[HALF_STATE + i] = cn[at + i]!
        }
        at += HALF_STATE
      }
    }
  }
}
