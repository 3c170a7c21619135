import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { decodeMulaw, encodeMulaw } from "../../src/streams/Mulaw.ts"
import { load } from "./load.ts"

interface Mulaw {
  readonly decode: (byte: number) => number
  readonly encode: (sample: number) => number
}

interface Resampler {
  readonly push: (sample: number) => void
  readonly ready: boolean
  readonly take: () => number
}

interface Playout {
  readonly playing: boolean
  readonly add: (bytes: Uint8Array, lost?: () => boolean) => void
  readonly mark: (name: string) => void
  readonly clear: () => void
  readonly next: () => number | undefined
}

const mulaw = await load<Mulaw>("mulaw.js")
const { Resampler } = await load<{ readonly Resampler: new (from: number, to: number) => Resampler }>("resample.js")
const { Playout } = await load<{ readonly Playout: new (onMark: (name: string) => void) => Playout }>("playout.js")

describe("mu-law on the page", () => {
  it("decodes every code as the server does", () => {
    const codes = Uint8Array.from({ length: 256 }, (_, code) => code)
    assert.deepStrictEqual(
      [...codes].map((code) => mulaw.decode(code) * 32_768),
      [...decodeMulaw(codes)]
    )
  })

  it.prop(
    "encodes samples as the server does",
    [Schema.Int.check(Schema.isBetween({ minimum: -32_768, maximum: 32_767 }))],
    ([sample]) => {
      const [expected] = encodeMulaw(Int16Array.of(sample))
      // The server's two codes for next to nothing are the same sound.
      const got = mulaw.encode(sample / 32_768)
      assert.strictEqual(mulaw.decode(got), mulaw.decode(expected ?? 0), String(sample))
    }
  )

  it("clips what is too loud", () => {
    assert.strictEqual(mulaw.encode(3), 0x80)
    assert.strictEqual(mulaw.encode(-3), 0x00)
  })
})

const resample = (from: number, to: number, samples: ReadonlyArray<number>): Array<number> => {
  const resampler = new Resampler(from, to)
  const out: Array<number> = []
  for (const sample of samples) {
    resampler.push(sample)
    while (resampler.ready) out.push(resampler.take())
  }
  return out
}

const tone = (hz: number, rate: number, seconds: number) =>
  Array.from({ length: Math.round(rate * seconds) }, (_, n) => Math.sin((2 * Math.PI * hz * n) / rate))

/** Level of the middle, where nothing begins or ends, in decibels of a full tone. */
const levelDb = (samples: ReadonlyArray<number>): number => {
  const middle = samples.slice(samples.length >> 2, samples.length - (samples.length >> 2))
  const power = middle.reduce((sum, sample) => sum + sample * sample, 0) / middle.length
  return 10 * Math.log10(2 * power + 1e-12)
}

describe("resampling on the page", () => {
  it.each([
    [48_000, 8000],
    [44_100, 8000],
    [16_000, 8000],
    [8000, 48_000],
    [8000, 44_100],
    [8000, 96_000],
    [8000, 8000]
  ])("keeps a tone as it is from %i to %i Hz, time included", (from, to) => {
    const out = resample(from, to, tone(700, from, 0.5))
    const expected = tone(700, to, 0.5)
    assert.isAtLeast(out.length, expected.length - (40 * Math.max(to, from)) / 8000)
    const from10ms = Math.round(to * 0.01)
    const errors = out.slice(from10ms).map((sample, n) => Math.abs(sample - (expected[n + from10ms] ?? 0)))
    assert.isBelow(Math.max(...errors), 0.002)
  })

  it.each([
    [48_000, 8000, 5200],
    [44_100, 8000, 5200],
    [48_000, 8000, 12_000],
    [48_000, 8000, 20_500]
  ])("from %i to %i Hz lets nothing of %i Hz come back as another tone", (from, to, hz) => {
    assert.isBelow(levelDb(resample(from, to, tone(hz, from, 0.5))), -60)
  })

  it.each([1000, 2500, 3300])("leaves no image of %i Hz above the telephone's band", (hz) => {
    const out = resample(8000, 48_000, tone(hz, 8000, 0.5))
    const expected = tone(hz, 48_000, 0.5)
    const rest = out.map((sample, n) => sample - (expected[n] ?? 0))
    assert.isBelow(levelDb(rest.slice(480)), -50)
  })
})

