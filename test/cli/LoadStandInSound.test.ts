import { assert, describe, it } from "@effect/vitest"
import { makeVoicePieces, piecesOf, UNKNOWN_WORDS, wordsFor } from "../../src/cli/LoadStandInSound.ts"
import { AUDIBLE } from "../../src/testing/AgentVoice.ts"

const known = [
  { text: "Yes, please.", durationMs: 600 },
  { text: "What time do you open tomorrow?", durationMs: 2000 }
]

describe("wordsFor", () => {
  it.each([
    [0, "Yes"],
    [300, "Yes"],
    [450, "Yes, please."],
    [900, "Yes, please."],
    [1350, "What time do you"],
    [1399, "What time do you"],
    [1400, "What time do you open tomorrow?"],
    [9000, "What time do you open tomorrow?"]
  ])("%d ms of audio are %j", (audioMs, words) => {
    assert.strictEqual(wordsFor(known, audioMs), words)
  })

  it("has something to say for what is not known", () => {
    assert.strictEqual(wordsFor([], 1000), UNKNOWN_WORDS)
    assert.strictEqual(wordsFor([{ text: " ", durationMs: 1000 }], 1000), UNKNOWN_WORDS)
  })
})

describe("the voice", () => {
  it("is as long as the text wants it", () => {
    assert.deepStrictEqual([piecesOf(""), piecesOf("a".repeat(20)), piecesOf("a".repeat(100))], [2, 11, 55])
  })

  it("is audible in every 20 ms and never too loud", () => {
    for (const piece of makeVoicePieces()) {
      const bytes = Buffer.from(piece, "base64")
      const samples = Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(2 * i))
      assert.strictEqual(samples.length, 2400)
      for (let at = 0; at < samples.length; at += 480) {
        const peak = Math.max(...samples.slice(at, at + 480).map(Math.abs))
        assert.isAtLeast(peak, 2 * AUDIBLE)
        assert.isBelow(peak, 32_000)
      }
    }
  })
})
