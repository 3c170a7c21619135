import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type CapacityTrial, capacityOf, nextTrial } from "../../src/cli/LoadFind.ts"
import { summaryOf } from "../../src/cli/LoadSummary.ts"
import { makeTally } from "../../src/cli/LoadTally.ts"

const trial = (calls: number, held: boolean): CapacityTrial => {
  const shape = { calls, rampMs: 0, holdMs: 0 }
  const context = { limit: undefined, processes: 1, warnings: [] }
  return {
    summary: summaryOf({ shape, tally: makeTally(), cost: undefined }, context),
    problems: held ? [] : ["too many"]
  }
}

const trials = (...all: ReadonlyArray<readonly [calls: number, held: boolean]>) =>
  all.map(([calls, held]) => trial(calls, held))

/** Searches with a server that holds so many calls. */
const search = (capacity: number, first: number, most: number) => {
  const done: Array<CapacityTrial> = []
  for (let calls = nextTrial(done, { first, most }); calls !== undefined; calls = nextTrial(done, { first, most })) {
    done.push(trial(calls, calls <= capacity))
  }
  return { found: capacityOf(done), tried: done.map(({ summary }) => summary.calls) }
}

describe("nextTrial", () => {
  it.each([
    ["begins with the first", trials(), 25],
    ["doubles what was held", trials([25, true], [50, true]), 100],
    ["does not go beyond the most", trials([25, true], [800, true]), 1000],
    ["ends with the most", trials([1000, true]), undefined],
    ["goes half way down", trials([100, true], [200, false]), 150],
    ["goes half way up again", trials([100, true], [200, false], [150, true]), 175],
    ["ends within a twentieth", trials([100, true], [105, false]), undefined],
    ["goes down from a first one that is too many", trials([25, false]), 13],
    ["ends when not even one is held", trials([25, false], [1, false]), undefined]
  ])("%s", (_, trials, expected) => {
    assert.strictEqual(nextTrial(trials, { first: 25, most: 1000 }), expected)
  })

  it("begins with fewer if fewer are asked for", () => {
    assert.strictEqual(nextTrial([], { first: 25, most: 10 }), 10)
  })
})

describe("the search", () => {
  it.prop(
    "finds any capacity to a twentieth, in few trials",
    [Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1500 }))],
    ([capacity]) => {
      const { found, tried } = search(capacity, 25, 1000)
      const real = Math.min(capacity, 1000)
      assert.isAtMost(found, real)
      assert.isAtMost(real - found, Math.max(1, real * 0.06))
      assert.isAtMost(tried.length, 12)
      assert.strictEqual(new Set(tried).size, tried.length)
    }
  )

  it("does not believe more calls that were held after fewer were not", () => {
    assert.strictEqual(capacityOf(trials([25, true], [50, false], [100, true])), 25)
    assert.strictEqual(capacityOf(trials([50, false])), 0)
  })
})
