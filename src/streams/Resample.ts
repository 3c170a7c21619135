/** PCM at one sample rate in, the same sound at another out, free of aliases; owns no byte formats and no channels. */
import { Stream } from "effect"
import { designFilter, type PolyphaseFilter } from "./PolyphaseFilter.ts"
import { type Stage } from "./Stage.ts"

/**
 * A running rate conversion; mutable, for one signal at a time.
 *
 * What comes out does not depend on how the input was cut into pieces. After `n` samples and `flush`, exactly
 * ⌈n · to / from⌉ samples have come out, the first of them at the time of the first one in.
 */
export interface Resampler {
  /** Takes any number of samples and returns those that can be known so far, often none for a short piece. */
  readonly push: (samples: Int16Array) => Int16Array
  /** Ends the signal and returns what was held back; the next `push` starts a new signal. */
  readonly flush: () => Int16Array
}

/** Samples taken in at a time; longer pieces are worked off in several blocks. */
const BLOCK = 1024

const makeKernel = ({ phases, decimation, taps, convert }: PolyphaseFilter): Resampler => {
  const reach = taps / 2
  /** The input that is still needed, oldest first; silence before the first sample. */
  const line = new Float64Array(taps + BLOCK)
  /** Where the input of the next output sample begins, and where new input goes. */
  let start = 0
  let end = reach - 1
  let phase = 0

  /** How many output samples are known once the input reaches up to `until`. */
  const known = (until: number): number =>
    Math.max(0, Math.ceil(((until - start - taps + 1) * phases - phase) / decimation))

  const push = (samples: Int16Array): Int16Array => {
    const output = new Int16Array(known(end + samples.length))
    let written = 0
    for (let from = 0; from < samples.length; from += BLOCK) {
      const to = Math.min(samples.length, from + BLOCK)
      line.copyWithin(0, start, end)
      end -= start
      start = 0
      for (let i = from; i < to; i++) line[end++] = samples[i]!
      const count = known(end)
      convert(line, start, phase, output, written, count)
      written += count
      const next = phase + count * decimation
      start += Math.floor(next / phases)
      phase = next % phases
    }
    return output
  }

  const flush = (): Int16Array => {
    const output = push(new Int16Array(reach))
    line.fill(0)
    start = 0
    end = reach - 1
    phase = 0
    return output
  }

  return { push, flush }
}

/** Same rate in and out: the pieces themselves, not copies. */
const passThrough: Resampler = { push: (samples) => samples, flush: () => new Int16Array(0) }

const requireRate = (name: string, rate: number): void => {
  if (!Number.isSafeInteger(rate) || rate <= 0) {
    throw new RangeError(`Cannot resample: ${name} is ${rate}, expected a whole number of Hz above 0`)
  }
}

const prepare = (fromRate: number, toRate: number): (() => Resampler) => {
  requireRate("the input rate", fromRate)
  requireRate("the output rate", toRate)
  if (fromRate === toRate) return () => passThrough
  const filter = designFilter(fromRate, toRate)
  return () => makeKernel(filter)
}

/**
 * A converter from one rate to another, both in Hz, by a Kaiser-windowed sinc in exact rational steps.
 *
 * With `f` the slower of the two rates: flat within 0.1 dB up to 0.425 f (3.4 kHz at 8 kHz), at least 60 dB down from
 * 0.575 f (4.6 kHz at 8 kHz), where aliases and images would fall below 0.425 f. Gain 1 at 0 Hz; saturates. Looks ahead
 * by about 14.4 / f seconds, which is the delay it adds: 1.83 ms for 24 to 8 kHz, 2 ms for 8 to 16 kHz.
 *
 * @throws RangeError if a rate is not a whole number above 0, or their ratio would need an unreasonably large filter
 */
export const makeResampler = (fromRate: number, toRate: number): Resampler => prepare(fromRate, toRate)()

const unlessEmpty = (samples: Int16Array): ReadonlyArray<Int16Array> => (samples.length === 0 ? [] : [samples])

/**
 * Converts a stream of PCM pieces from one rate to another, both in Hz; see {@link makeResampler} for what it does to the
 * sound. The filter is computed once per stage, its state once per run.
 *
 * @throws RangeError as {@link makeResampler}, when the stage is made
 */
export const resample = (fromRate: number, toRate: number): Stage<Int16Array, Int16Array> => {
  const make = prepare(fromRate, toRate)
  return Stream.mapAccum(
    make,
    (resampler: Resampler, samples: Int16Array) => [resampler, unlessEmpty(resampler.push(samples))] as const,
    { onHalt: (resampler) => unlessEmpty(resampler.flush()) }
  )
}
