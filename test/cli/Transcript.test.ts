import { assert, describe, it } from "@effect/vitest"
import { readEvent, transcriptOf } from "../../src/cli/Transcript.ts"

const heard = (text: string, generated = text) => ({ _tag: "Heard", atMs: 1, epoch: 1, text, generated, playedMs: 10 })
const ended = (turn: number, text: string) => ({
  _tag: "Decided",
  atMs: 1,
  output: { _tag: "TurnEnded", turn, text, pausedAtMs: 5, pauseMs: 400 }
})

const told = (events: ReadonlyArray<unknown>) =>
  transcriptOf(events.map(readEvent).filter((event) => event !== undefined))

describe("transcriptOf", () => {
  it("has what was said in order, and what was not heard of it", () => {
    assert.deepStrictEqual(
      told([heard("Hello."), ended(1, "hi"), heard("We open", "We open at nine."), heard("", "Oh")]),
      [
        { by: "agent", text: "Hello.", unheard: "" },
        { by: "caller", text: "hi", unheard: "" },
        { by: "agent", text: "We open", unheard: "at nine." }
      ]
    )
  })

  it("lets the last telling of a turn stand", () => {
    assert.deepStrictEqual(told([ended(1, "when do you"), ended(2, "later"), ended(1, "when do you open")]), [
      { by: "caller", text: "later", unheard: "" },
      { by: "caller", text: "when do you open", unheard: "" }
    ])
  })

  it("claims nothing about words that are not how the reply began", () => {
    assert.deepStrictEqual(told([heard("Well, we open", "We open at nine.")]), [
      { by: "agent", text: "Well, we open", unheard: "" }
    ])
  })

  it.each<readonly [unknown]>([
    [undefined],
    ["Heard"],
    [{ _tag: "Heard" }],
    [{ _tag: "Voice", atMs: 1, probability: 0.5 }],
    [{ _tag: "Decided", output: { _tag: "HangUp" } }]
  ])("passes over %o", (event) => {
    assert.isUndefined(readEvent(event))
  })
})
