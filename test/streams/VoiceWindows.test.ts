import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema, Stream } from "effect"
import { type CallerAudio, type VoiceWindow, WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { initial, step, voiceWindows } from "../../src/streams/VoiceWindows.ts"

/** Samples that tell their own position, never 0. */
const ramp = (from: number, length: number): Int16Array =>
  Int16Array.from({ length }, (_, i) => 1 + ((from + i) % 30_000))

/** Audio of which sample `n` is at `n / 8` ms: the chunk that begins with sample `from`. */
const chunkAt = (from: number, length: number, atMs = from / 8): CallerAudio => ({ atMs, samples: ramp(from, length) })

const run = (chunks: ReadonlyArray<CallerAudio>): ReadonlyArray<VoiceWindow> => {
  const windows: Array<VoiceWindow> = []
  chunks.reduce((state, chunk) => {
    const [next, cut] = step(state, chunk)
    windows.push(...cut)
    return next
  }, initial)
  return windows
}

/** Consecutive 20 ms frames, times as given or exact. */
const frames = (count: number, from = 0): ReadonlyArray<CallerAudio> =>
  Array.from({ length: count }, (_, i) => chunkAt(from + i * 160, 160))

const soundOf = (windows: ReadonlyArray<VoiceWindow>): ReadonlyArray<number> =>
  windows.flatMap(({ samples }) => [...samples])

const timesOf = (windows: ReadonlyArray<VoiceWindow>): ReadonlyArray<number> => windows.map(({ atMs }) => atMs)

const lengths = Arbitrary.array(
  Arbitrary.schema(
    Schema.Union([
      Schema.Literals([0, 1, 160, 255, 256, 257]),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))
    ])
  ),
  { maxLength: 30 }
)

