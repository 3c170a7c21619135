import { assert, it } from "@effect/vitest"
import { MAX_MESSAGES, type Message, promptFor, said } from "../../src/streams/Conversation.ts"

it("puts the persona first, then what was said, then the caller's latest words", () => {
  const history = said([], { role: "assistant", text: "Hello." })
  assert.deepStrictEqual(promptFor("Be kind.", history, "Hi"), [
    { role: "system", content: "Be kind." },
    { role: "assistant", content: "Hello." },
    { role: "user", content: "Hi" }
  ])
})

it("forgets the oldest messages", () => {
  let history: ReadonlyArray<Message> = []
  for (let i = 0; i < 100; i++) history = said(history, { role: i % 2 === 0 ? "user" : "assistant", text: `${i}` })
  assert.strictEqual(history.length, MAX_MESSAGES)
  assert.strictEqual(history[0]?.text, "60")
  assert.strictEqual(promptFor("p", history, "now").length, MAX_MESSAGES + 1)
})

it("keeps nothing for a reply of which nothing was heard", () => {
  assert.deepStrictEqual(said([], { role: "user", text: "Hi" }, { role: "assistant", text: " " }), [
    { role: "user", text: "Hi" }
  ])
})
