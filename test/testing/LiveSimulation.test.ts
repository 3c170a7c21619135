import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { hangUp, interrupt, listen, say } from "../../src/testing/CallerScript.ts"
import { checkCall, hearsEverything, invariants } from "../../src/testing/Invariants.ts"
import { simulateLive } from "../../src/testing/LiveSimulation.ts"
import { type ScenarioOptions, simulate } from "../../src/testing/Simulation.ts"
import { entriesOf } from "../../src/testing/Timeline.ts"
import { spoken } from "../../src/testing/WordSound.ts"

const everything = { ...invariants, hearsEverything }

const greeting = { id: "test", name: "Test", prompt: "Be brief.", greeting: "Hi!" }

describe("a scenario over real sockets", () => {
  it.live(
    "is the same conversation as in virtual time",
    () =>
      Effect.gen(function* () {
        const scenario: ScenarioOptions = {
          persona: greeting,
          script: [
            listen(),
            say(spoken("When are you open?")),
            interrupt({ afterMs: 1200, say: spoken("Not today, tomorrow.") }),
            listen(),
            hangUp
          ],
          services: {
            languageModel: { replies: ["Today we are open from nine until half past five.", "Tomorrow from ten."] },
            speechToText: { interimEveryMs: 300, rewrites: true }
          }
        }
        const live = yield* simulateLive(scenario)
        const virtual = yield* simulate(scenario)
        const callerTurns = (conversation: typeof live.conversation) => conversation.filter(({ by }) => by === "caller")
        assert.deepStrictEqual(callerTurns(live.conversation), callerTurns(virtual.conversation))
        assert.deepStrictEqual(
          live.replies.map(({ cue, generated, stopped }) => [cue, generated, stopped]),
          virtual.replies.map(({ cue, generated, stopped }) => [cue, generated, stopped])
        )
        // What is believed on the way depends on where audio is cut; that it grows to the words that are told does not.
        for (const { events } of [live, virtual]) {
          const beliefs = events.flatMap((event) =>
            event._tag === "Interim" && event.segment === 1 ? [event.text] : []
          )
          assert.isAbove(beliefs.length, 1)
          assert.isTrue(
            beliefs.every((text) => "When are you open?".startsWith(text)),
            beliefs.join("|")
          )
        }
        assert.deepStrictEqual(checkCall(live, everything), [])
        assert.deepStrictEqual(live.call.failures, [])
        assert.strictEqual(live.remains.sockets, 0)
        assert.strictEqual(live.emulators.speechToText.filter(({ _tag }) => _tag === "Closed").length, 1)
        assert.strictEqual(live.emulators.textToSpeech.filter(({ _tag }) => _tag === "Closed").length, 1)
        assert.deepStrictEqual(
          // Guesses at what was only half heard are made too.
          live.requests.map(({ said }) => said).filter((said, n, all) => /[.?]$/.test(said) && said !== all[n - 1]),
          ["When are you open?", "Not today, tomorrow."]
        )
      }),
    40_000
  )

  it.live(
    "fails in the same places",
    () =>
      Effect.gen(function* () {
        const scenario: ScenarioOptions = {
          persona: greeting,
          script: [listen(), say(spoken("When are you open?")), listen(600), hangUp],
          turns: { speculationsPerTurn: 0 },
          services: {
            languageModel: { replies: [{ text: "One two three four five.", fault: { kind: "cut", afterTokens: 3 } }] },
            speechToText: { delayMs: 40 }
          }
        }
        const live = yield* simulateLive(scenario)
        const virtual = yield* simulate(scenario)
        for (const report of [live, virtual]) {
          assert.deepStrictEqual(checkCall(report), [])
          assert.deepStrictEqual(
            entriesOf(report.timeline, "Failed").map(({ stage }) => stage),
            ["language model"]
          )
        }
        assert.deepStrictEqual(
          live.replies.map(({ generated }) => generated),
          virtual.replies.map(({ generated }) => generated)
        )
      }),
    40_000
  )
})
