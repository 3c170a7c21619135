import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { makeSegmentAudio } from "../../src/layers/TogetherSttAudio.ts"
import { makeResampler } from "../../src/streams/Resample.ts"

const decode = (message: string): ReadonlyArray<number> => {
  const bytes = Buffer.from(String(JSON.parse(message).audio), "base64")
  return Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(2 * i))
}

describe("a segment's audio", () => {
  it.prop(
    "comes out whole and in order however it is cut and whenever it is taken",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 900 })))],
    ([lengths]) => {
      const audio = makeSegmentAudio()
      const messages: Array<string> = []
      const samples: Array<number> = []
      for (const length of lengths.slice(0, 40)) {
        const piece = Int16Array.from({ length }, (_, i) => 9000 * Math.sin((samples.length + i) / 5))
        samples.push(...piece)
        audio.push(piece)
        if (length % 2 === 0) audio.take((message) => messages.push(message))
      }
      audio.end()
      audio.take((message) => messages.push(message))
      const resampler = makeResampler(8000, 16_000)
      const whole = [...resampler.push(Int16Array.from(samples)), ...resampler.flush()]
      assert.deepStrictEqual(messages.flatMap(decode), whole)
      assert.isTrue(messages.slice(0, -1).every((message) => decode(message).length === 1600))
      assert.strictEqual(audio.missingMs(), 0)
    }
  )

  it("is said again from the beginning, or from the last 5 s of it", () => {
    const audio = makeSegmentAudio()
    const take = () => {
      const levels: Array<number> = []
      audio.take((message) => levels.push(decode(message)[800] ?? 0))
      return levels
    }
    // 100 ms more each time, since the resampler holds a little back.
    for (let level = 1; level <= 4; level++) audio.push(new Int16Array(800).fill(level * 100))
    assert.deepStrictEqual(take(), [100, 200, 300])
    assert.isTrue(audio.taken())
    audio.rewind()
    assert.isFalse(audio.taken())
    assert.deepStrictEqual(take(), [100, 200, 300])
    for (let level = 5; level <= 61; level++) audio.push(new Int16Array(800).fill(level * 100))
    assert.strictEqual(take().length, 57 - 7)
    audio.rewind()
    assert.strictEqual(audio.missingMs(), 1000)
    const again = take()
    assert.deepStrictEqual([again.length, again[0], again.at(-1)], [50, 1100, 6000])
  })
})
