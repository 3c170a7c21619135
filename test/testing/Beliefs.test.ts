import { assert, describe, it } from "@effect/vitest"
import * as Beliefs from "../../src/testing/Beliefs.ts"

const told = (rewrites: boolean, ...found: ReadonlyArray<string>) => {
  let state = Beliefs.initial
  return found.map((words) => {
    const [next, text] = Beliefs.step(state, words, rewrites)
    state = next
    return text
  })
}

describe("beliefs", () => {
  it("are all of the words each time, and nothing if there is nothing new", () => {
    assert.deepStrictEqual(told(false, "", "I", "I", "I would like", "I would like"), [
      undefined,
      "I",
      undefined,
      "I would like",
      undefined
    ])
  })

  it("are wrong about a last word that is new, and put it right", () => {
    assert.deepStrictEqual(told(true, "", "I would", "I would", "I would", "I would like tea", "I would like tea"), [
      undefined,
      "I wou",
      "I would",
      undefined,
      "I would like te",
      "I would like tea"
    ])
  })
})
