import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { type BargeInProfile, defaultTurnSettings } from "../../src/schema/TurnSettings.ts"
import { CallTools, fromToolkit } from "../../src/services/CallTools.ts"
import { hangUp, interrupt, listen, pause, say } from "../../src/testing/CallerScript.ts"
import { type SimulationOptions } from "../../src/testing/Simulation.ts"
import { testPersona } from "../../src/testing/SimulatedServices.ts"
import { entriesOf } from "../../src/testing/Timeline.ts"
import { spoken } from "../../src/testing/WordSound.ts"
import { hold, noise, repliesIn, turnsIn } from "./Held.ts"

const long =
  "On weekdays we are open from nine until half past five, on Saturdays from ten until four, and never on Sundays."

const persona = { ...testPersona, greeting: "Hello, this is the front desk of the hotel. How can I help you today?" }

const services: SimulationOptions["services"] = {
  languageModel: { replies: [long] },
  speechToText: { interimEveryMs: 100 }
}

/** A voice in which no words can be made out, for so long, over the greeting and over an answer. */
const disturbed = (ms: number, bargeIn: Partial<typeof defaultTurnSettings.bargeIn>) =>
  hold(
    {
      persona,
      turns: { bargeIn: { ...defaultTurnSettings.bargeIn, ...bargeIn } },
      script: [
        interrupt({ afterMs: 500, say: noise(ms) }),
        listen(1200),
        say(spoken("When are you open?")),
        interrupt({ afterMs: 700, say: noise(ms) }),
        listen(1200),
        hangUp
      ],
      services
    },
    // What is harder to interrupt is spoken over for longer.
    { reactionMs: 5000 }
  )

const stopped = (held: { readonly replies: ReadonlyArray<{ readonly cue: unknown; readonly stopped: boolean }> }) =>
  held.replies.flatMap(({ cue, stopped }) => (stopped ? [cue] : []))

describe("what interrupts the agent", () => {
  const patient = { prob: 0.85, windows: 3, confirmMs: 3000 }

  it.live("is a voice that lasts, in all that it says", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(stopped(yield* disturbed(1200, {})), ["Greeting", "Answer"])
    })
  )

  it.live("can be another thing while it greets than while it answers", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(stopped(yield* disturbed(1200, { greeting: patient })), ["Answer"])
      assert.deepStrictEqual(stopped(yield* disturbed(1200, { speaking: patient })), ["Greeting"])
    })
  )

  it.live("is less while it thinks: nobody has heard anything yet", () =>
    Effect.gen(function* () {
      const thinking = (confirmMs: number) =>
        hold(
          {
            turns: {
              fillerMs: 0,
              bargeIn: { ...defaultTurnSettings.bargeIn, thinking: { prob: 0.6, windows: 1, confirmMs } }
            },
            script: [listen(), say(spoken("When are you open?")), pause(1000), say(noise(400)), listen(900), hangUp],
            services: { ...services, languageModel: { replies: [long], firstTokenMs: 2000 } }
          },
          { reactionMs: 5000 }
        )
      const usual = yield* thinking(160)
      // The answer was taken back to hear more, and asked for again.
      assert.isAbove(usual.requests.length, 1, usual.story)
      const stubborn = yield* thinking(5000)
      assert.strictEqual(stubborn.requests.length, 1, stubborn.story)
      for (const held of [usual, stubborn]) assert.strictEqual(repliesIn(held).at(-1), long)
    })
  )

  it.live("is more while a tool runs than while it thinks: what was begun is not done twice for a cough", () =>
    Effect.gen(function* () {
      const Weather = Tool.make("weather", {
        parameters: Schema.Struct({ city: Schema.String }),
        success: Schema.String
      })
      const tools = Toolkit.make(Weather)
      const asking = (tool: BargeInProfile) =>
        Effect.gen(function* () {
          const slow = Effect.delay(Effect.succeed("dry"), "3 seconds")
          const layer = Layer.effect(CallTools, Effect.map(tools, fromToolkit)).pipe(
            Layer.provide(tools.toLayer({ weather: () => slow }))
          )
          const held = yield* hold(
            {
              layer,
              turns: { fillerMs: 0, bargeIn: { ...defaultTurnSettings.bargeIn, tool } },
              script: [listen(), say(spoken("Is it dry?")), pause(1800), say(noise(400)), listen(900), hangUp],
              services: {
                ...services,
                languageModel: {
                  replies: ({ messages }) =>
                    messages.at(-1)?.role === "tool"
                      ? "It is dry in Rome."
                      : { calls: [{ name: "weather", params: { city: "Rome" } }] }
                }
              }
            },
            { reactionMs: 5000 }
          )
          assert.strictEqual(repliesIn(held).at(-1), "It is dry in Rome.", held.story)
          return held.requests.length
        })
      // Asked, and asked again with what the tool said.
      assert.strictEqual(yield* asking(defaultTurnSettings.bargeIn.tool), 2)
      assert.isAbove(yield* asking(defaultTurnSettings.bargeIn.thinking), 2)
    })
  )
})

describe("an agent that is patient and hard to interrupt", () => {
  it.live("waits for a slow speaker and talks on through noise, in the same call", () =>
    Effect.gen(function* () {
      const hard = { prob: 0.95, windows: 6, confirmMs: 1500 }
      const held = yield* hold(
        {
          turns: {
            silenceDurationMs: 1000,
            endpointEagerness: 0.25,
            bargeIn: { ...defaultTurnSettings.bargeIn, speaking: hard }
          },
          script: [
            listen(),
            say(spoken("I am looking for")),
            pause(1100),
            say(spoken("a room with a view")),
            pause(1000),
            say(spoken("of the sea")),
            interrupt({ afterMs: 700, say: noise(1100) }),
            listen(1500),
            hangUp
          ],
          services
        },
        { reactionMs: 5000 }
      )
      assert.deepStrictEqual(turnsIn(held), ["I am looking for a room with a view of the sea"], held.story)
      assert.strictEqual(entriesOf(held.timeline, "BargeIn").length, 0)
      assert.strictEqual(repliesIn(held).at(-1), long)
    })
  )
})
