import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { hangUp, listen, say } from "../../src/testing/CallerScript.ts"
import { spoken } from "../../src/testing/WordSound.ts"
import { hold } from "./Held.ts"

const script = [listen(), say(spoken("When are you open?")), listen(), hangUp]
const languageModel = { replies: ["Sure, I can look that up for you, and it will not take long."], firstTokenMs: 250 }

describe("the first words of a call", () => {
  it.live("are heard at once, however long the voice takes", () =>
    Effect.gen(function* () {
      const textToSpeech = { firstByteMs: 2000 }
      const kept = yield* hold({ script, services: { languageModel, textToSpeech } })
      const made = yield* hold({ script, services: { languageModel, textToSpeech, keptSpeech: false } })
      assert.isBelow(kept.replies[0]?.audibleMs ?? Infinity, 20, kept.story)
      assert.isAtLeast(made.replies[0]?.audibleMs ?? 0, 2000)
    })
  )
})

describe("the first words of an answer", () => {
  it.live("are spoken before the model has written the sentence they are in", () =>
    Effect.gen(function* () {
      const held = yield* hold({
        script,
        services: { languageModel: { ...languageModel, tokensPerSecond: 12 }, textToSpeech: { firstByteMs: 150 } }
      })
      const [latency] = held.latencies
      assert.isDefined(latency)
      // The whole sentence takes the model more than a second.
      assert.isBelow(latency.firstSentenceMs - latency.firstTokenMs, 200, held.story)
      assert.isBelow(latency.voiceToVoiceMs, latency.firstTokenMs + 400, held.story)
    })
  )
})
