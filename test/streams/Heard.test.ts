import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { heardText, learnPace, mayBeWhole, usualPace } from "../../src/streams/Heard.ts"

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

  describe("of a sentence that broke off", () => {
    const text = "We open at nine in the morning."
    const first = (brokeOff: "surely" | "perhaps", seconds: number) => ({ ...whole(text, seconds), brokeOff })
    const sorry = whole("Sorry.", 1)
    const cases = [
      // 31 characters: 2.07 s at the usual pace.
      { brokeOff: "surely", seconds: 0.1, heard: "Sorry." },
      { brokeOff: "surely", seconds: 1, heard: "We open at nine Sorry." },
      { brokeOff: "surely", seconds: 5, heard: "We open at nine in the Sorry." },
      { brokeOff: "perhaps", seconds: 1, heard: "We open at nine Sorry." },
      { brokeOff: "perhaps", seconds: 1.6, heard: "We open at nine in the Sorry." },
      { brokeOff: "perhaps", seconds: 1.7, heard: "We open at nine in the morning. Sorry." }
    ] as const
    for (const { brokeOff, heard, seconds } of cases) {
      it(`${brokeOff} after ${seconds} s is "${heard}"`, () => {
        assert.strictEqual(heardText([first(brokeOff, seconds), sorry], 9 * second), heard)
      })
    }

    it("is no more than was played of it", () => {
      assert.strictEqual(heardText([first("surely", 1), sorry], 0.6 * second), "We open")
    })

    it("is reckoned at the pace of the voice", () => {
      const slow = learnPace(usualPace, "x".repeat(60), 12 * second)
      assert.strictEqual(heardText([first("surely", 1), sorry], 9 * second, slow), "We Sorry.")
    })
  })

  it("learns how fast a voice is, and forgets how fast another one was", () => {
    const text = "We open at nine in the morning."
    assert.isTrue(mayBeWhole(usualPace, text, 1.7 * second))
    assert.isFalse(mayBeWhole(usualPace, text, 1.4 * second))
    let pace = usualPace
    for (let i = 0; i < 40; i++) pace = learnPace(pace, text, 4 * second)
    assert.isFalse(mayBeWhole(pace, text, 3 * second))
    assert.isTrue(mayBeWhole(pace, text, 3.5 * second))
    for (let i = 0; i < 40; i++) pace = learnPace(pace, text, second)
    assert.isTrue(mayBeWhole(pace, text, 0.9 * second))
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
