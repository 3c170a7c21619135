import { assert, describe, it } from "@effect/vitest"
import { isSpoken } from "../../src/streams/SpeechEvidence.ts"

const cases: ReadonlyArray<readonly [text: string, voicedMs: number, peak: number, spoken: boolean]> = [
  ["yes", 192, 0.95, true],
  ["no", 128, 0.9, true],
  ["yes", 64, 0.95, false],
  ["Thank you.", 64, 0.7, false],
  ["Thank you.", 128, 0.95, false],
  ["Thank you.", 480, 0.7, false],
  ["Thank you.", 480, 0.97, true],
  ["Thanks for watching!", 320, 0.75, false],
  ["okay", 256, 0.95, true],
  ["I would like to book a table for two people tomorrow", 320, 0.95, false],
  ["I would like to book a table for two people tomorrow", 2400, 0.95, true],
  ["", 0, 0, true]
]

describe("whether words were spoken", () => {
  for (const [text, voicedMs, peak, spoken] of cases) {
    it(`"${text}" over ${voicedMs} ms of voice up to ${peak}: ${spoken ? "yes" : "no"}`, () =>
      assert.strictEqual(isSpoken(text, { voicedMs, peak }), spoken))
  }
})
