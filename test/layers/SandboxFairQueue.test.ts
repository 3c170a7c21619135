import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type FairQueue, push, remove, take } from "../../src/layers/SandboxFairQueue.ts"

const filled = (...jobs: ReadonlyArray<readonly [number, string]>): FairQueue<string> =>
  jobs.reduce((queue: FairQueue<string>, [lane, job]) => push(queue, lane, job), [])

const takeAll = (queue: FairQueue<string>): ReadonlyArray<string> => {
  const [job, rest] = take(queue)
  return job === undefined ? [] : [job, ...takeAll(rest)]
}

describe("SandboxFairQueue", () => {
  it("gives lanes their turns and keeps the order within each", () => {
    const queue = filled([1, "a1"], [1, "a2"], [1, "a3"], [2, "b1"], [3, "c1"], [3, "c2"])
    assert.deepStrictEqual(takeAll(queue), ["a1", "b1", "c1", "a2", "c2", "a3"])
  })

  it("lets a lane that comes back wait for the others", () => {
    const [job, rest] = take(filled([1, "a1"], [2, "b1"], [2, "b2"]))
    assert.strictEqual(job, "a1")
    assert.deepStrictEqual(takeAll(push(rest, 1, "a2")), ["b1", "a2", "b2"])
  })

  it("forgets what was taken back, and lanes without jobs", () => {
    const queue = filled([1, "a1"], [2, "b1"], [2, "b2"])
    assert.deepStrictEqual(takeAll(remove(queue, "b1")), ["a1", "b2"])
    assert.deepStrictEqual(remove(remove(remove(queue, "b1"), "a1"), "b2"), [])
  })

  it("has nothing when empty", () => assert.deepStrictEqual(take([]), [undefined, []]))

  const Lanes = Schema.Array(Schema.Literals([1, 2, 3]))

  it.prop("gives the first job of every lane, then the second of every lane, and so on", [Lanes], ([lanes]) => {
    const jobs = lanes.map((lane, at) => [lane, `${lane}:${at}`] as readonly [number, string])
    const arrivals = [...new Set(lanes)]
    const rounds = lanes.map((_, round) =>
      arrivals.flatMap((arrival) => jobs.filter(([lane]) => lane === arrival).slice(round, round + 1))
    )
    assert.deepStrictEqual(
      takeAll(filled(...jobs)),
      rounds.flat().map(([, job]) => job)
    )
  })
})
