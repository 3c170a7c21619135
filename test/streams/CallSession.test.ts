import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { FRAME_BYTES } from "../../src/schema/Audio.ts"
import { VoiceActivityError } from "../../src/schema/Errors.ts"
import { type Media } from "../../src/schema/Twilio.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { VoiceActivity, type VoiceScorer } from "../../src/services/VoiceActivity.ts"
import { openSession } from "../../src/streams/CallSession.ts"
import * as EnergyScore from "../../src/streams/EnergyScore.ts"
import { hangUp, interrupt, listen, pause, say } from "../../src/testing/CallerScript.ts"
import { scriptedLanguageModel } from "../../src/testing/ScriptedLanguageModel.ts"
import { scriptedSpeechToText } from "../../src/testing/ScriptedSpeechToText.ts"
import { scriptedTextToSpeech } from "../../src/testing/ScriptedTextToSpeech.ts"
import { configOf, endpointing, type Watch, watching } from "../../src/testing/SimulatedServices.ts"
import { simulate } from "../../src/testing/Simulation.ts"
import { renderTimeline } from "../../src/testing/TimelineText.ts"
import { lexiconOf, spoken } from "../../src/testing/WordSound.ts"
import { beforeTimers, holdUp, readAtOnce, readToQueue } from "../support/HeldUp.ts"
import { settle } from "../support/Settle.ts"

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

  it.live.each([
    ["at once", readAtOnce<ReadonlyArray<Media>>],
    ["a turn of the loop later", readToQueue<ReadonlyArray<Media>>]
  ] as const)("is not taken for silent as the process was held up, if the audio that was there comes %s", ([, open]) =>
    Effect.gen(function* () {
      const config = configOf({ services: { languageModel: { replies: [] } }, turns: { commitPauseMs: 100 } })
      const watch: Watch = { events: [], openedMs: 0 }
      const always = { score: () => Effect.succeed(0.97), reset: Effect.void }
      const services = Layer.mergeAll(
        Layer.succeed(AppConfig, config),
        watching(watch),
        endpointing(config),
        Layer.succeed(VoiceActivity, { open: Effect.succeed(always) }),
        scriptedSpeechToText({ words: lexiconOf() }),
        scriptedLanguageModel({ replies: [] }),
        scriptedTextToSpeech({})
      )
      const frames = (fromMs: number, toMs: number): ReadonlyArray<Media> =>
        Array.from({ length: (toMs - fromMs) / 20 }, (_, n) => {
          const payload = Buffer.alloc(FRAME_BYTES, 0x10 + (n % 8)).toString("base64")
          return { event: "media", streamSid: "MZ1", media: { track: "inbound", timestamp: fromMs + 20 * n, payload } }
        })
      const decided = () => watch.events.flatMap((event) => (event._tag === "Decided" ? [event.output._tag] : []))

      yield* Effect.gen(function* () {
        const wire = { media: () => Effect.void, mark: () => Effect.void, clear: Effect.void }
        const session = yield* openSession({ callSid: "CA1", streamSid: "MZ1", parameters: {} }, wire)
        yield* Effect.forkScoped(session.run)
        const hear = (media: ReadonlyArray<Media>) => Effect.forEach(media, session.media, { discard: true })
        yield* hear(frames(0, 400))
        yield* settle
        assert.include(decided(), "SegmentOpened")

        // Everything is there for the process to read; it only has not come to it.
        const { next, send } = yield* open()
        const heard = yield* Effect.forkChild(Effect.flatMap(next, hear), { startImmediately: true })
        yield* beforeTimers
        send(frames(400, 1000))
        holdUp(500)
        yield* Fiber.join(heard)
        yield* settle
        assert.notInclude(decided(), "SegmentEnded")
        assert.notInclude(decided(), "TurnEnded")
      }).pipe(Effect.scoped, Effect.provide(services))
    })
  )
})
