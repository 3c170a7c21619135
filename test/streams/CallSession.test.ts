import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { VoiceActivityError } from "../../src/schema/Errors.ts"
import { VoiceActivity, type VoiceScorer } from "../../src/services/VoiceActivity.ts"
import * as EnergyScore from "../../src/streams/EnergyScore.ts"
import { hangUp, interrupt, listen, pause, say } from "../../src/testing/CallerScript.ts"
import { simulate } from "../../src/testing/Simulation.ts"
import { renderTimeline } from "../../src/testing/TimelineText.ts"
import { spoken } from "../../src/testing/WordSound.ts"

/** Scores by loudness in either of the two ways, and fails with some windows. */
const scorerLayer = (way: "effects" | "direct", failing: ReadonlySet<number>): Layer.Layer<VoiceActivity> =>
  Layer.succeed(VoiceActivity, {
    open: Effect.sync((): VoiceScorer => {
      let energy = EnergyScore.initial
      let windows = 0
      const score = (samples: Int16Array): number | VoiceActivityError => {
        const number = windows++
        const [learned, probability] = EnergyScore.step(energy, samples)
        energy = learned
        return failing.has(number) ? new VoiceActivityError({ message: `window ${number} failed` }) : probability
      }
      const effects: VoiceScorer = {
        score: (samples) =>
          Effect.suspend(() => {
            const scored = score(samples)
            return typeof scored === "number" ? Effect.succeed(scored) : Effect.fail(scored)
          }),
        reset: Effect.void
      }
      if (way === "effects") return effects
      const unused = Effect.die("a scorer with a direct way is asked directly")
      return {
        score: () => unused,
        reset: unused,
        direct: {
          score: (samples, settled) => {
            const scored = score(samples)
            if (typeof scored === "number") settled(undefined, scored)
            else settled(scored, 0)
          },
          cancel: () => {},
          reset: () => {}
        }
      }
    })
  })

describe("a call", () => {
  it.live.each([
    ["all windows are scored", new Set<number>()],
    ["some are not", new Set([3, 4, 90, 200])]
  ] as const)("goes the same whether its scorer is asked directly or by effects, %s", ([, failing]) =>
    Effect.gen(function* () {
      const hold = (way: "effects" | "direct") =>
        simulate({
          script: [
            listen(),
            say(spoken("I would like to book a table for two, please.")),
            interrupt({ afterMs: 700, say: spoken("No, wait, for three of us.") }),
            pause(2000),
            listen(),
            hangUp
          ],
          impairments: { jitter: { maxMs: 20 } },
          services: { languageModel: { replies: ["Of course. For which day and time?", "Done. See you tomorrow!"] } },
          layer: scorerLayer(way, failing)
        })
      const [effects, direct] = [yield* hold("effects"), yield* hold("direct")]
      assert.deepStrictEqual(direct.log, effects.log)
      assert.lengthOf(effects.log, failing.size === 0 ? 0 : 1)
      assert.deepStrictEqual(direct.conversation, effects.conversation)
      assert.deepStrictEqual(renderTimeline(direct.timeline), renderTimeline(effects.timeline))
      assert.isAbove(direct.conversation.length, 3)
    })
  )
})
