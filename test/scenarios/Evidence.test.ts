import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { hangUp, listen, pause, say } from "../../src/testing/CallerScript.ts"
import { entriesOf } from "../../src/testing/Timeline.ts"
import { spoken } from "../../src/testing/WordSound.ts"
import { hold, noise, repliesIn, turnsIn } from "./Held.ts"

const greeting = "Hello, how can I help?"

describe("words that recognition makes of noise", () => {
  for (const invented of ["Thank you.", "you", "Thanks for watching!", "Bye."]) {
    it.live(`are nobody's: ${invented}`, () =>
      Effect.gen(function* () {
        const click = [say(noise(90)), pause(1500)]
        const held = yield* hold({
          script: [listen(), click, click, click, hangUp],
          services: {
            languageModel: { replies: ["You are welcome."] },
            speechToText: { words: () => invented, interimEveryMs: 50 }
          }
        })
        // They were made.
        assert.isAbove(entriesOf(held.timeline, "Transcript").length, 0, held.story)
        assert.deepStrictEqual([turnsIn(held), repliesIn(held)], [[], [greeting]], held.story)
        assert.strictEqual(entriesOf(held.timeline, "TurnEnded").length, 0)
      })
    )
  }

  it.live("are nobody's on a line with many voices in the background", () =>
    Effect.gen(function* () {
      const held = yield* hold({
        script: [listen(), pause(9000), hangUp],
        impairments: { noise: { kind: "babble", dbfs: -34 } },
        services: { languageModel: { replies: ["You are welcome."] }, speechToText: { words: () => "Thank you." } }
      })
      assert.deepStrictEqual([turnsIn(held), repliesIn(held)], [[], [greeting]], held.story)
    })
  )
})

describe("a short answer", () => {
  for (const answer of ["yes", "no", "okay", "Thank you.", "bye"]) {
    it.live(`is heard: ${answer}`, () =>
      Effect.gen(function* () {
        const held = yield* hold({
          script: [listen(), say(spoken(answer)), listen(), hangUp],
          services: { languageModel: { replies: ["Very well."] } }
        })
        assert.deepStrictEqual(turnsIn(held), [answer], held.story)
        assert.strictEqual(repliesIn(held).at(-1), "Very well.")
      })
    )
  }
})
