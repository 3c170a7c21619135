/**
 * ONNX model files: the constants of one out, and small ones of a few plain nodes in. Just the fields of the format that
 * this takes; knows no model. Source: github.com/onnx/onnx, onnx/onnx.proto.
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire"

/** A value of 32-bit floats or 64-bit integers, row by row. */
export interface OnnxTensor {
  readonly dims: ReadonlyArray<number>
  readonly values: Float32Array | BigInt64Array
}

/** One operation of a graph. */
export interface OnnxNode {
  readonly op: string
  readonly inputs: ReadonlyArray<string>
  readonly outputs: ReadonlyArray<string>
  /** Whole numbers by name. */
  readonly attributes?: Readonly<Record<string, number>>
}

/** A model without control flow. Inputs and outputs are float32; a dimension with a name may have any length. */
export interface OnnxModel {
  readonly inputs: Readonly<Record<string, ReadonlyArray<number | string>>>
  readonly outputs: Readonly<Record<string, ReadonlyArray<number | string>>>
  readonly constants: Readonly<Record<string, OnnxTensor>>
  readonly nodes: ReadonlyArray<OnnxNode>
}

/** Version of the operators that nodes are taken from, and of the format. */
const OPSET = 13
const IR_VERSION = 8

/** Numbers of fields (and of enumeration members) in onnx.proto. */
const field = {
  model: { irVersion: 1, producer: 2, graph: 7, opsets: 8 },
  opset: { version: 2 },
  graph: { nodes: 1, name: 2, initializers: 5, inputs: 11, outputs: 12 },
  node: { inputs: 1, outputs: 2, op: 4, attributes: 5 },
  attribute: { name: 1, int: 3, tensor: 5, graph: 6, type: 20 },
  tensor: { dims: 1, type: 2, name: 8, raw: 9 },
  value: { name: 1, type: 2 },
  type: { tensor: 1 },
  tensorType: { elements: 1, shape: 2 },
  shape: { dims: 1 },
  dimension: { length: 1, name: 2 }
} as const
const FLOAT = 1
const INT64 = 7
const INT_ATTRIBUTE = 2

// ---------------------------------------------------------------------------------------------------------------
// reading
// ---------------------------------------------------------------------------------------------------------------

/** The values of a field of a message: numbers, or bytes that hold text, numbers or another message. */
const valuesIn = (message: Uint8Array, wanted: number): ReadonlyArray<number | Uint8Array> => {
  const reader = new BinaryReader(message)
  const values: Array<number | Uint8Array> = []
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    if (number === wanted && type === WireType.Varint) values.push(Number(reader.uint64()))
    else if (number === wanted && type === WireType.LengthDelimited) values.push(reader.bytes())
    else reader.skip(type, number)
  }
  return values
}

const bytesIn = (message: Uint8Array, wanted: number): ReadonlyArray<Uint8Array> =>
  valuesIn(message, wanted).filter((value) => typeof value !== "number")

const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("utf8")

/** The floats of a tensor that keeps them as raw bytes; none for other tensors. */
const floatsOf = (tensor: Uint8Array): Float32Array | undefined => {
  const [raw] = bytesIn(tensor, field.tensor.raw)
  const isFloat = valuesIn(tensor, field.tensor.type).includes(FLOAT)
  return raw === undefined || !isFloat ? undefined : new Float32Array(Uint8Array.from(raw).buffer)
}

const collect = (graph: Uint8Array, found: Map<string, Float32Array>): void => {
  for (const tensor of bytesIn(graph, field.graph.initializers)) {
    const floats = floatsOf(tensor)
    if (floats !== undefined) found.set(textOf(bytesIn(tensor, field.tensor.name)[0]), floats)
  }
  for (const node of bytesIn(graph, field.graph.nodes)) {
    const isConstant = textOf(bytesIn(node, field.node.op)[0]) === "Constant"
    for (const attribute of bytesIn(node, field.node.attributes)) {
      for (const inner of bytesIn(attribute, field.attribute.graph)) collect(inner, found)
      const [tensor] = bytesIn(attribute, field.attribute.tensor)
      const floats = isConstant && tensor !== undefined ? floatsOf(tensor) : undefined
      if (floats !== undefined) found.set(textOf(bytesIn(node, field.node.outputs)[0]), floats)
    }
  }
}

/**
 * All float constants of a model by their names, those within branches too.
 *
 * @throws RangeError if the bytes are not a message of that format, or not all of one
 */
export const readConstants = (model: Uint8Array): ReadonlyMap<string, Float32Array> => {
  const found = new Map<string, Float32Array>()
  try {
    for (const graph of bytesIn(model, field.model.graph)) collect(graph, found)
  } catch (cause) {
    throw new RangeError("The bytes are no ONNX file, or not all of one", { cause })
  }
  return found
}

// ---------------------------------------------------------------------------------------------------------------
// writing
// ---------------------------------------------------------------------------------------------------------------

const int = (number: number, value: number): Uint8Array =>
  new BinaryWriter().tag(number, WireType.Varint).int64(value).finish()

const text = (number: number, value: string): Uint8Array =>
  new BinaryWriter().tag(number, WireType.LengthDelimited).string(value).finish()

const bytes = (number: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array =>
  new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(Buffer.concat(parts)).finish()

const writeNode = ({ attributes = {}, inputs, op, outputs }: OnnxNode): Uint8Array =>
  bytes(
    field.graph.nodes,
    ...inputs.map((name) => text(field.node.inputs, name)),
    ...outputs.map((name) => text(field.node.outputs, name)),
    text(field.node.op, op),
    ...Object.entries(attributes).map(([name, value]) =>
      bytes(
        field.node.attributes,
        text(field.attribute.name, name),
        int(field.attribute.int, value),
        int(field.attribute.type, INT_ATTRIBUTE)
      )
    )
  )

const writeConstant = (name: string, { dims, values }: OnnxTensor): Uint8Array =>
  bytes(
    field.graph.initializers,
    ...dims.map((length) => int(field.tensor.dims, length)),
    int(field.tensor.type, values instanceof Float32Array ? FLOAT : INT64),
    text(field.tensor.name, name),
    bytes(field.tensor.raw, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  )

const writeValue = (number: number, name: string, dims: ReadonlyArray<number | string>): Uint8Array => {
  const shape = dims.map((length) =>
    bytes(
      field.shape.dims,
      typeof length === "number" ? int(field.dimension.length, length) : text(field.dimension.name, length)
    )
  )
  const tensor = [int(field.tensorType.elements, FLOAT), bytes(field.tensorType.shape, ...shape)]
  return bytes(number, text(field.value.name, name), bytes(field.value.type, bytes(field.type.tensor, ...tensor)))
}

/** The file of a model. */
export const writeModel = (model: OnnxModel): Uint8Array =>
  Buffer.concat([
    int(field.model.irVersion, IR_VERSION),
    text(field.model.producer, "parley"),
    bytes(
      field.model.graph,
      ...model.nodes.map(writeNode),
      text(field.graph.name, "graph"),
      ...Object.entries(model.constants).map(([name, tensor]) => writeConstant(name, tensor)),
      ...Object.entries(model.inputs).map(([name, dims]) => writeValue(field.graph.inputs, name, dims)),
      ...Object.entries(model.outputs).map(([name, dims]) => writeValue(field.graph.outputs, name, dims))
    ),
    bytes(field.model.opsets, int(field.opset.version, OPSET))
  ])
