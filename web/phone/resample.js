/** Samples at one rate in, the same sound at another out, low-passed so that nothing is mirrored; one sample at a time. */

/** Kaiser window parameter for a stop band 70 dB down. */
const BETA = 6.76

/** Half the filter's length in samples of the slower rate: at 8 kHz it lets through 3.4 kHz and stops 4.6 kHz. */
const HALF_LENGTH = 14.4

/**
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
const greatestCommonDivisor = (a, b) => (b === 0 ? a : greatestCommonDivisor(b, a % b))

/**
 * Modified Bessel function of the first kind, order 0.
 *
 * @param {number} x
 */
const besselI0 = (x) => {
  let sum = 1
  let term = 1
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

/** @param {number} x */
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

/**
 * A running rate conversion for one signal. What goes in comes out with a delay of half the filter's length.
 *
 * After each {@link Resampler.push}, everything that is {@link Resampler.ready} has to be taken.
 */
export class Resampler {
  /** Output samples for every `#decimation` input samples, in lowest terms. */
  #phases
  #decimation
  #half
  /** @type {ReadonlyArray<Float32Array>} */
  #filters
  /** The last input samples, twice one after the other, so that they are always to be had in one piece. */
  #line
  #at = 0
  #in = 0
  /** Position of the next output sample: a whole number of input samples, and so many phases. */
  #due = 0
  #phase = 0

  /**
   * @param {number} fromRate
   * @param {number} toRate
   */
  constructor(fromRate, toRate) {
    const divisor = greatestCommonDivisor(fromRate, toRate)
    this.#phases = toRate / divisor
    this.#decimation = fromRate / divisor
    const cutoff = Math.min(1, toRate / fromRate)
    const half = Math.ceil(HALF_LENGTH / cutoff)
    this.#half = half
    this.#line = new Float32Array(4 * half)
    this.#filters = Array.from({ length: this.#phases }, (_, phase) => {
      const filter = Float32Array.from({ length: 2 * half }, (_, i) => {
        const x = i + 1 - half - phase / this.#phases
        const edge = Math.max(0, 1 - (x / half) ** 2)
        return sinc(x * cutoff) * (besselI0(BETA * Math.sqrt(edge)) / besselI0(BETA))
      })
      // Each phase lets a constant through unchanged.
      const sum = filter.reduce((sum, coefficient) => sum + coefficient, 0)
      return filter.map((coefficient) => coefficient / sum)
    })
  }

  /**
   * Takes the next input sample.
   *
   * @param {number} sample
   */
  push(sample) {
    const length = 2 * this.#half
    this.#line[this.#at] = sample
    this.#line[this.#at + length] = sample
    this.#at = (this.#at + 1) % length
    this.#in++
  }

  /** Whether the input so far is enough for another output sample. */
  get ready() {
    return this.#due + this.#half < this.#in
  }

  /** The next output sample; only when {@link Resampler.ready}. */
  take() {
    const filter = this.#filters[this.#phase]
    let sum = 0
    for (let i = 0; i < filter.length; i++) sum += filter[i] * this.#line[this.#at + i]
    this.#phase += this.#decimation
    while (this.#phase >= this.#phases) {
      this.#phase -= this.#phases
      this.#due++
    }
    return sum
  }
}
