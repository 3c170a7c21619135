/**
 * The Silero voice model written anew for batches: its weights in, a graph of plain matrix products out that gives the
 * same scores at 8 kHz. Owns no session.
 *
 * The shipped graph serves two rates and any length of audio: it branches, and convolves each row by itself, so that a
 * batch saves little. At one rate a window has one length, and every convolution over it is one product of the whole
 * batch with a constant matrix: about 12 µs a window where the shipped graph takes 40 (`node bench/vad.ts`).
 */
import { type OnnxNode, readConstants, writeModel } from "./OnnxFile.ts"

/** Samples that the model looks at together. */
export const FRAME_SAMPLES = 128

/** Samples from one such look to the next. */
export const HOP_SAMPLES = 64

/** Looks at a window, the last one of which reaches beyond it: there the window is mirrored. */
export const FRAMES = 4

const BINS = 65
const KERNEL = 3
const HIDDEN = 128

/** Channels of the encoder's four convolutions. */
const CHANNELS = [128, 64, 64, 128] as const

/** Names of the weights for 8 kHz, and how many numbers each has. */
const weights = {
  "stft.forward_basis_buffer": 2 * BINS * FRAME_SAMPLES,
  "encoder.0.reparam_conv.weight": CHANNELS[0] * BINS * KERNEL,
  "encoder.0.reparam_conv.bias": CHANNELS[0],
  "encoder.1.reparam_conv.weight": CHANNELS[1] * CHANNELS[0] * KERNEL,
  "encoder.1.reparam_conv.bias": CHANNELS[1],
  "encoder.2.reparam_conv.weight": CHANNELS[2] * CHANNELS[1] * KERNEL,
  "encoder.2.reparam_conv.bias": CHANNELS[2],
  "encoder.3.reparam_conv.weight": CHANNELS[3] * CHANNELS[2] * KERNEL,
  "encoder.3.reparam_conv.bias": CHANNELS[3],
  "decoder.rnn.weight_ih": 4 * HIDDEN * CHANNELS[3],
  "decoder.rnn.weight_hh": 4 * HIDDEN * HIDDEN,
  "decoder.rnn.bias_ih": 4 * HIDDEN,
  "decoder.rnn.bias_hh": 4 * HIDDEN,
  "decoder.decoder.2.weight": HIDDEN,
  "decoder.decoder.2.bias": 1
} as const

type Weights = Readonly<Record<keyof typeof weights, Float32Array>>

/** The weights for 8 kHz in a model file; undefined if they are not all there, or twice. */
const findWeights = (model: Uint8Array): Weights | undefined => {
  const constants = [...readConstants(model)]
  const found = Object.entries(weights).map(([name, length]) => {
    const fitting = constants.filter(([full, values]) => full.endsWith(name) && values.length === length)
    // Both rates have weights of these names; the transforms differ in length, and a name tells which branch it is of.
    return { name, fitting }
  })
  const [first] = found
  const branch = first?.fitting.length === 1 ? first.fitting[0]?.[0].slice(0, -first.name.length) : undefined
  if (branch === undefined) return undefined
  const entries = found.map(
    ({ fitting, name }) => [name, fitting.find(([full]) => full === branch + name)?.[1]] as const
  )
  return entries.every(([, values]) => values !== undefined) ? (Object.fromEntries(entries) as Weights) : undefined
}

/** A matrix of `rows` by `columns`, element by element. */
const matrix = (rows: number, columns: number, element: (row: number, column: number) => number) => {
  const values = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) values[row * columns + column] = element(row, column)
  }
  return { dims: [rows, columns], values }
}

const vector = (values: Float32Array) => ({ dims: [values.length], values })

/** A kernel of three over `from` steps of `channels`, with zeros around, as one matrix to `to` steps of `outputs`. */
const convolution = (
  kernel: Float32Array,
  bias: Float32Array,
  { channels, from, outputs, stride, to }: Readonly<Record<"channels" | "from" | "outputs" | "stride" | "to", number>>
) => ({
  weight: matrix(from * channels, to * outputs, (row, column) => {
    const tap = Math.floor(row / channels) - stride * Math.floor(column / outputs) + 1
    return tap < 0 || tap >= KERNEL
      ? 0
      : (kernel[((column % outputs) * channels + (row % channels)) * KERNEL + tap] ?? 0)
  }),
  bias: vector(Float32Array.from({ length: to * outputs }, (_, column) => bias[column % outputs] ?? 0))
})

const node = (op: string, inputs: ReadonlyArray<string>, ...outputs: ReadonlyArray<string>): OnnxNode => ({
  op,
  inputs,
  outputs
})

const transposed = (values: Float32Array, rows: number, columns: number) =>
  matrix(columns, rows, (row, column) => values[column * columns + row] ?? 0)

/**
 * The same model as a graph for batches of 8 kHz windows; undefined if the file is not of the kind it was made from.
 *
 * Takes `frames`, {@link FRAMES} times {@link FRAME_SAMPLES} a row (see {@link writeFrames}), and the two halves of the
 * state, `h` and `c`; gives `output`, `hn` and `cn`.
 *
 * @throws RangeError if the bytes are no model file
 */
