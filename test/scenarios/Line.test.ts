import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { hangUp, interrupt, listen, say } from "../../src/testing/CallerScript.ts"
import { type Impairments } from "../../src/testing/Impairments.ts"
import { entriesOf } from "../../src/testing/Timeline.ts"
import { spoken, wordsOf } from "../../src/testing/WordSound.ts"
import { hold, repliesIn, turnsIn } from "./Held.ts"

const answer =
  "We open at nine, and we close at half past five in the afternoon. On Sundays we are closed all day long."

const lines: Readonly<Record<string, Impairments>> = {
  good: {},
  "with jitter": { jitter: { maxMs: 60 } },
  "with bursts": { bursts: { everyMs: 2000, holdMs: 150 } },
  "with a fast clock": { clockSkewPpm: 400 },
  "that loses frames and marks": {
    loss: { rate: 0.01 },
    duplicates: { rate: 0.01 },
    marks: { delayMs: 150, lossRate: 0.2 }
  }
}

describe("the agent's audio", () => {
  for (const [name, impairments] of Object.entries(lines)) {
    it.live(`is whole frames that never run dry, on a line that is ${name}`, () =>
      Effect.gen(function* () {
        const held = yield* hold({
          script: [listen(), say(spoken("When are you open?")), listen(900), hangUp],
          impairments,
          services: {
            languageModel: { replies: [answer] },
            voiceActivity: { source: "truth" },
            // Pieces that are no whole number of frames, of a sample rate that is not the line's.
            textToSpeech: { sampleRate: 24_000, pieceMs: 33, realTimeFactor: 0.5 }
          }
        })
        assert.strictEqual(held.call.playout.raggedFrames, 0)
        assert.deepStrictEqual(entriesOf(held.timeline, "Underrun"), [], held.story)
        assert.deepStrictEqual(held.wordsHeard().at(-1)?.heard, wordsOf(answer), held.story)
        assert.deepStrictEqual(repliesIn(held).at(-1), answer)
      })
    )
  }
})

describe("an answer on a telephone line", () => {
  it.live("begins as soon as on a good one, but for what the line itself is late", () =>
    Effect.gen(function* () {
      const late = (impairments: Impairments) =>
        Effect.map(
          hold({
            script: [listen(), say(spoken("When are you open?")), listen(900), hangUp],
            impairments,
            services: {
              languageModel: { replies: [answer], firstTokenMs: 250 },
              voiceActivity: { source: "truth" },
              speechToText: { interimEveryMs: 100, delayMs: 120 },
              textToSpeech: { firstByteMs: 150 }
            }
          }),
          ({ latencies }) => latencies[0]?.voiceToVoiceMs ?? Number.NaN
        )
      const good = yield* late({})
      assert.isBelow(good, 850)
      assert.isBelow(yield* late({ jitter: { maxMs: 60 } }), good + 120)
    })
  )
})

describe("what the caller says", () => {
  it.live("is heard from its first sound, which is before anybody knows that they speak", () =>
    Effect.gen(function* () {
      const held = yield* hold({
        script: [
          listen(),
          say(spoken("A table for two.")),
          interrupt({ afterMs: 1500, say: spoken("Is there one outside?") }),
          listen(),
          hangUp
        ],
        services: { languageModel: { replies: [answer, "There is."] }, speechToText: { interimEveryMs: 100 } }
      })
      // Words whose first 10 ms are missing are not heard by this recogniser.
      assert.deepStrictEqual(turnsIn(held), ["A table for two.", "Is there one outside?"], held.story)
    })
  )
})
