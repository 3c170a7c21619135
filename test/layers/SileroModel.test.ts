import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { InferenceSession, Tensor } from "onnxruntime-node"
import type * as Ort from "onnxruntime-node"
import { writeModel } from "../../src/layers/OnnxFile.ts"
import { denseModel } from "../../src/layers/SileroDense.ts"
import {
  denseMemory,
  emptyRow,
  MAX_ROWS,
  type ModelRow,
  type RowMemory,
  wholeMemory
} from "../../src/layers/SileroMemory.ts"
import { loadSileroModel, shippedModel } from "../../src/layers/SileroModel.ts"
import { concat, loadSpeech, pinkNoise, silence, whiteNoise } from "../support/Speech.ts"

/** A directory that goes away with the scope. */
const temporary = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "parley-model-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

/** Writes a file, and tries to load it: as the shipped model or as somebody's own. */
const loadFile = Effect.fnUntraced(function* (bytes: Uint8Array, as: "shipped" | "own") {
  const path = join(yield* temporary, "model.onnx")
  yield* Effect.promise(() => writeFile(path, bytes))
  return yield* loadSileroModel({ path, shipped: as === "shipped" ? shippedModel.shipped : undefined })
})

/** An ONNX model that copies each of its inputs, a row of any length, to an output of another name. */
const copyingModel = (copies: Readonly<Record<string, string>>): Uint8Array => {
  const rows = (names: ReadonlyArray<string>) => Object.fromEntries(names.map((name) => [name, ["N"]]))
  return writeModel({
    inputs: rows(Object.keys(copies)),
    outputs: rows(Object.values(copies)),
    constants: {},
    nodes: Object.entries(copies).map(([input, output]) => ({ op: "Identity", inputs: [input], outputs: [output] }))
  })
}

const noiseRow = (seed: number) => {
  const row = emptyRow()
  row.input.set(Array.from(whiteNoise(36, 0.5, seed), (sample) => sample / 32768))
  row.state.set(Array.from(whiteNoise(32, 0.5, -seed), (sample) => sample / 32768))
  return row
}

/** The same up to what single precision makes of another order of summing. */
const assertSameRow = (row: ModelRow, expected: ModelRow): void => {
  assert.approximately(row.probability, expected.probability, 1e-5)
  for (const [n, value] of expected.next.entries()) {
    assert.approximately(row.next[n]!, value, 1e-5 * Math.max(1, Math.abs(value)))
  }
}

