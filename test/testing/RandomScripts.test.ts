import { assert, describe, it } from "@effect/vitest"
import { stepsOf } from "../../src/testing/CallerScript.ts"
import { randomCall } from "../../src/testing/RandomScripts.ts"
import { wordsOf } from "../../src/testing/WordSound.ts"

const seeds = Array.from({ length: 300 }, (_, seed) => seed + 1)

const textsOf = (seed: number): ReadonlyArray<string> =>
  stepsOf(randomCall(seed).options.script).flatMap((step) =>
    step._tag === "Say" || step._tag === "Interrupt" ? [step.text] : []
  )

describe("made-up calls", () => {
  it("are the same for the same seed", () => {
    for (const seed of seeds.slice(0, 20)) assert.deepStrictEqual(randomCall(seed), randomCall(seed))
    assert.notDeepEqual(randomCall(1).options, randomCall(2).options)
  })

  it("are of every kind", () => {
    const about = seeds.map((seed) => randomCall(seed).about)
    const kinds = new Set(about.flat())
    for (const kind of [
      "interrupts",
      "hesitates",
      "agrees",
      "presses keys",
      "is lost",
      "services fail",
      "uses tools",
      "line: echo"
    ]) {
      assert.isTrue(kinds.has(kind), kind)
    }
    const share = (kind: string) => about.filter((kinds) => kinds.includes(kind)).length / seeds.length
    assert.closeTo(share("services fail"), 0.5, 0.1)
    const well = seeds.filter((seed) => randomCall(seed).recognisable).length / seeds.length
    assert.isAbove(well, 0.25)
  })

  it("fail and suffer as often as they are told", () => {
    for (const seed of seeds) {
      const well = randomCall(seed, { faults: 0, badLines: 0 })
      assert.isTrue(well.recognisable)
      assert.deepStrictEqual(well.options.impairments, {})
      assert.isTrue(randomCall(seed, { faults: 1 }).about.includes("services fail"))
    }
  })

  it("never say a word twice, but for words of agreement", () => {
    for (const seed of seeds) {
      const words = textsOf(seed)
        .filter((text) => !["mm-hm", "yeah", "uh-huh"].includes(text))
        .flatMap(wordsOf)
        .map((word) => word.toLowerCase().replace(/[.!?]$/, ""))
      assert.strictEqual(new Set(words).size, words.length, `seed ${seed}: ${words.join(" ")}`)
    }
  })
})