/** What is heard of so many samples, silence where there is nothing. */
const hear = (playout: Playout, samples: number): Array<number> =>
  Array.from({ length: samples }, () => Math.round((playout.next() ?? 0) * 32_768))

const makePlayout = () => {
  const marks: Array<string> = []
  const playout = new Playout((name) => void marks.push(name))
  return { playout, marks }
}

const sound = (length: number, level = 8000) => encodeMulaw(new Int16Array(length).fill(level))

const [LEVEL] = decodeMulaw(sound(1))

describe("the carrier's playout on the page", () => {
  it("plays what comes in order, and silence when there is nothing", () => {
    const { playout } = makePlayout()
    assert.isFalse(playout.playing)
    playout.add(encodeMulaw(Int16Array.of(1000, 2000)))
    playout.add(encodeMulaw(Int16Array.of(3000)))
    assert.isTrue(playout.playing)
    assert.deepStrictEqual(hear(playout, 4), [...decodeMulaw(encodeMulaw(Int16Array.of(1000, 2000, 3000))), 0])
    assert.isFalse(playout.playing)
  })

  it("gives back a mark when all before it was played, not earlier", () => {
    const { marks, playout } = makePlayout()
    playout.add(sound(100))
    playout.mark("a")
    playout.add(sound(50))
    playout.mark("b")
    playout.mark("c")
    hear(playout, 99)
    assert.deepStrictEqual(marks, [])
    hear(playout, 1)
    assert.deepStrictEqual(marks, ["a"])
    hear(playout, 49)
    assert.deepStrictEqual(marks, ["a"])
    hear(playout, 1)
    assert.deepStrictEqual(marks, ["a", "b", "c"])
  })

  it("gives back a mark at once when there is nothing to play", () => {
    const { marks, playout } = makePlayout()
    playout.mark("a")
    playout.add(new Uint8Array(0))
    playout.mark("b")
    assert.deepStrictEqual(marks, ["a", "b"])
  })

  it("throws away what is left and gives back all its marks when it is cleared", () => {
    const { marks, playout } = makePlayout()
    playout.add(sound(1000))
    playout.mark("a")
    playout.add(sound(1000))
    playout.mark("b")
    hear(playout, 100)
    playout.clear()
    assert.deepStrictEqual(marks, ["a", "b"])
    assert.isFalse(playout.playing)
    const rest = hear(playout, 200)
    assert.isTrue(rest.slice(40).every((sample) => sample === 0))
    // No click: it dies away within 5 ms.
    for (let n = 1; n < 40; n++) assert.isAtMost(rest[n] ?? 0, rest[n - 1] ?? 0)
    assert.isBelow(rest[0] ?? 0, LEVEL ?? 0)
  })

  it("goes on with what comes after it was cleared", () => {
    const { marks, playout } = makePlayout()
    playout.add(sound(10))
    playout.clear()
    playout.add(sound(100, -8000))
    playout.mark("a")
    const heard = hear(playout, 110)
    assert.deepStrictEqual(
      heard.slice(10),
      Array.from({ length: 100 }, () => -(LEVEL ?? 0))
    )
    assert.deepStrictEqual(marks, ["a"])
  })

  it("plays silence for frames that got lost, and no less time", () => {
    const { marks, playout } = makePlayout()
    let frames = 0
    playout.add(sound(400), () => frames++ === 1)
    playout.mark("a")
    const heard = hear(playout, 400)
    assert.isTrue(heard.slice(0, 160).every((sample) => sample === LEVEL))
    assert.isTrue(heard.slice(160, 320).every((sample) => sample === 0))
    assert.isTrue(heard.slice(320).every((sample) => sample === LEVEL))
    assert.deepStrictEqual(marks, ["a"])
  })
})
