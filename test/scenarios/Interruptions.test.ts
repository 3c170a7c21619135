import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { hangUp, interrupt, listen, pause, say, waitUntilAgentSpeaks } from "../../src/testing/CallerScript.ts"
import { type ScenarioOptions, type SimulationOptions } from "../../src/testing/Simulation.ts"
import { testPersona } from "../../src/testing/SimulatedServices.ts"
import { entriesOf } from "../../src/testing/Timeline.ts"
import { spoken, wordsOf } from "../../src/testing/WordSound.ts"
import { type Held, hold, isHeard, noise, repliesIn, turnsIn } from "./Held.ts"

const long =
  "On weekdays we are open from nine until half past five, on Saturdays from ten until four, and never on Sundays. " +
  "Parking is behind the house, and the first two hours cost you nothing."

const services: ScenarioOptions["services"] = {
  languageModel: { replies: [long, "Tomorrow we open at ten.", "Anything else?"] },
  speechToText: { interimEveryMs: 100 }
}

/** The agent explains something, and the caller does this over it. */
const over = (says: Int16Array | ReturnType<typeof spoken>, options: Partial<SimulationOptions> = {}, afterMs = 2000) =>
  hold({
    script: [listen(), say(spoken("When are you open?")), interrupt({ afterMs, say: says }), listen(900), hangUp],
    services,
    ...options
  })

/** The explanation was heard from its first word to its last, each word once. */
const isHeardOut = (held: Held): void => {
  assert.strictEqual(entriesOf(held.timeline, "BargeIn").length, 0, held.story)
  const explanation = held.wordsHeard().find(({ reply }) => reply.generated === long)
  assert.deepStrictEqual(explanation?.heard, wordsOf(long), held.story)
  assert.include(repliesIn(held), long)
}

const isStopped = (held: Held): void => {
  assert.strictEqual(entriesOf(held.timeline, "BargeIn").length, 1, held.story)
  assert.notInclude(repliesIn(held), long)
}

describe("somebody who speaks over the agent and means it", () => {
  it.live("has the carrier's buffer cleared, and hears nothing more of it", () =>
    Effect.gen(function* () {
      const held = yield* over(spoken("Only tomorrow, please, if you have time for that."))
      isStopped(held)
      const [, utterance] = held.call.utterances
      const [clear] = entriesOf(held.timeline, "Clear")
      assert.isDefined(clear, held.story)
      const startMs = utterance?.startMs ?? 0
      assert.isAbove(clear.atMs, startMs)
      // Silent from soon after they began until they are answered, which is after they have ended.
      assert.isFalse(isHeard(held, startMs + 500, utterance?.endMs ?? 0), held.story)
      assert.deepStrictEqual(turnsIn(held).slice(-1), ["Only tomorrow, please, if you have time for that."])
    })
  )

  it.live("finds that the agent remembers no more than was heard", () =>
    Effect.gen(function* () {
      const held = yield* over(spoken("Only tomorrow, please, if you have time for that."))
      const remembered = held.requests.at(-1)?.messages.findLast(({ role }) => role === "assistant")?.text ?? "?"
      assert.isTrue(long.startsWith(remembered), remembered)
      const heard = held.wordsHeard().find(({ reply }) => reply.generated === long)?.heard ?? []
      assert.isAtMost(Math.abs(wordsOf(remembered).length - heard.length), 2, held.story)
      assert.isBelow(heard.length, wordsOf(long).length / 2)
    })
  )

  for (const afterMs of [400, 900, 1400, 1900, 2400]) {
    it.live(`hears no stray syllable and no stale sentence, ${afterMs} ms into a reply that is still being made`, () =>
      Effect.gen(function* () {
        const held = yield* over(
          spoken("Only tomorrow, please, if you have time for that."),
          { services: { ...services, textToSpeech: { realTimeFactor: 0.9, firstByteMs: 400, pieceMs: 70 } } },
          afterMs
        )
        // That nothing is heard between a clear and the next reply, and nothing in a reply but its own words, is checked.
        isStopped(held)
        assert.deepStrictEqual(held.wordsHeard().at(-1)?.heard, wordsOf("Tomorrow we open at ten."), held.story)
      })
    )
  }

  it.live("is answered every time, however often they do it", () =>
    Effect.gen(function* () {
      const again = (n: number) => interrupt({ afterMs: 300 + 350 * n, say: spoken(`Wait, one more thing ${n}.`) })
      const held = yield* hold(
        {
          script: [
            listen(),
            say(spoken("When are you open?")),
            [0, 1, 2, 3, 4, 5].map(again),
            listen(),
            say(spoken("Are you still there?")),
            listen(),
            hangUp
          ],
          services: { ...services, languageModel: { replies: [long, long, long, long, long, long, "I am.", "Yes."] } }
        },
        { silenceMs: 2500 }
      )
      assert.strictEqual(entriesOf(held.timeline, "BargeIn").length, 6, held.story)
      assert.strictEqual(repliesIn(held).at(-1), "Yes.")
    })
  )

  it.live("is answered when they do it while the agent thinks, and with all that was said", () =>
    Effect.gen(function* () {
      const held = yield* hold(
        {
          script: [
            listen(),
            say(spoken("When are you open?")),
            pause(900),
            say(spoken("On Sunday, I mean.")),
            listen(),
            hangUp
          ],
          services: { ...services, languageModel: { replies: ["We are closed then."], firstTokenMs: 1500 } }
        },
        { silenceMs: 4000 }
      )
      assert.deepStrictEqual(repliesIn(held).slice(1), ["We are closed then."], held.story)
      assert.strictEqual(held.requests.at(-1)?.said, "When are you open? On Sunday, I mean.")
    })
  )

  for (const word of ["Stop.", "Wait.", "No.", "Hold on.", "Stop it, please."]) {
    it.live(`is obeyed at once: ${word}`, () =>
      Effect.gen(function* () {
        const held = yield* over(spoken(word))
        isStopped(held)
        const startMs = held.call.utterances[1]?.startMs ?? 0
        assert.isFalse(isHeard(held, startMs + 450, startMs + 650), held.story)
        const [stopped] = entriesOf(held.timeline, "BargeIn")
        // The word itself, and what recognition takes to tell of it.
        assert.isBelow(stopped?.atMs ?? Infinity, startMs + 60 * word.length + 300, held.story)
      })
    )
  }
})

