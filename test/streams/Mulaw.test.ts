import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { decodeMulaw, decodeMulawBase64, encodeMulaw, mulawToPcm, pcmToMulaw } from "../../src/streams/Mulaw.ts"

/**
 * The positive half of G.711 table 2 in its own terms, on 14 bits: 8 segments of 16 intervals, the intervals of segment
 * `k` being 2^(k+1) wide, the segment starting at 2^(k+5) - 33; each interval is heard as its middle.
 */
const intervals = Array.from({ length: 128 }, (_, number) => {
  const segment = Math.floor(number / 16)
  const width = 2 ** (segment + 1)
  const lower = 2 ** (segment + 5) - 33 + (number % 16) * width
  return { number, lower, value: lower + width / 2 }
})

/** Bits of a character signal: positive values have the sign bit set, all magnitude bits are sent inverted. */
const character = (number: number, negative: boolean) => (negative ? 0 : 128) + (127 - number)

const referenceEncode = (sample: number): number => {
  const magnitude = Math.floor(Math.abs(sample) / 4)
  const interval = intervals.findLast(({ lower }) => lower <= magnitude)
  return interval === undefined ? Number.NaN : character(interval.number, sample < 0)
}

describe("Mulaw", () => {
  it("decodes all 256 codes to the values of G.711", () => {
    const decoded = decodeMulaw(Uint8Array.from({ length: 256 }, (_, code) => code))
    for (const { number, value } of intervals) {
      assert.strictEqual(decoded[character(number, false)], 4 * value)
      assert.strictEqual(decoded[character(number, true)], number === 0 ? 0 : -4 * value)
    }
    assert.strictEqual(Math.max(...decoded), 32_124)
    assert.strictEqual(Math.min(...decoded), -32_124)
  })

  it("encodes all 65,536 samples by the decision values of G.711", () => {
    const samples = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768)
    const encoded = encodeMulaw(samples)
    const wrong = samples.filter((sample, i) => encoded[i] !== referenceEncode(sample))
    assert.deepStrictEqual([...wrong], [])
  })

  it("clips at both ends and knows silence", () => {
    assert.deepStrictEqual(
      [...encodeMulaw(Int16Array.of(32_767, 32_635, -32_635, -32_768, 0, -1))],
      [0x80, 0x80, 0x00, 0x00, 0xff, 0x7f]
    )
  })

  it("gives every code back, but for the negative zero", () => {
    const codes = Uint8Array.from({ length: 256 }, (_, code) => code)
    assert.deepStrictEqual(
      encodeMulaw(decodeMulaw(codes)),
      codes.map((code) => (code === 0x7f ? 0xff : code))
    )
  })

  it("decodes base64, and views into larger buffers", () => {
    const bytes = Uint8Array.from({ length: 200 }, (_, i) => i)
    const payload = Buffer.from(bytes.subarray(7, 167)).toString("base64")
    assert.deepStrictEqual(decodeMulawBase64(payload), decodeMulaw(bytes).slice(7, 167))
    assert.deepStrictEqual(decodeMulaw(bytes.subarray(7, 167)), decodeMulaw(bytes).slice(7, 167))
    assert.deepStrictEqual(decodeMulawBase64(""), new Int16Array(0))
  })

  it.effect("codes a stream chunk by chunk", () =>
    Effect.gen(function* () {
      const chunks = [Uint8Array.of(0x00, 0x80), new Uint8Array(0), Uint8Array.of(0xff, 0x12, 0xed)]
      const pcm = yield* Stream.fromIterable(chunks).pipe(mulawToPcm, Stream.runCollect)
      assert.deepStrictEqual(pcm, chunks.map(decodeMulaw))
      const back = yield* Stream.fromIterable(pcm).pipe(pcmToMulaw, Stream.runCollect)
      assert.deepStrictEqual(back, chunks)
    })
  )
})