describe("VoiceWindows", () => {
  it.effect.prop(
    "does not depend on how the audio is cut",
    { lengths, startMs: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 })) },
    ({ lengths, startMs }) =>
      Effect.gen(function* () {
        let at = 0
        const chunks = lengths.map((length) => chunkAt(at, length, startMs + ((at += length) - length) / 8))
        const windows = yield* Stream.fromIterable(chunks).pipe(voiceWindows, Stream.runCollect)
        const expected = Array.from({ length: Math.floor(at / WINDOW_SAMPLES) }, (_, i) => ({
          atMs: startMs + 32 * i,
          samples: ramp(i * WINDOW_SAMPLES, WINDOW_SAMPLES),
          discontinuous: false
        }))
        assert.deepStrictEqual(windows, expected)
      })
  )

  it("counts samples and takes no notice of jitter", () => {
    const stamps = [5, 25, 46, 65, 65, 125, 120, 145, 205, 185]
    const windows = run(stamps.map((atMs, i) => chunkAt(i * 160, 160, atMs)))
    assert.deepStrictEqual(timesOf(windows), [5, 37, 69, 101, 133, 165])
    assert.deepStrictEqual(soundOf(windows), [...ramp(0, 6 * WINDOW_SAMPLES)])
  })

  it("takes more than 60 ms for a loss", () => {
    const [state] = step(initial, chunkAt(0, 160))
    assert.strictEqual(step(state, chunkAt(160, 8, 80))[0].count, 168)
    assert.strictEqual(step(state, chunkAt(160, 8, 81))[0].count, 160 + 61 * 8 + 8)
  })

  it("keeps chunks shorter than the resolution of their times", () => {
    const silence = Array.from({ length: 512 }, (_, i) => ({ atMs: Math.floor(i / 8), samples: new Int16Array(1) }))
    assert.deepStrictEqual(timesOf(run(silence)), [0, 32])
  })

  it("puts silence in for up to 200 ms that were lost", () => {
    const windows = run([...frames(5), ...frames(8, 5 * 160 + 1600)])
    assert.deepStrictEqual(
      timesOf(windows),
      Array.from({ length: 14 }, (_, i) => 32 * i)
    )
    assert.isTrue(windows.every(({ discontinuous }) => !discontinuous))
    const expected = [...ramp(0, 800), ...new Int16Array(1600), ...ramp(2400, 1280)]
    assert.deepStrictEqual(soundOf(windows), expected.slice(0, 14 * WINDOW_SAMPLES))
  })

  it("begins anew after a longer loss, without the samples from before it", () => {
    const windows = run([...frames(5), ...frames(8, 5 * 160 + 1608)])
    assert.deepStrictEqual(
      windows.map(({ atMs, discontinuous }) => [atMs, discontinuous]),
      [
        [0, false],
        [32, false],
        [64, false],
        [301, true],
        [333, false],
        [365, false],
        [397, false],
        [429, false]
      ]
    )
    assert.deepStrictEqual(soundOf(windows), [...ramp(0, 768), ...ramp(2408, 1280)])
  })

  it("marks the window after a gap however little audio comes at a time", () => {
    const windows = run([...frames(2), ...Array.from({ length: 600 }, (_, i) => chunkAt(8000 + i, 1))])
    assert.deepStrictEqual(
      windows.map(({ atMs, discontinuous }) => [atMs, discontinuous]),
      [
        [0, false],
        [1000, true],
        [1032, false]
      ]
    )
  })

  it("marks no more than the window after a gap", () => {
    const [, windows] = step(step(initial, chunkAt(0, 160))[0], chunkAt(8000, 1000))
    assert.deepStrictEqual(
      windows.map(({ discontinuous }) => discontinuous),
      [true, false, false]
    )
  })

  it("does not let drift add up", () => {
    // A carrier that loses every tenth frame for 20 s, and one whose clock runs slow by as much.
    const lossy = frames(1000).filter((_, i) => i % 10 !== 9)
    const slow = Array.from({ length: 1000 }, (_, i) => chunkAt(i * 160, 160, i * 18))
    for (const [chunks, endMs] of [
      [lossy, 20_000],
      [slow, 18_000]
    ] as const) {
      const last = run(chunks).at(-1)
      assert.isDefined(last)
      assert.approximately(last.atMs, endMs, 60 + 2 * 32 + 20)
    }
  })

  it("drops chunks from the past and what is repeated", () => {
    const expected = run(frames(20))
    const late = [...frames(10), ...frames(4, 2 * 160), ...frames(10, 1600)]
    assert.deepStrictEqual(run(late), expected)
    const doubled = frames(20).flatMap((frame) => [frame, { ...frame, samples: frame.samples.slice() }])
    assert.deepStrictEqual(run(doubled), expected)
  })

  it("takes the new part of a chunk that reaches back", () => {
    const windows = run([...frames(10), chunkAt(800, 1600), ...frames(5, 2400)])
    assert.deepStrictEqual(windows, run(frames(20)))
  })

  it("is not deaf for longer than a second after the carrier's clock was set back", () => {
    const windows = run([...frames(500), ...frames(100, 3)])
    const restart = windows.findIndex(({ discontinuous }) => discontinuous)
    assert.strictEqual(restart, Math.floor((500 * 160) / WINDOW_SAMPLES))
    const [first, ...others] = run(frames(50, 3 + 50 * 160))
    assert.isDefined(first)
    assert.deepStrictEqual(windows.slice(restart), [{ ...first, discontinuous: true }, ...others])
  })

  it("stays in time when single chunks from the past come again and again", () => {
    const windows = run(frames(400).flatMap((frame, i) => (i % 4 === 3 ? [frame, chunkAt(0, 160)] : [frame])))
    assert.deepStrictEqual(windows, run(frames(400)))
  })

  it("leaves its state and input alone", () => {
    const [state] = step(initial, chunkAt(0, 250))
    const chunk = chunkAt(250, 300)
    const first = step(state, chunk)
    assert.deepStrictEqual(step(state, chunk), first)
    assert.deepStrictEqual(state.pending, [ramp(0, 250)])
    assert.deepStrictEqual(chunk, chunkAt(250, 300))
  })
})
