import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as SileroVoiceActivity from "../../src/layers/SileroVoiceActivity.ts"
import { VoiceActivity } from "../../src/services/VoiceActivity.ts"
import { runCall } from "../../src/streams/Call.ts"
import { hangUp, listen, pause, say } from "../../src/testing/CallerScript.ts"
import { entriesOf } from "../../src/testing/Timeline.ts"
import { timeStandsStill } from "../../src/testing/VirtualTime.ts"
import { spoken } from "../../src/testing/WordSound.ts"
import { babble, withSound } from "../support/Babble.ts"
import { hold, noise, repliesIn, turnsIn } from "./Held.ts"

/** Silero, whose work takes no virtual time. */
const standingStill = Layer.effect(
  VoiceActivity,
  Effect.map(VoiceActivity, ({ open }) =>
    VoiceActivity.of({
      open: Effect.map(timeStandsStill(open), (scorer) => ({
        score: (window: Int16Array) => timeStandsStill(scorer.score(window)),
        reset: scorer.reset
      }))
    })
  )
).pipe(Layer.provide(SileroVoiceActivity.layerFrom()), Layer.orDie)

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

  for (const dbfs of [-34, -29]) {
    it.live(`are nobody's where many others talk, at ${dbfs} dB, as the voice model of the product hears it`, () =>
      Effect.gen(function* () {
        const sound = babble(dbfs)
        const held = yield* hold({
          script: [listen(), pause(14_000), hangUp],
          turns: { idleMs: 0 },
          services: { languageModel: { replies: ["You are welcome."] }, speechToText: { words: () => "Thank you." } },
          layer: standingStill,
          run: (link) => runCall(withSound(link, sound))
        })
        assert.deepStrictEqual([turnsIn(held), repliesIn(held)], [[], [greeting]], held.story)
      })
    )
  }
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
