/** The Silero voice model: rows of audio and recurrent state in, probabilities and next states out. Owns the file, the ONNX session and its tensors, not whose rows they are. */
import { Effect, type Scope } from "effect"
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
// A whole-statement type import: an inline one would still load the native library with this module.
import type * as Ort from "onnxruntime-node"
import { PHONE_RATE, WINDOW_SAMPLES } from "../schema/Audio.ts"
import { VoiceActivityError } from "../schema/Errors.ts"
import { ModelError, type ModelFailure } from "../schema/ModelError.ts"

/** Samples of the previous window that the model sees again before the next one. */
export const CONTEXT_SAMPLES = 32

/** Samples in a row's input: context, then window. */
export const INPUT_SAMPLES = CONTEXT_SAMPLES + WINDOW_SAMPLES

/** Floats in one of the two halves of a row's recurrent state. */
const HALF_STATE = 128

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

/** A loaded model. */
export interface SileroModel {
  /** Scores 1 to {@link MAX_ROWS} rows in one go, each as if it were alone. One run at a time. */
  readonly run: (rows: ReadonlyArray<ModelRow>) => Effect.Effect<void, VoiceActivityError>
}

/** A model file; the shipped one is known to the byte, somebody's own is not. */
export interface ModelFile {
  readonly path: string
  readonly shipped: { readonly bytes: number; readonly sha256: string } | undefined
}

/** The model that is shipped: two folders up from this module, in the sources as in the build. */
export const shippedModel: ModelFile = {
  path: fileURLToPath(new URL("../../models/silero_vad.onnx", import.meta.url)),
  shipped: { bytes: 2_327_524, sha256: "2623a2953f6ff3d2c1e61740c6cdb7168133479b267dfef114a4a3cc5bdd788f" }
}

const sessionOptions: Ort.InferenceSession.SessionOptions = {
  // One run takes well under a millisecond: a pool would cost more than it gives, and its threads spin while idle.
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  extra: { session: { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } } },
  executionMode: "sequential",
  graphOptimizationLevel: "all",
  // Failures come back as errors: none of the runtime's own lines on stderr as well.
  logSeverityLevel: 4
}

/**
 * Loads a model, checks it and runs it once; the session lives as long as the scope.
 *
 * The shipped file must be the very one that was shipped; any must have Silero's tensors and accept a window.
 */
export const loadSileroModel = Effect.fn("SileroModel.load")(function* (
  file: ModelFile
): Effect.fn.Return<SileroModel, ModelError, Scope.Scope> {
  const failure = modelFailure(file)
  const bytes = yield* readModel(file, failure)
  const ort = yield* Effect.tryPromise({
    try: () => import("onnxruntime-node"),
    catch: (cause) => failure("NoRuntime", `cannot be run: ONNX Runtime does not load (${words(cause)})`, cause)
  })
  const session = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () => ort.InferenceSession.create(bytes, sessionOptions),
      catch: (cause) => failure("Unsuitable", `is not a usable ONNX model (${words(cause)})`, cause)
    }),
    (session) => Effect.promise(() => session.release())
  )
  yield* checkTensors(session, failure)
  const model = makeModel(ort, session)
  yield* tryOut(model, failure)
  return model
})

/** Batches of rows to tensors and back. All batch sizes share the same memory; the tensors over it are made once a size. */
const makeModel = (ort: typeof Ort, session: Ort.InferenceSession): SileroModel => {
  const rate = new ort.Tensor("int64", BigInt64Array.of(BigInt(PHONE_RATE)), [])
  let memory = makeMemory(ort, rate)
  return {
    run: (rows) =>
      Effect.suspend(() => {
        const used = memory
        used.gather(rows)
        const { feeds, fetches } = used.tensors(rows.length)
        return Effect.tryPromise({
          try: () => session.run(feeds, fetches),
          catch: (cause) =>
            new VoiceActivityError({ message: `The voice model failed on a batch of ${rows.length}`, cause })
        }).pipe(
          Effect.map(() => used.scatter(rows)),
          // The native run goes on and may still write to its tensors: leave them to it.
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              memory = makeMemory(ort, rate)
            })
          )
        )
      })
  }
}

