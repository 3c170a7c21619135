/** Two sample rates in, the anti-alias filter between them and its arithmetic out: a Kaiser-windowed sinc, cut into its phases. Owns no signal. */

/** Kaiser window parameter for a stop band 70 dB down. */
const KAISER_BETA = 6.76

/**
 * Half the filter's length in samples of the slower rate: with {@link KAISER_BETA} it makes a transition band of 0.15 of
 * that rate around its Nyquist frequency, which at 8 kHz is 3.4 to 4.6 kHz.
 */
const HALF_LENGTH = 14.4

/** Largest coefficient table that is built, 4 MiB: far above every pair of usual rates, below what a bogus rate asks for. */
const MAX_COEFFICIENTS = 2 ** 19

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b))

/** Modified Bessel function of the first kind, order 0, of √x, by its power series. */
const besselI0OfRoot = (x: number): number => {
  let sum = 1
  let term = 1
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= x / (4 * k * k)
    sum += term
  }
  return sum
}

/** An anti-alias filter cut into its phases; immutable. */
export interface PolyphaseFilter {
  /** Output samples for every `decimation` input samples, in lowest terms. */
  readonly phases: number
  readonly decimation: number
  /** Input samples that bear on one output sample, half of them up to its own time. */
  readonly taps: number
  readonly convert: Convert
}

/** Writes `count` output samples from `written` on; the input of the first one begins at `start`, in `phase`. */
export type Convert = (
  line: Float64Array,
  start: number,
  phase: number,
  output: Int16Array,
  written: number,
  count: number
) => void

/** Made positive first: truncation then rounds every value the same way. */
const toSample = (value: number): number =>
  value >= 32_767 ? 32_767 : value <= -32_768 ? -32_768 : ((value + 32_768.5) | 0) - 32_768

/** False for the zeros of the sinc, as far as floating point makes them zero. */
const isSignificant = (coefficient: number): boolean => Math.abs(coefficient) > 1e-12

/** One phase that is the same from both ends: pairs of inputs that share a coefficient, and the one between them, if any. */
interface FoldedRow {
  /** The input at the time of the output, or the last one before it. */
  readonly centre: number
  readonly middle: number
  readonly sides: Float64Array
  /** How far before `centre` the left one of a pair is; the right one is as far behind `centre + shift`. */
  readonly offsets: Int32Array
  readonly shift: number
}

const fold = (row: Float64Array, phase: number): FoldedRow => {
  const centre = row.length / 2 - 1
  const first = 1 - phase
  const offsets = Int32Array.from({ length: centre + phase }, (_, i) => first + i).filter((offset) =>
    isSignificant(row[centre - offset]!)
  )
  return {
    centre,
    middle: phase === 0 ? row[centre]! : 0,
    sides: Float64Array.from(offsets, (offset) => row[centre - offset]!),
    offsets,
    shift: phase
  }
}

/** Every `outputStep`th output from `written` to before `end`, the input of each `inputStep` samples after that of the one before. */
const convertRow = (
  { centre, middle, offsets, shift, sides }: FoldedRow,
  line: Float64Array,
  start: number,
  inputStep: number,
  output: Int16Array,
  written: number,
  outputStep: number,
  end: number
): void => {
  const length = sides.length
  const second = inputStep
  const third = 2 * inputStep
  const fourth = 3 * inputStep
  let at = start + centre
  let to = written
  for (; to + 3 * outputStep < end; to += 4 * outputStep, at += 4 * inputStep) {
    const mirror = at + shift
    let a = middle * line[at]!
    let b = middle * line[at + second]!
    let c = middle * line[at + third]!
    let d = middle * line[at + fourth]!
    for (let i = 0; i < length; i++) {
      const side = sides[i]!
      const left = at - offsets[i]!
      const right = mirror + offsets[i]!
      a += side * (line[left]! + line[right]!)
      b += side * (line[left + second]! + line[right + second]!)
      c += side * (line[left + third]! + line[right + third]!)
      d += side * (line[left + fourth]! + line[right + fourth]!)
    }
    output[to] = toSample(a)
    output[to + outputStep] = toSample(b)
    output[to + 2 * outputStep] = toSample(c)
    output[to + 3 * outputStep] = toSample(d)
  }
  for (; to < end; to += outputStep, at += inputStep) {
    let sum = middle * line[at]!
    for (let i = 0; i < length; i++) sum += sides[i]! * (line[at - offsets[i]!]! + line[at + shift + offsets[i]!]!)
    output[to] = toSample(sum)
  }
}

