import { assert, describe, it } from "@effect/vitest"
import { wordsBetween } from "../../src/testing/GroundTruth.ts"

const utterances = [
  // Nine characters in 900 ms: one every 100 ms.
  { index: 0, startMs: 1000, endMs: 1900, text: "one three" },
  { index: 1, startMs: 3000, endMs: 4000, text: "four" },
  { index: 2, startMs: 5000, endMs: 6000, text: "" }
]

describe("GroundTruth", () => {
  it.each<readonly [fromMs: number, toMs: number, words: string]>([
    [0, 10_000, "one three four"],
    [0, 1000, ""],
    [0, 1150, ""],
    [0, 1151, "one"],
    [1151, 1651, "three"],
    [1651, 3500, ""],
    [1400, 3501, "three four"],
    [5000, 6000, ""]
  ])("between %d and %d ms the words are %j", (fromMs, toMs, words) => {
    assert.strictEqual(wordsBetween(utterances, fromMs, toMs), words)
  })

  it("gives every word to exactly one of two stretches that join", () => {
    for (let cutMs = 900; cutMs < 4200; cutMs += 10) {
      const parts = [wordsBetween(utterances, 0, cutMs), wordsBetween(utterances, cutMs, 10_000)]
      assert.strictEqual(parts.filter((part) => part !== "").join(" "), "one three four")
    }
  })
})
