import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type CallerScript, hangUp, listen, pause, say } from "../../src/testing/CallerScript.ts"
import { type ScenarioOptions } from "../../src/testing/Simulation.ts"
import { spoken } from "../../src/testing/WordSound.ts"
import { hold, isHeard, repliesIn, turnsIn } from "./Held.ts"

/** Interim words come while the caller speaks. */
const services: ScenarioOptions["services"] = {
  languageModel: { replies: ["We have one left for tonight."], firstTokenMs: 250 },
  speechToText: { interimEveryMs: 100, delayMs: 120 },
  textToSpeech: { firstByteMs: 150 }
}

const answering = (script: CallerScript, turns: ScenarioOptions["turns"] = {}) =>
  hold({ script: [listen(), script, listen(), hangUp], services, turns })

describe("an answer that is begun on a guess", () => {
  it.live("is there sooner than one that is begun at the turn's end", () =>
    Effect.gen(function* () {
      const script = [say(spoken("Do you have a table for two?"))]
      const [guessed] = (yield* answering(script)).latencies
      const [waited] = (yield* answering(script, { speculationsPerTurn: 0 })).latencies
      assert.isDefined(guessed)
      assert.isDefined(waited)
      assert.isBelow(guessed.askedMs, guessed.endedMs)
      assert.isAtLeast(waited.askedMs, waited.endedMs)
      assert.isBelow(guessed.voiceToVoiceMs, waited.voiceToVoiceMs - 150)
    })
  )

  it.live("is not heard when the caller goes on, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const held = yield* answering([
        say(spoken("Do you have a table for two?")),
        pause(300),
        say(spoken("By the window, please."))
      ])
      const all = "Do you have a table for two? By the window, please."
      assert.deepStrictEqual(turnsIn(held), [all], held.story)
      assert.deepStrictEqual(repliesIn(held), ["Hello, how can I help?", "We have one left for tonight."])
      assert.isAtLeast(held.requests.length, 2, held.story)
      const messages = held.requests.at(-1)?.messages ?? []
      assert.deepStrictEqual(
        messages.filter(({ role }) => role !== "system").map(({ text }) => text),
        ["Hello, how can I help?", all]
      )
      const [first, second] = held.call.utterances
      assert.isFalse(isHeard(held, first?.startMs ?? 0, second?.endMs ?? 0), held.story)
    })
  )

  it.live("stands when the last words are those that it was begun on", () =>
    Effect.gen(function* () {
      const held = yield* answering([say(spoken("Do you have a table for two?"))])
      assert.strictEqual(held.requests.length, 1, held.story)
      assert.strictEqual(held.replies.filter(({ cue }) => cue === "Answer").length, 1)
    })
  )

  const hesitant = [1, 2, 3, 4, 5, 6].map((n) => [say(spoken(`We are ${n} people.`)), pause(290)])

  it.live("is begun a few times in a turn at the most", () =>
    Effect.gen(function* () {
      const held = yield* answering(hesitant)
      assert.strictEqual(turnsIn(held).length, 1, held.story)
      // Three guesses, and the answer.
      assert.isAbove(held.requests.length, 1)
      assert.isAtMost(held.requests.length, 4, held.story)
      assert.strictEqual(repliesIn(held).length, 2)
    })
  )

  it.live("can be done without", () =>
    Effect.gen(function* () {
      const held = yield* answering(hesitant, { speculationsPerTurn: 0 })
      assert.strictEqual(held.requests.length, 1, held.story)
    })
  )

  it.live("is not begun for somebody who has spoken for very long", () =>
    Effect.gen(function* () {
      const held = yield* answering(hesitant, { speculationMaxSpeechMs: 500 })
      assert.isAtMost(held.requests.length, 2, held.story)
    })
  )
})