/**
 * For a rate divided by a whole number, or doubled first: one or two phases, each of them symmetric. Adding the two
 * sides first and leaving out the zeros saves two thirds of the multiplications of 24 to 8 kHz, and half of those of 8 to
 * 16. Four outputs of a phase at a time, so that no addition waits for the one before and each coefficient is read once
 * for all of them.
 */
const symmetricPhases = (coefficients: Float64Array, phases: number, decimation: number, taps: number): Convert => {
  const rows = Array.from({ length: phases }, (_, phase) =>
    fold(coefficients.subarray(phase * taps, (phase + 1) * taps), phase)
  )
  return (line, start, firstPhase, output, written, count) => {
    const end = written + count
    for (let n = 0; n < phases; n++) {
      const position = firstPhase + n * decimation
      const from = start + Math.floor(position / phases)
      convertRow(rows[position % phases]!, line, from, decimation, output, written + n, phases, end)
    }
  }
}

/**
 * For every other ratio. `taps` is a multiple of 4: four sums, so that no addition waits for the one before. Zeros at
 * both ends of a phase are left out: where the rate is multiplied, one phase is the input itself.
 */
const manyPhases = (rows: Float64Array, phases: number, decimation: number, taps: number): Convert => {
  const rowOf = (phase: number) => rows.subarray(phase * taps, (phase + 1) * taps)
  const firsts = Int32Array.from({ length: phases }, (_, phase) => rowOf(phase).findIndex(isSignificant) & ~3)
  const lasts = Int32Array.from({ length: phases }, (_, phase) => rowOf(phase).findLastIndex(isSignificant))
  return (line, start, firstPhase, output, written, count) => {
    let from = start
    let phase = firstPhase
    for (let to = written; to < written + count; to++) {
      const base = phase * taps
      const last = lasts[phase]!
      let a = 0
      let b = 0
      let c = 0
      let d = 0
      for (let i = firsts[phase]!; i <= last; i += 4) {
        a += rows[base + i]! * line[from + i]!
        b += rows[base + i + 1]! * line[from + i + 1]!
        c += rows[base + i + 2]! * line[from + i + 2]!
        d += rows[base + i + 3]! * line[from + i + 3]!
      }
      output[to] = toSample(a + b + (c + d))
      phase += decimation
      const steps = (phase / phases) | 0
      from += steps
      phase -= steps * phases
    }
  }
}

/**
 * The filter between two rates, both in Hz and whole numbers; see `makeResampler` for what it does to the sound.
 *
 * @throws RangeError if their ratio would need an unreasonably large one
 */
export const designFilter = (fromRate: number, toRate: number): PolyphaseFilter => {
  const divisor = greatestCommonDivisor(fromRate, toRate)
  const phases = toRate / divisor
  const decimation = fromRate / divisor
  const cutoff = Math.min(1, toRate / fromRate)
  // Even, which makes the taps a multiple of 4.
  const reach = 2 * Math.ceil(HALF_LENGTH / cutoff / 2)
  const taps = 2 * reach
  if (phases * taps > MAX_COEFFICIENTS) {
    throw new RangeError(
      `Cannot resample ${fromRate} Hz to ${toRate} Hz: expected rates in a simpler ratio than ${decimation}:${phases}`
    )
  }
  const coefficients = new Float64Array(phases * taps)
  for (let phase = 0; phase < phases; phase++) {
    const row = coefficients.subarray(phase * taps, (phase + 1) * taps)
    for (let tap = 0; tap < taps; tap++) {
      // From this input sample to the output sample, in input samples.
      const time = phase / phases + reach - 1 - tap
      const x = Math.PI * cutoff * time
      const sinc = x === 0 ? 1 : Math.sin(x) / x
      row[tap] = time === -reach ? 0 : sinc * besselI0OfRoot(KAISER_BETA ** 2 * (1 - (time / reach) ** 2))
    }
    const sum = row.reduce((a, b) => a + b)
    for (let tap = 0; tap < taps; tap++) row[tap]! /= sum
  }
  return {
    phases,
    decimation,
    taps,
    convert: (phases <= 2 ? symmetricPhases : manyPhases)(coefficients, phases, decimation, taps)
  }
}