export const denseModel = (model: Uint8Array): Uint8Array | undefined => {
  const found = findWeights(model)
  if (found === undefined) return undefined
  const basis = found["stft.forward_basis_buffer"]
  const part = (half: number) =>
    matrix(FRAME_SAMPLES, BINS, (sample, bin) => basis[(half * BINS + bin) * FRAME_SAMPLES + sample] ?? 0)
  const layers = [
    { channels: BINS, from: FRAMES, outputs: CHANNELS[0], to: FRAMES, stride: 1 },
    { channels: CHANNELS[0], from: FRAMES, outputs: CHANNELS[1], to: 2, stride: 2 },
    { channels: CHANNELS[1], from: 2, outputs: CHANNELS[2], to: 1, stride: 2 },
    { channels: CHANNELS[2], from: 1, outputs: CHANNELS[3], to: 1, stride: 1 }
  ].map((shape, n) => {
    const name = `encoder.${n as 0 | 1 | 2 | 3}.reparam_conv` as const
    return convolution(found[`${name}.weight`], found[`${name}.bias`], shape)
  })
  const gateBias = found["decoder.rnn.bias_ih"].map((value, n) => value + (found["decoder.rnn.bias_hh"][n] ?? 0))

  return writeModel({
    inputs: { frames: ["M", FRAME_SAMPLES], h: ["B", HIDDEN], c: ["B", HIDDEN] },
    outputs: { output: ["B", 1], hn: ["B", HIDDEN], cn: ["B", HIDDEN] },
    constants: {
      cosines: part(0),
      sines: part(1),
      perRow: { dims: [2], values: BigInt64Array.of(-1n, BigInt(FRAMES * BINS)) },
      ...Object.fromEntries(
        layers.flatMap(({ bias, weight }, n) => [
          [`weight${n}`, weight],
          [`bias${n}`, bias]
        ])
      ),
      gatesOfInput: transposed(found["decoder.rnn.weight_ih"], 4 * HIDDEN, CHANNELS[3]),
      gatesOfState: transposed(found["decoder.rnn.weight_hh"], 4 * HIDDEN, HIDDEN),
      gateBias: vector(gateBias),
      decision: { dims: [HIDDEN, 1], values: found["decoder.decoder.2.weight"] },
      decisionBias: vector(found["decoder.decoder.2.bias"])
    },
    nodes: [
      // The spectrum's magnitude.
      node("MatMul", ["frames", "cosines"], "real"),
      node("MatMul", ["frames", "sines"], "imaginary"),
      node("Mul", ["real", "real"], "real2"),
      node("Mul", ["imaginary", "imaginary"], "imaginary2"),
      node("Add", ["real2", "imaginary2"], "power"),
      node("Sqrt", ["power"], "magnitude"),
      node("Reshape", ["magnitude", "perRow"], "relu"),
      // The encoder.
      ...layers.flatMap((_, n) => [
        node("Gemm", [n === 0 ? "relu" : `relu${n - 1}`, `weight${n}`, `bias${n}`], `sum${n}`),
        node("Relu", [`sum${n}`], `relu${n}`)
      ]),
      // A step of the LSTM. Its gates, in this order: what comes in, what is kept, what could come in, what goes out.
      node("Gemm", [`relu${layers.length - 1}`, "gatesOfInput", "gateBias"], "gatesBefore"),
      node("Gemm", ["h", "gatesOfState", "gatesBefore"], "gates"),
      { ...node("Split", ["gates"], "in", "keep", "new", "out"), attributes: { axis: 1 } },
      node("Sigmoid", ["in"], "inGate"),
      node("Sigmoid", ["keep"], "keepGate"),
      node("Tanh", ["new"], "newCell"),
      node("Sigmoid", ["out"], "outGate"),
      node("Mul", ["keepGate", "c"], "kept"),
      node("Mul", ["inGate", "newCell"], "added"),
      node("Add", ["kept", "added"], "cn"),
      node("Tanh", ["cn"], "cell"),
      node("Mul", ["outGate", "cell"], "hn"),
      // The decision.
      node("Relu", ["hn"], "hidden"),
      node("Gemm", ["hidden", "decision", "decisionBias"], "logit"),
      node("Sigmoid", ["logit"], "output")
    ]
  })
}

/** Writes a row's input as the frames the graph takes, from position `at` on: each {@link HOP_SAMPLES} after the last. */
export const writeFrames = (input: Float32Array, frames: Float32Array, at: number): void => {
  const last = (FRAMES - 1) * HOP_SAMPLES
  for (let frame = 0; frame < FRAMES - 1; frame++) {
    const from = frame * HOP_SAMPLES
    frames.set(input.subarray(from, from + FRAME_SAMPLES), at + frame * FRAME_SAMPLES)
  }
  const start = at + (FRAMES - 1) * FRAME_SAMPLES
  frames.set(input.subarray(last), start)
  // Beyond its end the window is mirrored at its last sample.
  const there = input.length - last
  for (let n = there; n < FRAME_SAMPLES; n++) frames[start + n] = input[input.length - 2 - (n - there)] ?? 0
}
