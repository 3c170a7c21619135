import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { tone, toneHz } from "../../src/testing/TtsScript.ts"
import { cutUp, divide } from "../../src/testing/TtsSynthesis.ts"

describe("divide", () => {
  const sentence = { mode: "sentence", maxPartialLength: 40 } as const

  it("takes sentences out of the buffer as soon as it is clear that they are over", () => {
    assert.deepStrictEqual(divide("Hello", sentence, false), [[], "Hello"])
    assert.deepStrictEqual(divide("Hello!", sentence, false), [[], "Hello!"])
    assert.deepStrictEqual(divide("Hello! How", sentence, false), [["Hello!"], "How"])
    assert.deepStrictEqual(divide("It is 3.50 or so", sentence, false), [[], "It is 3.50 or so"])
  })

  it("takes everything when it is committed", () => {
    assert.deepStrictEqual(divide("Hello! How are you doing today?", sentence, true), [
      ["Hello!", "How are you doing today?"],
      ""
    ])
    assert.deepStrictEqual(divide("and so", sentence, true), [["and so"], ""])
    assert.deepStrictEqual(divide(" ", sentence, true), [[], " "])
  })

  it("does not let a sentence grow beyond what it may", () => {
    const long = "one two three four five six seven eight nine ten"
    assert.deepStrictEqual(divide(long, sentence, false), [["one two three four five six seven eight"], "nine ten"])
    assert.deepStrictEqual(divide("a".repeat(50), sentence, true), [["a".repeat(40), "a".repeat(10)], ""])
  })

  it("takes everything at once, or nothing before the commit, when that is asked for", () => {
    const immediate = { mode: "immediate", maxPartialLength: 40 } as const
    const never = { mode: "never", maxPartialLength: 40 } as const
    assert.deepStrictEqual(divide("Hello! How", immediate, false), [["Hello! How"], ""])
    assert.deepStrictEqual(divide("Hello! How", never, false), [[], "Hello! How"])
    assert.deepStrictEqual(divide("Hello! How", never, true), [["Hello! How"], ""])
    assert.deepStrictEqual(divide("", never, true), [[], ""])
  })
})

describe("cutUp", () => {
  const samples = tone(3, 500, 24_000)
  const joined = (script: Parameters<typeof cutUp>[0], first = true) => Buffer.concat(cutUp(script, samples, first))

  it.prop(
    "loses nothing, whatever the sizes",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5000 }))).check(Schema.isMinLength(1))],
    ([deltaBytes]) => {
      assert.strictEqual(Buffer.compare(joined({ deltaBytes }), Buffer.from(samples.buffer)), 0)
    }
  )

  it("is ragged by default: odd sizes and some below 20 ms", () => {
    const sizes = cutUp({}, samples, true).map(({ length }) => length)
    assert.isTrue(sizes.some((size) => size % 2 === 1))
    assert.isTrue(sizes.some((size) => size < 960))
    assert.isTrue(sizes.some((size) => size > 960))
  })

  it("puts headers where the script wants them", () => {
    const headed = (header: "never" | "connection" | "item" | "split", first: boolean) =>
      joined({ header }, first).subarray(0, 4).toString("latin1") === "RIFF"
    assert.deepStrictEqual(
      (["never", "connection", "item", "split"] as const).map((header) => [
        headed(header, true),
        headed(header, false)
      ]),
      [
        [false, false],
        [true, false],
        [true, true],
        [true, true]
      ]
    )
    assert.strictEqual(joined({ header: "item", sampleRate: 16_000 }).readUInt32LE(24), 16_000)
    const split = cutUp({ header: "split" }, samples, false)
    assert.isBelow(split[0]?.length ?? Infinity, 44)
  })
})

describe("tone", () => {
  it("tells items apart by its frequency", () => {
    for (const number of [0, 7, 20]) {
      const samples = tone(number, 1000, 24_000)
      assert.strictEqual(samples.length, 24_000)
      const crossings = samples.filter((sample, i) => sample > 0 && (samples[i - 1] ?? 0) <= 0).length
      assert.approximately(crossings, toneHz(number), 1)
    }
    assert.strictEqual(toneHz(0), toneHz(20))
  })
})
