import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { readConstants, writeModel } from "../../src/layers/OnnxFile.ts"
import { shippedModel } from "../../src/layers/SileroModel.ts"

const weights = Float32Array.of(1, -2.5, Math.PI, 1e-30, 0, Infinity)

/** Multiplies rows of two by a matrix, and takes apart what comes out, from the end of the dimensions. */
const small = writeModel({
  inputs: { rows: ["N", 2] },
  outputs: { left: ["N", 1], right: ["N", 2] },
  constants: {
    "gewicht.ü": { dims: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) },
    unused: { dims: [6], values: weights },
    sizes: { dims: [2], values: BigInt64Array.of(1n, 2n) }
  },
  nodes: [
    { op: "MatMul", inputs: ["rows", "gewicht.ü"], outputs: ["product"] },
    { op: "Split", inputs: ["product", "sizes"], outputs: ["left", "right"], attributes: { axis: -1 } }
  ]
})

const bytes = (number: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array =>
  new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(Buffer.concat(parts)).finish()

const text = (number: number, value: string): Uint8Array => bytes(number, Buffer.from(value))

const tensor = (name: string, raw: Uint8Array, type = 1): Uint8Array =>
  Buffer.concat([
    new BinaryWriter().tag(2, WireType.Varint).int32(type).finish(),
    ...(name === "" ? [] : [text(8, name)]),
    bytes(9, raw)
  ])

const raw = (...values: ReadonlyArray<number>): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)

/** A node of the kind `op` whose attribute holds a tensor (5) or a graph (6). */
const node = (op: string, output: string, attribute: 5 | 6, value: Uint8Array): Uint8Array =>
  bytes(1, text(2, output), text(4, op), bytes(5, text(1, "value"), bytes(attribute, value)))

describe("writeModel", () => {
  it("writes a model that the runtime computes as it was meant", async () => {
    const session = await InferenceSession.create(small, { logSeverityLevel: 4 })
    const { left, right } = await session.run({ rows: new Tensor("float32", Float32Array.of(1, 0, 10, 1), [2, 2]) })
    await session.release()
    assert.deepStrictEqual([left?.dims, left?.data], [[2, 1], Float32Array.of(1, 14)])
    assert.deepStrictEqual([right?.dims, right?.data], [[2, 2], Float32Array.of(2, 3, 25, 36)])
  })
})

describe("readConstants", () => {
  it("gives the floats that were written, and no whole numbers", () => {
    assert.deepStrictEqual(
      [...readConstants(small)],
      [
        ["gewicht.ü", Float32Array.of(1, 2, 3, 4, 5, 6)],
        ["unused", weights]
      ]
    )
  })

  it("finds constants that are nodes, by what they are called outside, and those within branches", () => {
    const inner = Buffer.concat([bytes(5, tensor("inner", raw(1))), node("Constant", "named", 5, tensor("", raw(2)))])
    const graph = Buffer.concat([
      node("If", "chosen", 6, inner),
      node("Pad", "padded", 5, tensor("", raw(3))),
      bytes(5, tensor("doubles", raw(4, 5), 11)),
      bytes(5, tensor("outer", raw(6)))
    ])
    assert.deepStrictEqual(
      new Map(readConstants(bytes(7, graph))),
      new Map([
        ["inner", Float32Array.of(1)],
        ["named", Float32Array.of(2)],
        ["outer", Float32Array.of(6)]
      ])
    )
  })

  it("passes over fields it does not know, of every kind", () => {
    const file = new BinaryWriter()
    file.tag(1000, WireType.Varint).uint64(2n ** 64n - 1n)
    file.tag(1001, WireType.Bit64).double(1)
    file.tag(1002, WireType.Bit32).float(1)
    file.tag(1003, WireType.LengthDelimited).string("word")
    file.tag(1004, WireType.StartGroup).tag(1, WireType.Varint).int32(1).tag(1004, WireType.EndGroup)
    file.tag(7, WireType.Varint).int32(5)
    file.raw(bytes(7, bytes(5, tensor("weight", raw(1)))))
    assert.deepStrictEqual([...readConstants(file.finish())], [["weight", Float32Array.of(1)]])
  })

  /** Where a file may end and still be one: format, producer, graph, operators are fields of their own, in this order. */
  const ends = new Set([0, 2, 10, small.length - 4])

  it("refuses a file that ends elsewhere than between the fields of the model", () => {
    for (let length = 0; length < small.length; length++) {
      const read = () => readConstants(small.subarray(0, length))
      if (ends.has(length)) read()
      else assert.throws(read, RangeError, "The bytes are no ONNX file, or not all of one", `${length} bytes`)
    }
  })

  it("refuses the shipped model at any shorter length", () => {
    const shipped = readFileSync(shippedModel.path)
    assert.isAbove(readConstants(shipped).size, 20)
    for (let length = 1000; length < shipped.length; length += 997) {
      assert.throws(() => readConstants(shipped.subarray(0, length)), RangeError, /no ONNX file/, `${length} bytes`)
    }
  })

  it.each([
    ["a page of the web", Buffer.from("<!doctype html><html>Not found</html>")],
    ["a sound", Buffer.from("RIFF\x24\0\0\0WAVEfmt ")],
    ["zeros", new Uint8Array(64)],
    ["a number without an end", new Uint8Array(64).fill(0xff)],
    ["a graph of 4 GB", Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f)],
    ["a constant larger than its graph", bytes(7, Uint8Array.of(0x2a, 0x7f, 0x10, 0x01))],
    ["a group without an end", Uint8Array.of(0x3b, 0x08, 0x01)],
    ["groups in groups", new Uint8Array(100_000).fill(0x3b)],
    ["a kind of field that there is not", Uint8Array.of(0x3e, 0x01)],
    ["floats of three bytes", bytes(7, bytes(5, tensor("weight", Uint8Array.of(1, 2, 3))))]
  ])("refuses %s", (_, file) => {
    assert.throws(() => readConstants(file), RangeError, "The bytes are no ONNX file, or not all of one")
  })

  /** Reads what may be anything: it is refused, or the constants that come of it are no more than went in. */
  const readAnything = (file: Uint8Array): void => {
    try {
      const sizes = [...readConstants(file).values()].map((values) => values.byteLength)
      assert.isAtMost(
        sizes.reduce((sum, size) => sum + size, 0),
        file.length
      )
    } catch (error) {
      assert.instanceOf(error, RangeError)
    }
  }

  it("comes to an end with every byte of a file altered in every bit", () => {
    for (let at = 0; at < small.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const altered = Uint8Array.from(small)
        altered[at]! ^= 1 << bit
        readAnything(altered)
      }
    }
  })

  const Bytes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
  const often = { arbitrary: { runs: 1000, size: 200 } }

  it.prop(
    "comes to an end with any bytes, as a file and as a graph",
    [Bytes],
    ([values]) => {
      const file = Uint8Array.from(values)
      readAnything(file)
      readAnything(bytes(7, file))
    },
    often
  )
})
