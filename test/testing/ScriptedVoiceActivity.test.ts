import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { VoiceActivity } from "../../src/services/VoiceActivity.ts"
import { makeGroundTruth } from "../../src/testing/GroundTruth.ts"
import { scriptedVoiceActivity, type VoiceActivityScript } from "../../src/testing/ScriptedVoiceActivity.ts"
import { inVirtualTime } from "../../src/testing/VirtualTime.ts"
import { soundOf } from "../../src/testing/WordSound.ts"

const WINDOW = 256

const windowsOf = (samples: Int16Array): ReadonlyArray<Int16Array> =>
  Array.from({ length: Math.floor(samples.length / WINDOW) }, (_, n) => samples.subarray(n * WINDOW, (n + 1) * WINDOW))

/** A track of silence, speech from `startMs` on, and silence. */
const track = (ms: number, startMs: number, speech: Int16Array): Int16Array => {
  const samples = new Int16Array(ms * 8)
  samples.set(speech, startMs * 8)
  return samples
}

const energyScores = (script: VoiceActivityScript, samples: Int16Array) =>
  Effect.gen(function* () {
    const scorer = yield* (yield* VoiceActivity).open
    return yield* Effect.forEach(windowsOf(samples), (window) => Effect.option(scorer.score(window)))
  }).pipe(Effect.scoped, Effect.provide(scriptedVoiceActivity(script)))

describe("a scripted voice detector", () => {
  it.effect("goes by loudness", () =>
    Effect.gen(function* () {
      const scores = yield* energyScores({}, track(1600, 640, soundOf("change booking")))
      const probabilities = scores.map((score) => (score._tag === "Some" ? score.value : Number.NaN))
      assert.isTrue(probabilities.slice(0, 20).every((probability) => probability < 0.1))
      assert.isTrue(probabilities.slice(20, 44).every((probability) => probability > 0.85))
      assert.isTrue(probabilities.slice(46).every((probability) => probability < 0.1))
    })
  )

  it.effect("fails for the windows it is told to, and for a whole call", () =>
    Effect.gen(function* () {
      const failures = [
        { from: 2, to: 4 },
        { from: 6, to: 7 }
      ]
      const scores = yield* energyScores({ failures }, new Int16Array(8 * WINDOW))
      assert.deepStrictEqual(
        scores.map(({ _tag }) => _tag === "None"),
        [false, false, true, true, false, false, true, false]
      )
      const error = yield* Effect.flip(energyScores({ unavailable: true }, new Int16Array(0)))
      assert.strictEqual(error._tag, "VoiceActivityError")
    })
  )

  it.live("goes by the truth, whatever it hears, also after a gap and on a late line", () =>
    Effect.gen(function* () {
      const truth = yield* makeGroundTruth
      const speaking = yield* Effect.gen(function* () {
        yield* Effect.sleep(5000)
        const originMs = yield* Clock.currentTimeMillis
        truth.setUnsafe({
          originMs,
          utterances: [
            { index: 0, startMs: 320, endMs: 640, text: "" },
            { index: 1, startMs: 2000, endMs: 2400, text: "" }
          ]
        })
        const scorer = yield* (yield* VoiceActivity).open
        const voiced: Array<number> = []
        /** Scores windows, each when the frame that completes it comes. */
        const score = (from: number, to: number, lateMs: number) =>
          Effect.forEach(
            Array.from({ length: to - from }, (_, n) => from + n),
            (window) =>
              Effect.gen(function* () {
                const dueMs = originMs + Math.ceil(((window + 1) * 32) / 20) * 20 + lateMs
                yield* Effect.sleep(dueMs - (yield* Clock.currentTimeMillis))
                if ((yield* scorer.score(new Int16Array(WINDOW))) > 0.5) voiced.push(window)
              })
          )
        yield* score(0, 30, 0)
        yield* Effect.sleep(600)
        yield* scorer.reset
        yield* score(60, 90, 0)
        return voiced
      }).pipe(Effect.scoped, Effect.provide(scriptedVoiceActivity({ source: "truth" }, truth)), inVirtualTime)
      assert.deepStrictEqual(speaking.slice(0, 10), [10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
      const second = speaking.slice(10)
      assert.isAtLeast(second.length, 12)
      assert.isAtMost(Math.abs((second[0] ?? 0) * 32 - 2000), 48)
    })
  )
})
