import { assert, describe, it } from "@effect/vitest"
import { type Interjection, interjection, sameWords } from "../../src/streams/Interjections.ts"

const cases: ReadonlyArray<readonly [string, Interjection]> = [
  ["", "none"],
  ["...", "none"],
  ["mm-hm", "backchannel"],
  ["Mm-hmm.", "backchannel"],
  ["Uh-huh, okay.", "backchannel"],
  ["right", "backchannel"],
  ["Yeah, yeah, yeah.", "backchannel"],
  ["I see", "backchannel"],
  ["okay yes sure right fine good", "words"],
  ["stop", "command"],
  ["Stop it.", "command"],
  ["Wait a minute, that is not what I meant", "command"],
  ["No.", "command"],
  ["No, not that one", "command"],
  ["hold on", "command"],
  ["okay stop", "command"],
  ["What about Tuesday?", "words"],
  ["Tuesday", "words"],
  ["I know that", "words"],
  ["I have no idea what that is supposed to mean", "words"]
]

describe("interjection", () => {
  for (const [text, kind] of cases) it(`"${text}" is ${kind}`, () => assert.strictEqual(interjection(text), kind))
})

it("sameWords looks past case, punctuation and spacing only", () => {
  assert.isTrue(sameWords("Book a table, please.", "book a table  please"))
  assert.isFalse(sameWords("book a table", "book the table"))
  assert.isFalse(sameWords("book a table", "book a table for two"))
})