describe("the Silero model", () => {
  it.effect("scores rows together as alone, in runs of any size", () =>
    Effect.gen(function* () {
      const model = yield* loadSileroModel(shippedModel)
      const alone = Array.from({ length: MAX_ROWS }, (_, i) => noiseRow(i + 1))
      for (const row of alone) yield* model.run([row])
      assert.strictEqual(new Set(alone.map((row) => row.probability)).size, MAX_ROWS)
      for (const size of [2, 3, 7, 32, MAX_ROWS]) {
        const together = Array.from({ length: size }, (_, i) => noiseRow(i + 1))
        yield* model.run(together)
        for (const [index, row] of together.entries()) assertSameRow(row, alone[index]!)
      }
    })
  )

  it.effect("written anew for batches, hears in speech and noise what the file's own graph hears", () =>
    Effect.gen(function* () {
      const bytes = yield* Effect.promise(() => readFile(shippedModel.path))
      const dense = denseModel(bytes)
      assert.isDefined(dense)
      const [whole, anew] = yield* Effect.acquireRelease(
        Effect.promise(() => Promise.all([InferenceSession.create(bytes), InferenceSession.create(dense!)])),
        (sessions) => Effect.promise(() => Promise.all(sessions.map((session) => session.release())))
      )
      const speech = concat(loadSpeech("question"), silence(300), pinkNoise(500, 0.1), loadSpeech("stop"))
      const starts = [0, 3001, 7777]
      const rows = starts.map(() => [emptyRow(), emptyRow()] as const)
      const run = (session: InferenceSession, memory: RowMemory, rows: ReadonlyArray<ModelRow>) =>
        Effect.gen(function* () {
          memory.gather(rows)
          const { feeds, fetches } = memory.tensors(rows.length)
          yield* Effect.promise(() => session.run(feeds, fetches))
          memory.scatter(rows)
        })
      const memories = [wholeMemory({ Tensor } as typeof Ort), denseMemory({ Tensor } as typeof Ort)] as const
      let loudest = 0
      for (let window = 0; window * 256 + 8100 < speech.length; window++) {
        for (const [index, pair] of rows.entries()) {
          for (const { input } of pair) {
            input.copyWithin(0, 256)
            for (let n = 0; n < 256; n++) input[32 + n] = speech[starts[index]! + window * 256 + n]! / 32768
          }
        }
        yield* run(
          whole,
          memories[0],
          rows.map(([row]) => row)
        )
        yield* run(
          anew,
          memories[1],
          rows.map(([, row]) => row)
        )
        for (const pair of rows) {
          assertSameRow(pair[1], pair[0])
          loudest = Math.max(loudest, pair[0].probability)
          for (const row of pair) {
            const { next, state } = row
            row.state = next
            row.next = state
          }
        }
      }
      assert.isAbove(loudest, 0.9)
    })
  )

  it("is not written anew from a file that does not have its weights", () => {
    assert.isUndefined(denseModel(copyingModel({ input: "output" })))
    assert.throws(() => denseModel(Buffer.from("<html>Not found</html>")), RangeError)
  })

  it.effect("is loaded from another path, and released with its scope", () =>
    Effect.gen(function* () {
      const path = join(yield* temporary, "own.onnx")
      yield* Effect.promise(() => copyFile(shippedModel.path, path))
      const scope = yield* Scope.make()
      const model = yield* Scope.provide(loadSileroModel({ path, shipped: undefined }), scope)
      yield* model.run([noiseRow(1)])
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.flip(model.run([noiseRow(1), noiseRow(2)]))
      assert.strictEqual(error.message, "The voice model failed on a batch of 2")
    })
  )

  it.effect("says that the shipped file is missing, and how to get it back", () =>
    Effect.gen(function* () {
      const path = join(yield* temporary, "silero_vad.onnx")
      const error = yield* Effect.flip(loadSileroModel({ ...shippedModel, path }))
      assert.strictEqual(error.reason, "Missing")
      assert.strictEqual(
        error.message,
        `The voice model ${path} does not exist. Restore it with "git checkout models/", reinstall the package, or set VAD_MODEL_PATH to a model of your own.`
      )
    })
  )

  it.effect("says that VAD_MODEL_PATH names no file, or nothing that can be read", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const missing = yield* Effect.flip(loadSileroModel({ path: join(directory, "none.onnx"), shipped: undefined }))
      assert.strictEqual(missing.reason, "Missing")
      assert.include(missing.message, `${directory}/none.onnx does not exist. It was named by VAD_MODEL_PATH`)
      const unreadable = yield* Effect.flip(loadSileroModel({ path: directory, shipped: undefined }))
      assert.strictEqual(unreadable.reason, "Unreadable")
      assert.include(unreadable.message, `${directory} cannot be read (EISDIR`)
    })
  )

  it.effect("says that the shipped file was cut short or altered", () =>
    Effect.gen(function* () {
      const bytes = yield* Effect.promise(() => readFile(shippedModel.path))
      const short = yield* Effect.flip(loadFile(bytes.subarray(0, 1000), "shipped"))
      assert.strictEqual(short.reason, "Damaged")
      assert.match(
        short.message,
        /is damaged: it has 1000 bytes and sha256 [0-9a-f]{64}, expected 2327524 and 2623a295/
      )
      assert.include(short.message, "git checkout models/")
      bytes[1_000_000]! ^= 1
      const altered = yield* Effect.flip(loadFile(bytes, "shipped"))
      assert.strictEqual(altered.reason, "Damaged")
    })
  )

  it.effect("says why a file of one's own is no model, or not one for this", () =>
    Effect.gen(function* () {
      const text = yield* Effect.flip(loadFile(Buffer.from("<html>Not found</html>"), "own"))
      assert.strictEqual(text.reason, "Unsuitable")
      assert.include(text.message, "is not a usable ONNX model (Failed to load model because protobuf parsing failed.)")

      const other = yield* Effect.flip(loadFile(copyingModel({ input: "output", h: "hn", c: "cn" }), "own"))
      assert.strictEqual(other.reason, "Unsuitable")
      assert.include(
        other.message,
        "it takes input, h, c and gives output, hn, cn, expected input, state, sr and output, stateN"
      )

      const lookalike = copyingModel({ input: "output", state: "stateN", sr: "rate" })
      const refusing = yield* Effect.flip(loadFile(lookalike, "own"))
      assert.strictEqual(refusing.reason, "Unsuitable")
      assert.include(refusing.message, "does not accept a window (input [1, 288], state [2, 1, 128])")
      assert.include(refusing.message, "VAD_MODEL_PATH")
    })
  )
})
