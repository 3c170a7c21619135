import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { type Choice, likely } from "../../src/layers/Choices.ts"
import * as Circuit from "../../src/layers/Circuit.ts"
import { type TogetherSettings } from "../../src/services/AppConfig.ts"

const settings: TogetherSettings = {
  apiKey: Redacted.make("key"),
  baseUrl: new URL("http://localhost/v1"),
  sttModel: "",
  llmModel: "",
  ttsModel: "",
  ttsVoice: ""
}

/** So many choices that failed so often; those of them, by number, that a call will ask. */
const likelyOf = Effect.fnUntraced(function* (failures: ReadonlyArray<number>, since: "just now" | "long ago") {
  const choices = yield* Effect.forEach(failures, (times, index) =>
    Effect.gen(function* (): Effect.fn.Return<Choice> {
      const circuit = yield* Circuit.make(`choice ${index}`, { failures: 2, windowMs: 10_000, openMs: 5000 })
      for (let n = 0; n < times; n++) yield* circuit.failed
      return { settings: { ...settings, llmModel: String(index) }, circuit }
    })
  )
  if (since === "long ago") yield* TestClock.adjust("1 minute")
  return (yield* likely(choices)).map(({ llmModel }) => Number(llmModel))
})

describe("a call will ask", () => {
  it.effect.each([
    ["the first choice while it works", [0, 0], "just now", [0]],
    ["the only choice, whatever it did", [1], "just now", [0]],
    ["the second one as well, once the first one failed", [1, 0], "just now", [0, 1]],
    ["the second one as well until the first one works again", [1, 0], "long ago", [0, 1]],
    ["only the second one while the first one is left alone", [2, 0], "just now", [1]],
    ["both when the first one is to be tried again", [2, 0], "long ago", [0, 1]],
    ["nobody while both are left alone", [2, 2], "just now", []]
  ] as const)("%s", ([, failures, since, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* likelyOf(failures, since), [...expected])
    })
  )

  it.effect("the first choice alone once it works again", () =>
    Effect.gen(function* () {
      const first = yield* Circuit.make("first")
      const second = yield* Circuit.make("second")
      yield* first.failed
      yield* first.succeeded
      const asked = yield* likely([
        { settings, circuit: first },
        { settings, circuit: second }
      ])
      assert.lengthOf(asked, 1)
    })
  )
})
