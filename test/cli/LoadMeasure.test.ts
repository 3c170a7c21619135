import { assert, describe, it } from "@effect/vitest"
import { costOf, spread } from "../../src/cli/LoadMeasure.ts"
import { type Usage } from "../../src/cli/LoadUsage.ts"

describe("spread", () => {
  it("places calls evenly over the ramp, and processes in turn", () => {
    assert.deepStrictEqual(spread({ calls: 5, rampMs: 1000 }, 2), [
      [
        { number: 0, atMs: 0 },
        { number: 2, atMs: 400 },
        { number: 4, atMs: 800 }
      ],
      [
        { number: 1, atMs: 200 },
        { number: 3, atMs: 600 }
      ]
    ])
  })

  it.each([
    [1, 4],
    [3, 4],
    [100, 7]
  ])("gives all of %d calls to %d processes at most, each something", (calls, processes) => {
    const parts = spread({ calls, rampMs: 5000 }, processes)
    assert.isAtMost(parts.length, processes)
    assert.isTrue(parts.every((part) => part.length > 0))
    const numbers = parts.flat().map(({ number }) => number)
    assert.deepStrictEqual(
      numbers.toSorted((a, b) => a - b),
      Array.from({ length: calls }, (_, n) => n)
    )
  })
})

describe("costOf", () => {
  const usage = (cpuMs: number, rssMiB: number, heldMiB?: number): Usage => ({
    cpuMs,
    rssBytes: rssMiB * 1024 * 1024,
    heldBytes: heldMiB === undefined ? undefined : heldMiB * 1024 * 1024
  })

  it("divides processor time of the measured stretch by seconds of call, and memory by calls", () => {
    const cost = costOf(
      [usage(500, 100, 40), usage(2000, 150, 80), usage(6000, 190, 95), usage(9000, 200, 60)],
      40,
      20_000
    )
    assert.deepStrictEqual(cost, {
      cpuMsPerCallSecond: 5,
      cores: 0.2,
      bytesPerCall: 0.5 * 1024 * 1024,
      isHeld: true
    })
  })

  it("takes all memory of the process where it is not known what of it is in use", () => {
    const cost = costOf([usage(0, 100), usage(0, 0), usage(100, 0), usage(0, 140)], 40, 1000)
    assert.deepStrictEqual([cost?.bytesPerCall, cost?.isHeld], [1024 * 1024, false])
  })

  it("is not known without calls", () => {
    assert.isUndefined(costOf([usage(0, 0), usage(0, 0), usage(1, 0), usage(0, 0)], 0, 1000))
  })
})
