import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { draw, drawNormal } from "../../src/testing/Draws.ts"
import { type Impairments, initial, markCopies, step } from "../../src/testing/Impairments.ts"

const fates = (impairments: Impairments, frames: number) => {
  let state = initial
  return Array.from({ length: frames }, (_, index) => {
    const [next, fate] = step(impairments, state, index + 1, (index + 1) * 20)
    state = next
    return fate
  })
}

const all: Impairments = {
  seed: 7,
  jitter: { maxMs: 60 },
  bursts: { everyMs: 500, holdMs: 200 },
  loss: { rate: 0.1, meanRun: 3 },
  duplicates: { rate: 0.1 },
  marks: { lossRate: 0.3, duplicateRate: 0.3 }
}

const share = (list: ReadonlyArray<unknown>, of: (item: never) => boolean): number =>
  list.filter((item) => of(item as never)).length / list.length

describe("Draws", () => {
  it("are uniform, and different for every lane and seed", () => {
    const draws = Array.from({ length: 20_000 }, (_, n) => draw(1, 0, n))
    const bins = Array.from({ length: 10 }, (_, bin) => share(draws, (x: number) => Math.floor(x * 10) === bin))
    for (const bin of bins) assert.approximately(bin, 0.1, 0.01)
    for (const other of [Array.from(draws, (_, n) => draw(1, 1, n)), Array.from(draws, (_, n) => draw(2, 0, n))]) {
      const product = draws.reduce((sum, x, n) => sum + (x - 0.5) * (other[n]! - 0.5), 0) / draws.length
      assert.approximately(product * 12, 0, 0.03)
    }
  })

  it("are normal", () => {
    const draws = Array.from({ length: 20_000 }, (_, n) => drawNormal(3, 0, n))
    assert.approximately(draws.reduce((sum, x) => sum + x, 0) / draws.length, 0, 0.03)
    assert.approximately(draws.reduce((sum, x) => sum + x * x, 0) / draws.length, 1, 0.05)
    assert.approximately(
      share(draws, (x: number) => Math.abs(x) < 1),
      0.683,
      0.02
    )
  })
})

describe("Impairments", () => {
  it("leave a good line alone", () => {
    assert.deepStrictEqual(
      fates({}, 100),
      Array.from({ length: 100 }, (_, index) => ({ copies: 1, sendMs: (index + 1) * 20 }))
    )
    assert.strictEqual(markCopies({}, 1), 1)
  })

  it.prop("are the same for the same seed", [Schema.Int], ([seed]) => {
    assert.deepStrictEqual(fates({ ...all, seed }, 200), fates({ ...all, seed }, 200))
  })

  it("are different for another seed, and do not depend on each other", () => {
    assert.notDeepEqual(fates(all, 200), fates({ ...all, seed: 8 }, 200))
    const copies = (impairments: Impairments) => fates(impairments, 200).map((fate) => fate.copies)
    assert.deepStrictEqual(copies(all), copies({ seed: 7, loss: all.loss!, duplicates: all.duplicates! }))
  })

  it("delay frames by what was asked for", () => {
    const late = fates({ jitter: { maxMs: 30 } }, 5000).map(({ sendMs }, index) => sendMs - (index + 1) * 20)
    assert.strictEqual(Math.min(...late), 0)
    assert.strictEqual(Math.max(...late), 30)
    assert.approximately(late.reduce((sum, ms) => sum + ms, 0) / late.length, 15, 1)
  })

  it("hold frames and send them together", () => {
    const held = fates({ bursts: { everyMs: 1000, holdMs: 100 } }, 10_000)
    const bursts = new Map<number, number>()
    held.forEach(({ sendMs }, index) => {
      const dueMs = (index + 1) * 20
      assert.isTrue(sendMs >= dueMs && sendMs <= dueMs + 100)
      if (sendMs > dueMs) bursts.set(sendMs, (bursts.get(sendMs) ?? 0) + 1)
    })
    // A hold of 100 ms covers five frames: the one it begins with and four more; the next one is due when it ends.
    assert.deepStrictEqual([...new Set(bursts.values())], [5])
    // It begins 1000 ms on average after the last one ended.
    assert.approximately(bursts.size, 200_000 / 1100, 40)
  })

  it("lose the share of frames that was asked for, in runs", () => {
    const single = fates({ loss: { rate: 0.05 } }, 20_000).map(({ copies }) => copies === 0)
    assert.approximately(
      share(single, (lost: boolean) => lost),
      0.05,
      0.01
    )
    const runs = fates({ loss: { rate: 0.05, meanRun: 4 } }, 40_000).map(({ copies }) => copies === 0)
    assert.approximately(
      share(runs, (lost: boolean) => lost),
      0.05,
      0.015
    )
    const begun = runs.filter((lost, index) => lost && runs[index - 1] !== true).length
    assert.approximately(runs.filter(Boolean).length / begun, 4, 0.5)
    assert.isTrue(fates({ loss: { rate: 1 } }, 100).every(({ copies }) => copies === 0))
    assert.isTrue(fates({ loss: { rate: 0, meanRun: 5 } }, 100).every(({ copies }) => copies === 1))
  })

  it("send the share of frames twice that was asked for", () => {
    const copies = fates({ duplicates: { rate: 0.2 } }, 10_000).map((fate) => fate.copies)
    assert.approximately(
      share(copies, (count: number) => count === 2),
      0.2,
      0.02
    )
    assert.approximately(
      share(copies, (count: number) => count === 1),
      0.8,
      0.02
    )
  })

  it("lose and repeat marks", () => {
    const copies = Array.from({ length: 10_000 }, (_, n) => markCopies(all, n))
    assert.approximately(
      share(copies, (count: number) => count === 0),
      0.3,
      0.02
    )
    assert.approximately(
      share(copies, (count: number) => count === 2),
      0.7 * 0.3,
      0.02
    )
  })
})
