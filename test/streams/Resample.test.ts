import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema, Stream } from "effect"
import { makeResampler, resample } from "../../src/streams/Resample.ts"

const downPairs = [
  [24_000, 8000],
  [16_000, 8000],
  [22_050, 8000],
  [44_100, 8000],
  [48_000, 8000]
] as const
const pairs = [
  ...downPairs,
  [8000, 16_000] as const,
  [16_000, 24_000] as const,
  [24_000, 16_000] as const,
  [8000, 8000] as const
]

/** Loud enough for the 16-bit rounding of both sides to lie 90 dB below. */
const AMPLITUDE = 30_000

const tone = (hertz: number, rate: number, length: number): Int16Array =>
  Int16Array.from({ length }, (_, i) => Math.round(AMPLITUDE * Math.sin((2 * Math.PI * hertz * i) / rate)))

const join = (pieces: ReadonlyArray<Int16Array>): Int16Array => Int16Array.from(pieces.flatMap((piece) => [...piece]))

const convert = (from: number, to: number, pieces: ReadonlyArray<Int16Array>): Int16Array => {
  const resampler = makeResampler(from, to)
  const converted = pieces.map(resampler.push)
  return join([...converted, resampler.flush()])
}

/** 100 ms from the middle of 200 ms: whole periods of every multiple of 10 Hz, away from both ends. */
const steadyTone = (hertz: number, from: number, to: number): Int16Array =>
  convert(from, to, [tone(hertz, from, from / 5)]).slice(to / 20, to / 20 + to / 10)

const decibels = (amplitude: number): number => 20 * Math.log10(amplitude / AMPLITUDE)

/** Amplitude of one frequency, by the discrete Fourier transform at just that frequency. */
const amplitudeAt = (samples: Int16Array, hertz: number, rate: number): number => {
  let re = 0
  let im = 0
  samples.forEach((sample, i) => {
    re += sample * Math.cos((2 * Math.PI * hertz * i) / rate)
    im += sample * Math.sin((2 * Math.PI * hertz * i) / rate)
  })
  return (2 * Math.hypot(re, im)) / samples.length
}

/** Amplitude of a sine with the energy of everything in `samples`. */
const amplitudeOfAll = (samples: Int16Array): number =>
  Math.sqrt((2 * samples.reduce((sum, sample) => sum + sample * sample, 0)) / samples.length)

const steps = (from: number, to: number, by: number): ReadonlyArray<number> =>
  Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, i) => from + i * by)

const noise = (length: number, seed: number): Int16Array => {
  let state = seed
  return Int16Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return state >> 16
  })
}

const pieceLengths = Arbitrary.array(
  Arbitrary.schema(
    Schema.Union([Schema.Literals([0, 1]), Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1500 }))])
  ),
  { maxLength: 24 }
)

