import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { type VoiceWindow, WINDOW_MS, WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { VoiceActivityError } from "../../src/schema/Errors.ts"
import { type DirectScorer, type ScoreSettled } from "../../src/services/VoiceActivity.ts"
import { MAX_WAITING, scoreInOrder } from "../../src/streams/ScoreInOrder.ts"

/** A scorer that adds up what it heard since its last reset; `late`: it answers when it is told to. */
const addingScorer = (late: boolean) => {
  let sum = 0
  let due: (() => void) | undefined
  const answer = (first: number, settled: ScoreSettled): void => {
    if (first < 0) return settled(new VoiceActivityError({ message: `refused ${first}` }), 0)
    sum += first
    settled(undefined, sum / 100)
  }
  const scorer: DirectScorer = {
    score: (window, settled) => {
      assert.isUndefined(due, "one window at a time")
      const first = window[0] ?? 0
      if (!late) return answer(first, settled)
      due = () => {
        due = undefined
        answer(first, settled)
      }
    },
    cancel: () => {
      due = undefined
    },
    reset: () => {
      sum = 0
    }
  }
  return { scorer, go: () => due?.(), isBusy: () => due !== undefined }
}

const windowOf = (value: number, discontinuous = false): { readonly window: VoiceWindow } => ({
  window: { atMs: value * WINDOW_MS, samples: new Int16Array(WINDOW_SAMPLES).fill(value), discontinuous }
})

const listen = (scorer: DirectScorer, onTold: () => void = () => {}) => {
  const told: Array<readonly [number, number | string]> = []
  const defects: Array<unknown> = []
  const scoring = scoreInOrder<{ readonly window: VoiceWindow }>(
    scorer,
    ({ window }, failure, probability) => {
      told.push([window.atMs / WINDOW_MS, failure?.message ?? probability])
      onTold()
    },
    (defect) => void defects.push(defect)
  )
  return { scoring, told, defects }
}

describe("scoreInOrder", () => {
  for (const late of [false, true]) {
    it(`tells every window once, in order, afresh after a gap, ${late ? "late" : "at once"}`, () => {
      const { go, scorer } = addingScorer(late)
      const { scoring, told } = listen(scorer)
      for (const value of [1, 2, -3]) scoring.add(windowOf(value))
      scoring.add(windowOf(4, true))
      scoring.add(windowOf(5))
      for (let n = 0; n < 10; n++) go()
      assert.deepStrictEqual(told, [
        [1, 0.01],
        [2, 0.03],
        [-3, "refused -3"],
        [4, 0.04],
        [5, 0.09]
      ])
    })
  }

  it("goes on after a mistake of the one who is told, and says what it was", () => {
    const { go, scorer } = addingScorer(true)
    const { defects, scoring, told } = listen(scorer, () => {
      throw new Error("a mistake")
    })
    scoring.add(windowOf(1))
    scoring.add(windowOf(2))
    go()
    go()
    assert.deepStrictEqual(
      told.map(([value]) => value),
      [1, 2]
    )
    assert.deepStrictEqual(defects.map(String), ["Error: a mistake", "Error: a mistake"])
  })

  it.effect("has no room for more when too many wait, until fewer do", () =>
    Effect.gen(function* () {
      const { go, scorer } = addingScorer(true)
      const { scoring } = listen(scorer)
      // One is being scored, the others wait.
      for (let value = 0; value <= MAX_WAITING; value++) scoring.add(windowOf(value))
      assert.strictEqual(scoring.room(), Effect.void)
      scoring.add(windowOf(99))
      const waits = yield* Effect.forkChild(scoring.room(), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(waits.pollUnsafe())
      go()
      yield* Fiber.join(waits)
      assert.strictEqual(scoring.room(), Effect.void)
    })
  )

  it("takes back the window under way when it ends, and forgets those that wait", () => {
    const { go, isBusy, scorer } = addingScorer(true)
    const { scoring, told } = listen(scorer)
    scoring.add(windowOf(1))
    scoring.add(windowOf(2))
    scoring.end()
    assert.isFalse(isBusy())
    go()
    assert.deepStrictEqual(told, [])
  })
})