/** The memory behind the tensors, laid out row by row; the state's two halves are each contiguous over the batch. */
const makeMemory = (ort: typeof Ort, rate: Ort.Tensor) => {
  const input = new Float32Array(MAX_ROWS * INPUT_SAMPLES)
  const state = new Float32Array(MAX_ROWS * STATE_FLOATS)
  const output = new Float32Array(MAX_ROWS)
  const next = new Float32Array(MAX_ROWS * STATE_FLOATS)
  const bySize = new Map<number, { readonly feeds: Ort.InferenceSession.FeedsType; readonly fetches: Outputs }>()

  const makeTensors = (size: number) => ({
    feeds: {
      input: new ort.Tensor("float32", input.subarray(0, size * INPUT_SAMPLES), [size, INPUT_SAMPLES]),
      state: new ort.Tensor("float32", state.subarray(0, size * STATE_FLOATS), [2, size, HALF_STATE]),
      sr: rate
    },
    fetches: {
      output: new ort.Tensor("float32", output.subarray(0, size), [size, 1]),
      stateN: new ort.Tensor("float32", next.subarray(0, size * STATE_FLOATS), [2, size, HALF_STATE])
    }
  })

  return {
    tensors: (size: number) => {
      const known = bySize.get(size)
      if (known !== undefined) return known
      const made = makeTensors(size)
      bySize.set(size, made)
      return made
    },
    gather: (rows: ReadonlyArray<ModelRow>): void => {
      const second = rows.length * HALF_STATE
      let index = 0
      for (const row of rows) {
        input.set(row.input, index * INPUT_SAMPLES)
        for (let i = 0, at = index * HALF_STATE; i < HALF_STATE; i++, at++) {
          state[at] = row.state[i]!
          state[second + at] = row.state[HALF_STATE + i]!
        }
        index++
      }
    },
    scatter: (rows: ReadonlyArray<ModelRow>): void => {
      const second = rows.length * HALF_STATE
      let index = 0
      for (const row of rows) {
        row.probability = output[index]!
        for (let i = 0, at = index * HALF_STATE; i < HALF_STATE; i++, at++) {
          row.next[i] = next[at]!
          row.next[HALF_STATE + i] = next[second + at]!
        }
        index++
      }
    }
  }
}

type Outputs = Record<"output" | "stateN", Ort.Tensor>

/** A row at the start of a call: silence, and nothing before it. */
export const emptyRow = (): ModelRow => ({
  input: new Float32Array(INPUT_SAMPLES),
  state: new Float32Array(STATE_FLOATS),
  next: new Float32Array(STATE_FLOATS),
  probability: 0
})

const readModel = Effect.fnUntraced(function* ({ path, shipped }: ModelFile, failure: Failure) {
  const bytes = yield* Effect.tryPromise({
    try: () => readFile(path),
    catch: (cause) =>
      cause instanceof Error && "code" in cause && cause.code === "ENOENT"
        ? failure("Missing", "does not exist")
        : failure("Unreadable", `cannot be read (${words(cause)})`, cause)
  })
  if (shipped === undefined) return bytes
  const sha256 = createHash("sha256").update(bytes).digest("hex")
  if (sha256 === shipped.sha256) return bytes
  const found = `it has ${bytes.length} bytes and sha256 ${sha256}, expected ${shipped.bytes} and ${shipped.sha256}`
  return yield* failure("Damaged", `is damaged: ${found}`)
})

const checkTensors = (session: Ort.InferenceSession, failure: Failure): Effect.Effect<void, ModelError> => {
  const { inputNames, outputNames } = session
  const complete =
    ["input", "state", "sr"].every((name) => inputNames.includes(name)) &&
    ["output", "stateN"].every((name) => outputNames.includes(name))
  if (complete) return Effect.void
  const found = `it takes ${inputNames.join(", ")} and gives ${outputNames.join(", ")}`
  const expected = "expected input, state, sr and output, stateN"
  return Effect.fail(failure("Unsuitable", `is not a Silero voice model of version 5 or 6: ${found}, ${expected}`))
}

/** One window of silence: shows that the shapes are right, and has the runtime's first-run work done before any call. */
const tryOut = Effect.fnUntraced(function* (model: SileroModel, failure: Failure) {
  const row = emptyRow()
  const window = `a window (input [1, ${INPUT_SAMPLES}], state [2, 1, ${HALF_STATE}])`
  yield* Effect.mapError(model.run([row]), (error) =>
    failure("Unsuitable", `does not accept ${window}: ${words(error.cause)}`, error.cause)
  )
  if (row.probability >= 0 && row.probability <= 1) return
  return yield* failure("Unsuitable", `answers ${window} with ${row.probability}, expected a probability from 0 to 1`)
})

type Failure = (reason: ModelFailure, problem: string, cause?: unknown) => ModelError

/** Errors that say which file it is about and what to do, depending on who chose it. */
const modelFailure =
  ({ path, shipped }: ModelFile): Failure =>
  (reason, problem, cause) =>
    new ModelError({
      reason,
      path,
      message: `The voice model ${path} ${problem}. ${remedy(reason, shipped !== undefined)}`,
      ...(cause === undefined ? {} : { cause })
    })

const remedy = (reason: ModelFailure, shipped: boolean): string => {
  if (reason === "NoRuntime") {
    return (
      `Reinstall with "npm install"; this is ${process.platform} ${process.arch}, and onnxruntime-node has binaries ` +
      "for Linux (glibc) and Windows on x64 and arm64, and for macOS on arm64."
    )
  }
  return shipped
    ? 'Restore it with "git checkout models/", reinstall the package, or set VAD_MODEL_PATH to a model of your own.'
    : "It was named by VAD_MODEL_PATH: correct that, or unset it to use the model that is shipped."
}

const words = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
