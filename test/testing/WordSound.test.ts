import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as EnergyScore from "../../src/streams/EnergyScore.ts"
import { interrupt, say } from "../../src/testing/CallerScript.ts"
import { codeOf, durationOf, lexiconOf, soundOf, spoken, wordsOf } from "../../src/testing/WordSound.ts"
import { levelDb } from "./Sounds.ts"

/** Probabilities of the windows of some audio, by loudness alone. */
const energyScores = (samples: Int16Array): ReadonlyArray<number> => {
  let state = EnergyScore.initial
  const scores: Array<number> = []
  for (let at = 0; at + 256 <= samples.length; at += 256) {
    const [next, score] = EnergyScore.step(state, samples.subarray(at, at + 256))
    state = next
    scores.push(score)
  }
  return scores
}

describe("words", () => {
  it("are taken as they are written; what has no letter and no digit is none", () => {
    assert.deepStrictEqual(wordsOf(" Well, it's  25 — or so…\n(Ok?) "), ["Well,", "it's", "25", "or", "so…", "(Ok?)"])
    assert.deepStrictEqual(lexiconOf("Yes. Yes!", "no Yes."), ["Yes.", "Yes!", "no"])
  })

  it("last about 60 ms a letter, neither too short nor too long to be one", () => {
    assert.deepStrictEqual(["I", "it", "it's!", "booking", "unbelievable"].map(durationOf), [150, 150, 180, 420, 600])
  })

  it("have codes of their own", () => {
    const words = Array.from({ length: 2000 }, (_, n) => `word${n}`)
    assert.strictEqual(new Set(words.map(codeOf)).size, words.length)
    assert.isTrue(words.every((word) => codeOf(word) >= 0 && codeOf(word) < 2 ** 24))
  })
})

describe("sound", () => {
  it("is as long as its words and the pauses between them", () => {
    const ms = (text: string) => soundOf(text).length / 8
    assert.strictEqual(ms("booking"), 420)
    assert.strictEqual(ms("to be"), 150 + 20 + 150)
    assert.strictEqual(ms("No, no. Yes"), 150 + 100 + 150 + 250 + 180)
    assert.strictEqual(
      soundOf("No, no. Yes", { sentencePauseMs: 0, clausePauseMs: 50 }).length / 8,
      150 + 50 + 150 + 180
    )
    assert.strictEqual(soundOf("…").length, 0)
  })

  it("is the same at every rate", () => {
    for (const [sampleRate, factor] of [
      [16_000, 2],
      [24_000, 3]
    ] as const) {
      const low = soundOf("Hello there.")
      const high = soundOf("Hello there.", { sampleRate })
      assert.strictEqual(high.length, low.length * factor)
      const thinned = low.map((_, n) => high[n * factor] ?? 0)
      assert.isBelow(levelDb(low.map((sample, n) => sample - (thinned[n] ?? 0))), levelDb(low) - 40)
    }
    assert.throws(() => soundOf("Hello", { sampleRate: 11_025 }), /11025; one of 8000, 16000, 24000 was expected/)
  })

  it("is a voice to whoever listens for energy, with silence between sentences", () => {
    const silence = new Int16Array(8 * 320)
    const first = soundOf("I would like to change my booking.")
    const samples = Int16Array.from([...silence, ...first, ...silence, ...soundOf("Can you do that?"), ...silence])
    const scores = energyScores(samples)
    const at = (ms: number) => Math.floor(ms / 32)
    const spokenUntil = at(320 + first.length / 8)
    for (let n = 0; n < 10; n++) assert.isBelow(scores[n] ?? 1, 0.1, `window ${n}`)
    for (let n = 10; n < spokenUntil; n++) assert.isAbove(scores[n] ?? 0, 0.85, `window ${n}`)
    for (let n = spokenUntil + 1; n < spokenUntil + 10; n++) assert.isBelow(scores[n] ?? 1, 0.1, `window ${n}`)
    assert.closeTo(levelDb(first), -20.5, 1)
    assert.isTrue(first.every((sample) => Math.abs(sample) < 16_000))
  })

  it.effect("is what a script says", () =>
    Effect.sync(() => {
      const speech = spoken("Not now!")
      assert.deepStrictEqual(say(speech), { _tag: "Say", audio: soundOf("Not now!"), text: "Not now!" })
      assert.propertyVal(interrupt({ afterMs: 1, say: speech }), "text", "Not now!")
    })
  )
})
