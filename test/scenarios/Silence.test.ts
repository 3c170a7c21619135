import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { defaultPhrases } from "../../src/schema/Phrases.ts"
import { hangUp, listen, pause, say, waitUntilAgentHangsUp } from "../../src/testing/CallerScript.ts"
import { entriesOf } from "../../src/testing/Timeline.ts"
import { spoken } from "../../src/testing/WordSound.ts"
import { hold, repliesIn, speechOf, turnsIn } from "./Held.ts"

const services = { languageModel: { replies: ["We open at nine."] } }

const { nobodyThere, stillThere, timeUp, timeWarning } = defaultPhrases

const seconds = (ms: number | undefined): number => Math.round((ms ?? Number.NaN) / 100) / 10

describe("a caller who says nothing", () => {
  it.live("is asked after ten seconds, asked again after ten more, and told goodbye after ten more", () =>
    Effect.gen(function* () {
      const held = yield* hold({ script: [listen(), waitUntilAgentHangsUp({ timeoutMs: 60_000 })], services })
      assert.deepStrictEqual(repliesIn(held).slice(1), [stillThere, stillThere, nobodyThere], held.story)
      const stretches = speechOf(held, 1000)
      for (const [index, { startMs }] of stretches.entries()) {
        if (index > 0) assert.closeTo(seconds(startMs - (stretches[index - 1]?.endMs ?? 0)), 10, 0.5)
      }
      assert.deepInclude(held.call.end, { _tag: "AgentHungUp", code: 1000 })
    })
  )

  it.live("is asked anew after they have said something", () =>
    Effect.gen(function* () {
      const held = yield* hold({
        script: [
          listen(),
          listen(),
          say(spoken("Yes, when do you open?")),
          listen(),
          listen(),
          listen(),
          say(spoken("Thank you, goodbye.")),
          listen(),
          hangUp
        ],
        services
      })
      assert.deepStrictEqual(repliesIn(held).slice(1), [
        stillThere,
        "We open at nine.",
        stillThere,
        stillThere,
        "We open at nine."
      ])
    })
  )
})

describe("a caller who talks", () => {
  const sentence = say(spoken("And then there was this other thing about my booking of last week and the one before"))

  it.live("is never taken for nobody, however long they talk", () =>
    Effect.gen(function* () {
      const held = yield* hold({
        script: [listen(), Array.from({ length: 8 }, () => [sentence, pause(200)]), listen(), hangUp],
        services
      })
      assert.isAbove((held.call.utterances.at(-1)?.endMs ?? 0) - (held.call.utterances[0]?.startMs ?? 0), 30_000)
      assert.notInclude(repliesIn(held), stillThere)
      assert.strictEqual(repliesIn(held).at(-1), "We open at nine.", held.story)
    })
  )

  it.live("is heard when the voice detector has stopped working in the middle of the call", () =>
    Effect.gen(function* () {
      const held = yield* hold({
        script: [listen(), say(spoken("When do you open?")), listen(), say(spoken("And on Sunday?")), listen(), hangUp],
        services: { ...services, voiceActivity: { failures: [{ from: 60, to: 100_000 }] } }
      })
      assert.deepStrictEqual(turnsIn(held), ["When do you open?", "And on Sunday?"], held.story)
    })
  )

  it.live("is asked to say it again when recognition gives nothing, and not hung up on as nobody", () =>
    Effect.gen(function* () {
      const fault = { fault: { kind: "hang" } } as const
      const held = yield* hold(
        {
          script: [listen(), sentence, listen(), sentence, listen(), hangUp],
          services: { ...services, speechToText: { answers: Array.from({ length: 40 }, () => fault) } }
        },
        { silenceMs: 8000 }
      )
      const replies = held.replies.map(({ cue }) => cue)
      assert.include(replies, "AskAgain", held.story)
      assert.notInclude(replies, "NobodyThere")
    })
  )
})

describe("an answer that comes slowly", () => {
  it.live("goes on by itself to its end, without the caller saying anything", () =>
    Effect.gen(function* () {
      const answer = "We open at nine. We close at five. On Sundays we are closed. Come any time you like."
      const held = yield* hold({
        turns: { fillerMs: 0 },
        script: [listen(), say(spoken("When do you open?")), listen(4000), hangUp],
        services: { languageModel: { replies: [answer], tokensPerSecond: 3 }, textToSpeech: { firstByteMs: 800 } }
      })
      assert.strictEqual(repliesIn(held).at(-1), answer, held.story)
      assert.strictEqual(turnsIn(held).length, 1)
    })
  )
})

describe("a call that has lasted long enough", () => {
  it.live("is announced to end, and ended with a goodbye that is said to its end", () =>
    Effect.gen(function* () {
      const held = yield* hold({
        turns: { maxCallMs: 60_000, callWarningMs: 20_000, idleMs: 0 },
        script: [
          listen(),
          say(spoken("When do you open?")),
          listen(),
          listen(300, { timeoutMs: 60_000 }),
          waitUntilAgentHangsUp({ timeoutMs: 60_000 })
        ],
        services
      })
      assert.deepStrictEqual(repliesIn(held).slice(2), [timeWarning, timeUp], held.story)
      const said = held.replies.filter(({ cue }) => cue === "TimeWarning" || cue === "TimeUp")
      assert.deepStrictEqual(
        said.map(({ audibleMs }) => Math.round(seconds(audibleMs))),
        [40, 60]
      )
      assert.strictEqual(entriesOf(held.timeline, "HangUp").length, 1)
      assert.deepInclude(held.call.end, { _tag: "AgentHungUp", code: 1000 })
    })
  )
})
