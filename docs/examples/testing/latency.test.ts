import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { hangUp, listen, renderTimeline, say, simulate, spoken } from "parley/testing"

it.live("an answer begins within a second, with a model that takes 400 ms to its first word", () =>
  Effect.gen(function* () {
    const report = yield* simulate({
      script: [listen(), say(spoken("I have a question about my booking")), listen(), hangUp],
      services: {
        languageModel: { replies: ["Sure. What would you like to know?"], firstTokenMs: 400 },
        speechToText: { delayMs: 100 },
        textToSpeech: { firstByteMs: 120 }
      }
    })

    // All times are milliseconds from the end of the caller's last word, in virtual time: the same in every run.
    const [answer] = report.latencies
    assert.isDefined(answer)
    assert.isBelow(answer.voiceToVoiceMs, 1000, renderTimeline(report.timeline))
    // Where the time went: the model was asked before it was certain that the caller was done.
    assert.isBelow(answer.askedMs, answer.endedMs)
    assert.strictEqual(answer.firstTokenMs - answer.askedMs, 400)
  })
)
