import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { heardText } from "../../src/streams/Heard.ts"

const second = 8000
const whole = (text: string, seconds: number) => ({ text, bytes: seconds * second, complete: true })

describe("heardText", () => {
  const sentences = [whole("Hello there.", 1), whole("We open at nine in the morning.", 2)]
  const cases = [
    { seconds: 0, heard: "" },
    { seconds: 0.3, heard: "" },
    { seconds: 0.5, heard: "Hello" },
    { seconds: 0.95, heard: "Hello" },
    { seconds: 1, heard: "Hello there." },
    { seconds: 2, heard: "Hello there. We open at nine" },
    { seconds: 2.9, heard: "Hello there. We open at nine in the" },
    { seconds: 3, heard: "Hello there. We open at nine in the morning." },
    { seconds: 9, heard: "Hello there. We open at nine in the morning." }
  ]
  for (const { seconds, heard } of cases) {
    it(`after ${seconds} s is "${heard}"`, () => assert.strictEqual(heardText(sentences, seconds * second), heard))
  }

  it("estimates a sentence that is still being synthesised", () => {
    const text = "x ".repeat(30).trim()
    const heard = heardText([{ text, bytes: 0.5 * second, complete: false }], 0.5 * second)
    assert.isAbove(heard.length, 0)
    assert.isBelow(heard.length, text.length / 4)
  })

  it("passes over a sentence that has no audio", () => {
    assert.strictEqual(heardText([whole("Unspoken.", 0), whole("Spoken.", 1)], second), "Spoken.")
  })

  it.prop(
    "grows with what was played and is always the beginning of what was said",
    [
      Schema.Array(Schema.String.check(Schema.isMaxLength(40))).check(Schema.isMaxLength(6)),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60000 })),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60000 }))
    ],
    ([texts, a, b]) => {
      const sentences = texts.map((text, index) => ({ text, bytes: 4000 * (index + 1), complete: true }))
      const shorter = heardText(sentences, Math.min(a, b))
      const longer = heardText(sentences, Math.max(a, b))
      assert.isTrue(longer.startsWith(shorter.trimEnd()))
    }
  )
})
