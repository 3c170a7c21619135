import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { hangUp, listen, pause, say } from "../../src/testing/CallerScript.ts"
import { testPersona } from "../../src/testing/SimulatedServices.ts"
import { spoken } from "../../src/testing/WordSound.ts"
import { hold, isHeard, pausesOf, turnsIn } from "./Held.ts"

const asking = (greeting: string) => ({ ...testPersona, greeting })

/** The caller says these things with pauses between, and the agent answers. */
const saying = (greeting: string, pauseMs: number, ...parts: ReadonlyArray<string>) =>
  hold({
    persona: asking(greeting),
    script: [
      listen(),
      parts.map((part, index) => [index === 0 ? [] : pause(pauseMs), say(spoken(part))]),
      listen(),
      hangUp
    ],
    services: { languageModel: { replies: ["Thank you. I have that."] }, speechToText: { interimEveryMs: 100 } }
  })

describe("a turn", () => {
  for (const [what, greeting, pauseMs, ...parts] of [
    ["a phone number", "What is your phone number?", 1000, "five five five", "one two three", "four five six seven"],
    ["a phone number nobody asked for", "How can I help?", 1000, "My number is five five five", "one two three four"],
    ["an e-mail address", "And your e-mail address?", 1200, "jane at", "example", "dot com"],
    ["a name being spelled", "Could you spell your name?", 900, "j a n", "e t"],
    ["a sentence that breaks off", "How can I help?", 1300, "I would like two rooms and", "a cot."],
    ["a caller who looks for words", "How can I help?", 1300, "It is about my, um,", "my booking."]
  ] as const) {
    it.live(`is not over in the middle of ${what}`, () =>
      Effect.gen(function* () {
        const held = yield* saying(greeting, pauseMs, ...parts)
        assert.deepStrictEqual(turnsIn(held), [parts.join(" ")], held.story)
        const { utterances } = held.call
        assert.isFalse(isHeard(held, utterances[0]?.startMs ?? 0, utterances.at(-1)?.endMs ?? 0), held.story)
        assert.strictEqual(held.latencies.length, 1)
      })
    )
  }

  it.live("that is a phone number is answered as soon as all of it is there", () =>
    Effect.gen(function* () {
      const held = yield* saying(
        "What is your phone number?",
        800,
        "five five five one two three",
        "four five six seven"
      )
      assert.isBelow(held.latencies[0]?.voiceToVoiceMs ?? Infinity, 1000, held.story)
    })
  )

  it.live("that is a yes to a question is over after a quarter of a second", () =>
    Effect.gen(function* () {
      const held = yield* saying("Is this about a booking?", 0, "Yes.")
      const [pauseMs = 0] = pausesOf(held)
      assert.isAtLeast(pauseMs, 250)
      // Its words take 150 ms from the commit at 160 ms.
      assert.isBelow(pauseMs, 380, held.story)
    })
  )

  it.live("is over sooner after a whole sentence than after words that tell nothing", () =>
    Effect.gen(function* () {
      const [whole = 0] = pausesOf(yield* saying("How can I help?", 0, "Please book me a table."))
      const [open = 0] = pausesOf(yield* saying("How can I help?", 0, "Please book me a table"))
      assert.isBelow(whole, 400)
      assert.isAtLeast(open, 500)
    })
  )

  it.live("is given more time once the caller has shown that they pause long", () =>
    Effect.gen(function* () {
      const same = "on friday evening"
      const slow = (what: string) => [say(spoken("I would like to")), pause(850), say(spoken(what)), listen()]
      const held = yield* hold({
        script: [
          listen(),
          say(spoken(same)),
          listen(),
          slow("book a table."),
          slow("see the menu."),
          slow("bring a dog."),
          say(spoken(same)),
          listen(),
          hangUp
        ],
        services: { languageModel: { replies: ["That is fine. What else?"] } }
      })
      const pauses = pausesOf(held)
      assert.strictEqual(pauses.length, 5, held.story)
      assert.isAbove(pauses.at(-1) ?? 0, (pauses[0] ?? 0) + 400, held.story)
    })
  )

  for (const [name, turns, longest] of [
    ["the longest pause", { endpointMaxMs: 900 }, 950],
    ["eagerness", { endpointEagerness: 1 }, 900]
  ] as const) {
    it.live(`keeps to ${name} that is configured`, () =>
      Effect.gen(function* () {
        const held = yield* hold({
          turns,
          script: [listen(), say(spoken("I would like two rooms and")), listen(), hangUp],
          services: { languageModel: { replies: ["And what?"] } }
        })
        assert.isAtMost(pausesOf(held)[0] ?? Infinity, longest, held.story)
      })
    )
  }

  it.live("goes on without end only as long as it may, and is answered at the next breath", () =>
    Effect.gen(function* () {
      const breath = [say(spoken("and then we went on to the next town and")), pause(250)]
      const held = yield* hold({
        turns: { maxTurnMs: 5000 },
        script: [listen(), breath, breath, breath, breath, breath, listen(), hangUp],
        services: { languageModel: { replies: ["Let me stop you there."] } }
      })
      const first = held.replies.find(({ cue }) => cue === "Answer" || cue === "AskAgain")
      assert.isDefined(first, held.story)
      assert.isAtLeast(held.latencies.length, 1)
    })
  )
})