describe("somebody who speaks over the agent and does not mean it", () => {
  for (const word of ["Mm-hm.", "Okay.", "Right.", "Yeah.", "Uh-huh, okay."]) {
    it.live(`hears it out, each word once: ${word}`, () =>
      Effect.gen(function* () {
        const held = yield* over(spoken(word))
        isHeardOut(held)
        assert.deepStrictEqual(turnsIn(held), ["When are you open?"])
      })
    )
  }

  for (const ms of [60, 150, 300, 450]) {
    it.live(`hears it out after a cough of ${ms} ms`, () =>
      Effect.gen(function* () {
        isHeardOut(yield* over(noise(ms)))
      })
    )
  }

  it.live("hears it out with several coughs in it", () =>
    Effect.gen(function* () {
      const held = yield* hold({
        script: [
          listen(),
          say(spoken("When are you open?")),
          interrupt({ afterMs: 700, say: noise(200) }),
          pause(600),
          say(noise(200)),
          pause(900),
          say(noise(350)),
          listen(900),
          hangUp
        ],
        services
      })
      isHeardOut(held)
    })
  )
})

describe("the agent's own echo", () => {
  for (const [levelDb, delayMs] of [
    [-10, 120],
    [-16, 300],
    [-22, 450]
  ] as const) {
    it.live(`does not interrupt it, ${-levelDb} dB softer and ${delayMs} ms late`, () =>
      Effect.gen(function* () {
        const held = yield* hold({
          script: [listen(), say(spoken("When are you open?")), listen(900), hangUp],
          impairments: { echo: { levelDb, delayMs } },
          services
        })
        isHeardOut(held)
        assert.deepStrictEqual(turnsIn(held), ["When are you open?"])
      })
    )
  }

  it.live("does not hide a caller who interrupts", () =>
    Effect.gen(function* () {
      const held = yield* over(spoken("Only tomorrow, please, if you have time for that."), {
        impairments: { echo: { levelDb: -20, delayMs: 200 } }
      })
      isStopped(held)
    })
  )
})

describe("the greeting", () => {
  const persona = { ...testPersona, greeting: "Hello, this is the front desk of the hotel. How can I help you today?" }
  const script = [
    interrupt({ afterMs: 800, say: spoken("I would like to book a room for tonight.") }),
    waitUntilAgentSpeaks(),
    listen(900),
    hangUp
  ]

  it.live("is said to its end when that is configured, and what was said over it is answered", () =>
    Effect.gen(function* () {
      const uninterruptible = new Set(["Greeting", "TimeUp"] as const)
      const held = yield* hold({ persona, script, services, turns: { uninterruptible } }, { uninterruptible })
      assert.strictEqual(entriesOf(held.timeline, "Clear").length, 0, held.story)
      assert.strictEqual(repliesIn(held)[0], persona.greeting)
      assert.deepStrictEqual(held.wordsHeard()[0]?.heard, wordsOf(persona.greeting), held.story)
      assert.deepStrictEqual(turnsIn(held), ["I would like to book a room for tonight."])
    })
  )

  it.live("is interrupted otherwise", () =>
    Effect.gen(function* () {
      const held = yield* hold({ persona, script, services })
      assert.notStrictEqual(repliesIn(held)[0], persona.greeting)
      assert.deepStrictEqual(turnsIn(held), ["I would like to book a room for tonight."])
    })
  )
})

describe("the caller's first words", () => {
  // The greeting takes a little more than 1.2 s.
  for (const afterMs of [850, 950, 1050, 1150, 1250]) {
    it.live(`are not lost when they come at the end of what the agent says (${afterMs} ms after its beginning)`, () =>
      Effect.gen(function* () {
        const held = yield* hold({
          script: [interrupt({ afterMs, say: spoken("Good morning, I have lost my key.") }), listen(900), hangUp],
          services
        })
        assert.deepStrictEqual(turnsIn(held), ["Good morning, I have lost my key."], held.story)
      })
    )
  }
})
