import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema, Stream } from "effect"
import { FRAME_BYTES, MULAW_SILENCE } from "../../src/schema/Audio.ts"
import { alignFrames, end, initial, step } from "../../src/streams/Frames.ts"

const ramp = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (from + i) % 251)

const lengths = Arbitrary.array(
  Arbitrary.schema(
    Schema.Union([
      Schema.Literals([0, 1, 159, 160, 161]),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 900 }))
    ])
  ),
  { maxLength: 20 }
)

describe("Frames", () => {
  it.effect.prop("keeps every byte in order, in whole frames, holding back less than one", [lengths], ([lengths]) =>
    Effect.gen(function* () {
      let at = 0
      const chunks = lengths.map((length) => ramp(length, (at += length) - length))
      const aligned = yield* Stream.fromIterable(chunks).pipe(alignFrames, Stream.runCollect)
      assert.isTrue(aligned.every((chunk) => chunk.length > 0 && chunk.length % FRAME_BYTES === 0))
      const joined = Buffer.concat(aligned)
      assert.strictEqual(joined.length, Math.ceil(at / FRAME_BYTES) * FRAME_BYTES)
      assert.isTrue(joined.subarray(0, at).equals(ramp(at)))
      assert.isTrue(joined.subarray(at).every((byte) => byte === MULAW_SILENCE))
    })
  )

  it("gives a frame out with the very byte that completes it", () => {
    const [carried, none] = step(initial, ramp(159))
    assert.deepStrictEqual(none, [])
    const [rest, frames] = step(carried, ramp(1, 159))
    assert.deepStrictEqual(frames, [ramp(160)])
    assert.strictEqual(rest.length, 0)
    assert.deepStrictEqual(end(rest), [])
  })

  it("gives out all whole frames as one chunk", () => {
    const [carried, chunks] = step(ramp(100), ramp(400, 100))
    assert.deepStrictEqual(chunks, [ramp(480)])
    assert.deepStrictEqual(carried, ramp(20, 480))
  })

  it("leaves its state and input alone", () => {
    const state = ramp(10)
    const input = ramp(200)
    assert.deepStrictEqual(step(state, input), step(state, input))
    assert.deepStrictEqual([state, input], [ramp(10), ramp(200)])
  })

  it("does not keep the carried bytes in the producer's buffer", () => {
    const buffer = Buffer.from(ramp(170))
    const [carried] = step(initial, buffer)
    buffer.fill(0)
    assert.deepStrictEqual(carried, ramp(10, 160))
  })

  it.effect("pads what was carried when the stream fails, and passes the failure on", () =>
    Effect.gen(function* () {
      const seen: Array<Uint8Array> = []
      const error = yield* Stream.make(ramp(3)).pipe(
        Stream.concat(Stream.fail("lost" as const)),
        alignFrames,
        Stream.runForEach((chunk) => Effect.sync(() => seen.push(chunk))),
        Effect.flip
      )
      assert.strictEqual(error, "lost")
      assert.strictEqual(seen.length, 1)
      assert.deepStrictEqual(seen[0]!.subarray(0, 4), Uint8Array.of(0, 1, 2, MULAW_SILENCE))
    })
  )
})
