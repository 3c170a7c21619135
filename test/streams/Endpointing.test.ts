import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  type Completeness,
  completeness,
  defaultEndpointingSettings,
  learnPause,
  noPauses,
  pauseFor
} from "../../src/streams/Endpointing.ts"

const asks = "Would you like a table by the window?"
const asksNumber = "Sure. What is your phone number?"
const asksEmail = "And your e-mail address?"

const cases: ReadonlyArray<readonly [text: string, agentSaid: string, kind: Completeness]> = [
  ["", "", "open"],
  ["yes", asks, "short answer"],
  ["Yes, please.", asks, "short answer"],
  ["no", asks, "short answer"],
  ["No thanks", asks, "short answer"],
  ["yes", "What can I do for you?", "complete"],
  ["yes but", asks, "unfinished"],
  ["I would like to book a table.", "", "complete"],
  ["What time do you open?", "", "complete"],
  ["I would like to book a table", "", "open"],
  ["I would like to book a table and", "", "unfinished"],
  ["I would like to book a table and.", "", "unfinished"],
  ["I would like to book a table that", "", "unfinished"],
  ["Please hold while we try to connect you.", "", "open"],
  ["I know what it is.", "", "open"],
  ["Is that all you have?", "", "complete"],
  ["I would like to, um", "", "unfinished"],
  ["On Tuesday,", "", "unfinished"],
  ["so I was thinking...", "", "unfinished"],
  ["could you send it to the", "", "unfinished"],
  ["five five five", asksNumber, "dictating"],
  ["555 0199", asksNumber, "dictating"],
  ["It's 212 555", "", "dictating"],
  ["212 555 0199", "", "complete"],
  ["two one two five five five zero one nine nine", asksNumber, "complete"],
  ["at seven", "What time suits you?", "open"],
  ["I need three", "", "open"],
  ["john at", asksEmail, "dictating"],
  ["john at gmail dot", asksEmail, "dictating"],
  ["john@gmail.com", asksEmail, "complete"],
  ["it is john at gmail dot com", asksEmail, "complete"],
  ["s m i", "Could you spell your name?", "dictating"]
]

describe("completeness", () => {
  for (const [text, agentSaid, kind] of cases) {
    it(`of "${text}"${agentSaid === "" ? "" : ` after "${agentSaid}"`} is: ${kind}`, () =>
      assert.strictEqual(completeness(text, agentSaid), kind))
  }
})

const pause = (text: string, agentSaid = "", habit = { typicalPauseMs: 0, pausesSeen: 0 }) =>
  pauseFor(defaultEndpointingSettings, { text, agentSaid, ...habit })

describe("the pause", () => {
  it("is shorter the surer the words are, and longer the less they are", () => {
    const inOrder = [
      pause("Yes.", asks),
      pause("I would like to book a table."),
      pause("I would like to book a table"),
      pause("five five five", asksNumber),
      pause("I would like to book a table and")
    ]
    assert.deepStrictEqual(inOrder, [250, 325, 500, 1500, 1700])
  })

  it("grows with the habit of a caller who pauses long", () => {
    const habit = { typicalPauseMs: 900, pausesSeen: 3 }
    assert.isAbove(pause("I would like to book a table", "", habit), 1200)
    assert.isAtMost(pause("I would like to book a table.", "", habit), 800)
    assert.strictEqual(pause("Yes.", asks, habit), 250)
  })

  it("is not moved by a single pause", () => {
    assert.strictEqual(pause("I would like to", "", { typicalPauseMs: 2000, pausesSeen: 1 }), pause("I would like to"))
  })

  it("follows eagerness", () => {
    const turn = { text: "I would like a table", agentSaid: "", typicalPauseMs: 0, pausesSeen: 0 }
    const at = (eagerness: number) => pauseFor({ ...defaultEndpointingSettings, eagerness }, turn)
    assert.isBelow(at(1), at(0.5))
    assert.isBelow(at(0.5), at(0))
  })

  it.prop(
    "stays between its bounds, whatever is said",
    [Schema.String, Schema.String, Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 10_000 }))],
    ([text, agentSaid, typicalPauseMs]) => {
      const ms = pause(text, agentSaid, { typicalPauseMs, pausesSeen: 5 })
      assert.isAtLeast(ms, defaultEndpointingSettings.minMs)
      assert.isAtMost(ms, defaultEndpointingSettings.maxMs)
    }
  )
})

it("learns a caller's pauses, the first ones faster", () => {
  const one = learnPause(noPauses, 400)
  assert.deepStrictEqual(one, { typicalMs: 400, seen: 1 })
  const two = learnPause(one, 800)
  assert.deepStrictEqual(two, { typicalMs: 600, seen: 2 })
  let many = two
  for (let i = 0; i < 50; i++) many = learnPause(many, 1000)
  assert.approximately(many.typicalMs, 1000, 1)
})
