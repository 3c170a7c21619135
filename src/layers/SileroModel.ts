/** The Silero voice model: rows of audio and recurrent state in, probabilities and next states out. Owns the file, the ONNX session and its tensors, not whose rows they are. */
import { Effect, Exit, Scope } from "effect"
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
// A whole-statement type import: an inline one would still load the native library with this module.
import type * as Ort from "onnxruntime-node"
import { WINDOW_SAMPLES } from "../schema/Audio.ts"
import { VoiceActivityError } from "../schema/Errors.ts"
import { ModelError, type ModelFailure } from "../schema/ModelError.ts"
import { denseModel } from "./SileroDense.ts"
import {
  denseMemory,
  emptyRow,
  HALF_STATE,
  INPUT_SAMPLES,
  type ModelRow,
  type RowMemory,
  wholeMemory
} from "./SileroMemory.ts"

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
  return yield* chooseForm(ort, bytes, failure)
})

/** The model in the form that is faster, if it can be had in that form; the other one is let go of. */
const chooseForm = Effect.fnUntraced(function* (ort: typeof Ort, bytes: Uint8Array, failure: Failure) {
  const scope = yield* Effect.scope
  const wholeScope = yield* Scope.fork(scope)
  const whole = yield* Scope.provide(makeWhole(ort, bytes, failure), wholeScope)
  const denseScope = yield* Scope.fork(scope)
  const dense = yield* makeDense(ort, bytes, whole, failure).pipe(
    Scope.provide(denseScope),
    Effect.catch((error) =>
      Effect.as(Effect.logInfo("The voice model runs in its own form, which is slower", error), undefined)
    )
  )
  yield* Scope.close(dense === undefined ? denseScope : wholeScope, Exit.void)
  return dense ?? whole
})

/** Runs batches of rows with a session, through tensors that are made once a size. */
const makeModel = (session: Ort.InferenceSession, newMemory: () => RowMemory): SileroModel => {
  let memory = newMemory()
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
              memory = newMemory()
            })
          )
        )
      })
  }
}

const createSession = (ort: typeof Ort, bytes: Uint8Array, failure: Failure) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => ort.InferenceSession.create(bytes, sessionOptions),
      catch: (cause) => failure("Unsuitable", `is not a usable ONNX model (${words(cause)})`, cause)
    }),
    (session) => Effect.promise(() => session.release())
  )

/** The model as its file has it. */
const makeWhole = Effect.fnUntraced(function* (ort: typeof Ort, bytes: Uint8Array, failure: Failure) {
  const session = yield* createSession(ort, bytes, failure)
  yield* checkTensors(session, failure)
  const model = makeModel(session, () => wholeMemory(ort))
  yield* tryOut(model, failure)
  return model
})

/** The same written anew, which is faster; undefined if it is not of the kind that can be, or does not come out the same. */
const makeDense = Effect.fnUntraced(function* (
  ort: typeof Ort,
  bytes: Uint8Array,
  whole: SileroModel,
  failure: Failure
): Effect.fn.Return<SileroModel | undefined, ModelError | VoiceActivityError, Scope.Scope> {
  const dense = yield* Effect.try({
    try: () => denseModel(bytes),
    catch: () => failure("Unsuitable", "cannot be read")
  })
  if (dense === undefined) return undefined
  const model = makeModel(yield* createSession(ort, dense, failure), () => denseMemory(ort))
  return (yield* isSame(whole, model)) ? model : undefined
})

/** Windows that both forms of a model are shown, and how far their answers may differ: single precision, summed in another order. */
const TRIALS = 12
const TOLERANCE = 1e-4

const isNear = (value: number, other: number): boolean =>
  Math.abs(value - other) < TOLERANCE * Math.max(1, Math.abs(value))

/** Whether two models hear the same in a sound that becomes louder and richer: score, and state, window by window. */
const isSame = Effect.fnUntraced(function* (one: SileroModel, other: SileroModel) {
  const [a, b] = [emptyRow(), emptyRow()]
  for (let trial = 0; trial < TRIALS; trial++) {
    for (const { input } of [a, b]) {
      for (let n = 0; n < INPUT_SAMPLES; n++) {
        const t = trial * WINDOW_SAMPLES + n
        input[n] =
          (trial / TRIALS) * (0.3 * Math.sin(t * 0.1) + 0.2 * Math.sin(t * 0.53) + 0.1 * Math.sin(t * t * 0.01))
      }
    }
    yield* Effect.all([one.run([a]), other.run([b])])
    if (!isNear(a.probability, b.probability)) return false
    if (!a.next.every((value, n) => isNear(value, b.next[n] ?? Number.NaN))) return false
    for (const row of [a, b]) {
      const { next, state } = row
      row.state = next
      row.next = state
    }
  }
  return true
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