describe("Resample", () => {
  it.each(pairs)("%i to %i Hz: passes 0 to 3.4 kHz", (from, to) => {
    for (const hertz of steps(50, 3400, 50)) {
      const gain = decibels(amplitudeAt(steadyTone(hertz, from, to), hertz, to))
      assert.isAtMost(Math.abs(gain), 0.1, `${hertz} Hz at ${gain} dB`)
    }
    const constant = convert(from, to, [new Int16Array(from / 5).fill(12_345)])
    assert.deepStrictEqual(constant.slice(to / 20, to / 10), new Int16Array(to / 20).fill(12_345))
  })

  it.each(downPairs)("%i to %i Hz: nothing from 4.6 kHz up comes through, at any frequency", (from, to) => {
    for (const hertz of steps(4600, from / 2 - 10, 170)) {
      const heard = decibels(amplitudeOfAll(steadyTone(hertz, from, to)))
      assert.isAtMost(heard, -60, `${hertz} Hz`)
    }
  })

  it("8000 to 16000 Hz: makes no images", () => {
    for (const hertz of steps(50, 3400, 50)) {
      const output = steadyTone(hertz, 8000, 16_000)
      const rest = Math.sqrt(amplitudeOfAll(output) ** 2 - amplitudeAt(output, hertz, 16_000) ** 2)
      assert.isAtMost(decibels(rest), -60, `${hertz} Hz`)
    }
  })

  it.each(pairs)("%i to %i Hz: the output is in time with the input", (from, to) => {
    const converted = convert(from, to, [tone(1230, from, from / 5)])
    const expected = tone(1230, to, to / 5)
    assert.strictEqual(converted.length, expected.length)
    for (let i = to / 100; i < expected.length - to / 100; i++) {
      assert.approximately(converted[i]!, expected[i]!, 0.001 * AMPLITUDE, `sample ${i}`)
    }
  })

  it.prop(
    "does not depend on how the input is cut, and loses nothing",
    { pair: Schema.Literals(pairs.map((_, index) => index)), lengths: pieceLengths, seed: Schema.Int },
    ({ pair, lengths, seed }) => {
      const [from, to] = pairs[pair]!
      const signal = noise(
        lengths.reduce((sum, length) => sum + length, 0),
        seed
      )
      let at = 0
      const pieces = lengths.map((length) => signal.slice(at, (at += length)))
      const whole = convert(from, to, [signal])
      assert.strictEqual(whole.length, Math.ceil((signal.length * to) / from))
      assert.deepStrictEqual(convert(from, to, pieces), whole)
    }
  )

  it.each([
    [24_000, 8000, 44],
    [8000, 16_000, 16]
  ] as const)("%i to %i Hz: looks ahead by %i samples", (from, to, lookAhead) => {
    const resampler = makeResampler(from, to)
    const counts = Array.from({ length: lookAhead + 1 }, () => resampler.push(Int16Array.of(1)).length)
    assert.deepStrictEqual(
      counts.map((count) => count > 0),
      [...Array.from({ length: lookAhead }, () => false), true]
    )
    assert.isBelow((lookAhead * 1000) / from, 4)
  })

  it("saturates where the filter overshoots", () => {
    const square = Int16Array.from({ length: 2400 }, (_, i) => (i % 240 < 120 ? 32_767 : -32_768))
    const output = convert(24_000, 8000, [square])
    assert.isTrue(output.includes(32_767))
    assert.isTrue(output.includes(-32_768))
    for (const [i, sample] of output.entries()) {
      if (i % 40 !== 0) assert.strictEqual(sample > 0, i % 80 < 40, `sample ${i} is ${sample}`)
    }
  })

  it("is as new after a flush", () => {
    const signal = noise(1000, 7)
    const resampler = makeResampler(44_100, 8000)
    const run = () => join([resampler.push(signal), resampler.flush()])
    assert.deepStrictEqual(run(), run())
    assert.strictEqual(resampler.flush().length, 0)
  })

  it("refuses rates it cannot work with", () => {
    for (const rate of [0, -8000, 8000.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => makeResampler(rate, 8000), RangeError, `the input rate is ${rate}, expected a whole number`)
      assert.throws(() => resample(8000, rate), RangeError, `the output rate is ${rate}, expected a whole number`)
    }
    assert.throws(() => makeResampler(4_294_967_295, 8000), RangeError, "expected rates in a simpler ratio")
  })

  it.effect("converts a stream, every run from its beginning, without empty pieces", () =>
    Effect.gen(function* () {
      const signal = noise(960, 3)
      const pieces = [signal.slice(0, 10), new Int16Array(0), signal.slice(10, 700), signal.slice(700)]
      const stream = Stream.fromIterable(pieces).pipe(resample(24_000, 8000))
      const expected = convert(24_000, 8000, [signal])
      for (const run of [yield* Stream.runCollect(stream), yield* Stream.runCollect(stream)]) {
        assert.isTrue(run.every((piece) => piece.length > 0))
        assert.deepStrictEqual(join(run), expected)
      }
      assert.deepStrictEqual(yield* Stream.fromIterable(pieces).pipe(resample(8000, 8000), Stream.runCollect), [
        pieces[0]!,
        pieces[2]!,
        pieces[3]!
      ])
    })
  )
})
