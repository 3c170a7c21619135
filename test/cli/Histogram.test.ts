import { assert, describe, it } from "@effect/vitest"
import { addTo, makeHistogram, maximum, quantile, record } from "../../src/cli/Histogram.ts"

const of = (values: ReadonlyArray<number>) => {
  const histogram = makeHistogram()
  for (const value of values) record(histogram, value)
  return histogram
}

const upTo100 = Array.from({ length: 100 }, (_, n) => n + 1)

describe("quantile", () => {
  it.each<readonly [ReadonlyArray<number>, number, number | undefined]>([
    [[], 0.5, undefined],
    [[7], 0.99, 7],
    [[7], 0, 7],
    [[3, 1, 2], 0.5, 2],
    [[1, 2, 3, 4], 0.5, 2],
    [upTo100, 0.5, 50],
    [upTo100, 0.95, 95],
    [upTo100, 0.99, 99],
    [upTo100, 1, 100],
    [[-12, 0, 12], 0.01, -12],
    // To a tenth.
    [[1.04, 1.06], 0.5, 1],
    [[1.04, 1.06], 1, 1.1]
  ])("of %j at %d is %d", (values, share, expected) => {
    assert.strictEqual(quantile(of(values), share), expected)
  })
})

describe("addTo", () => {
  it("makes one of parts that is the same as if it had been measured in one", () => {
    const all = [5, 1, 9.26, 1, 300, -4]
    const parts = of(all.slice(0, 2))
    addTo(parts, of(all.slice(2)))
    addTo(parts, makeHistogram())
    assert.deepStrictEqual([...parts.bins].sort(), [...of(all).bins].sort())
    assert.deepStrictEqual([parts.count, parts.sum, maximum(parts)], [6, of(all).sum, 300])
  })

  it("has no greatest value of nothing", () => {
    assert.isUndefined(maximum(makeHistogram()))
  })
})
