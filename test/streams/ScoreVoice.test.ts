import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { type VoiceWindow, WINDOW_MS, WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { VoiceActivityError } from "../../src/schema/Errors.ts"
import { type VoiceScorer } from "../../src/services/VoiceActivity.ts"
import { scoreVoice } from "../../src/streams/ScoreVoice.ts"

/** A scorer that adds up what it heard since its last reset, and yields in between as a real one does. */
const addingScorer = (): VoiceScorer => {
  let sum = 0
  return {
    score: (window) =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.suspend(() => {
          const first = window[0] ?? 0
          if (first < 0) return Effect.fail(new VoiceActivityError({ message: `refused ${first}` }))
          sum += first
          return Effect.succeed(sum / 100)
        })
      ),
    reset: Effect.sync(() => {
      sum = 0
    })
  }
}

/** One window for each value; the one at `gapBefore` comes after a gap. */
const windows = (values: ReadonlyArray<number>, gapBefore?: number): ReadonlyArray<VoiceWindow> =>
  values.map((value, i) => ({
    atMs: i * WINDOW_MS,
    samples: new Int16Array(WINDOW_SAMPLES).fill(value),
    discontinuous: i === gapBefore
  }))

describe("scoreVoice", () => {
  it.effect("scores every window, in order, at its own time", () =>
    Effect.gen(function* () {
      const scores = yield* Stream.fromIterable(windows([1, 2, 3])).pipe(scoreVoice(addingScorer()), Stream.runCollect)
      assert.deepStrictEqual(scores, [
        { atMs: 0, probability: 0.01 },
        { atMs: 32, probability: 0.03 },
        { atMs: 64, probability: 0.06 }
      ])
    })
  )

  it.effect("starts afresh with a window after a gap, and only there", () =>
    Effect.gen(function* () {
      const scores = yield* Stream.fromIterable(windows([1, 2, 3, 4], 2)).pipe(
        scoreVoice(addingScorer()),
        Stream.runCollect
      )
      assert.deepStrictEqual(
        scores.map(({ probability }) => probability),
        [0.01, 0.03, 0.03, 0.07]
      )
    })
  )

  it.effect("emits the scores before a window that fails, then fails with its error", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const error = yield* Stream.fromIterable(windows([1, 2, -1, 4])).pipe(
        scoreVoice(addingScorer()),
        Stream.runForEach(({ atMs }) => Effect.sync(() => seen.push(atMs))),
        Effect.flip
      )
      assert.strictEqual(error.message, "refused -1")
      assert.deepStrictEqual(seen, [0, 32])
    })
  )
})
