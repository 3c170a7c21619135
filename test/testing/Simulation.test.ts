import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { TextToSpeechError } from "../../src/schema/Errors.ts"
import { CallTools, fromToolkit } from "../../src/services/CallTools.ts"
import { TextToSpeech, type TextToSpeechSession } from "../../src/services/TextToSpeech.ts"
import {
  hangUp,
  interrupt,
  listen,
  pause,
  press,
  reset,
  say,
  waitUntilAgentHangsUp
} from "../../src/testing/CallerScript.ts"
import { checkCall, hearsEverything, invariants } from "../../src/testing/Invariants.ts"
import { simulate, type SimulationOptions } from "../../src/testing/Simulation.ts"
import { entriesOf } from "../../src/testing/Timeline.ts"
import { renderTimeline } from "../../src/testing/TimelineText.ts"
import { spoken } from "../../src/testing/WordSound.ts"

const booking: SimulationOptions = {
  script: [
    listen(),
    say(spoken("I would like to book a table for two, please.")),
    listen(),
    say(spoken("Tomorrow at seven.")),
    listen(),
    hangUp
  ],
  services: { languageModel: { replies: ["Of course. For which day and time?", "Done. See you tomorrow!"] } }
}

const everything = { ...invariants, hearsEverything }

describe("a simulated call", () => {
  it.live("is a conversation from the greeting to the end, with nothing left over", () =>
    Effect.gen(function* () {
      const report = yield* simulate(booking)
      assert.deepStrictEqual(report.conversation, [
        { by: "agent", text: "Hello, how can I help?" },
        { by: "caller", text: "I would like to book a table for two, please." },
        { by: "agent", text: "Of course. For which day and time?" },
        { by: "caller", text: "Tomorrow at seven." },
        { by: "agent", text: "Done. See you tomorrow!" }
      ])
      assert.deepStrictEqual(checkCall(report, everything), [])
      assert.deepStrictEqual(report.call.failures, [])
      assert.deepStrictEqual(report.call.end, { _tag: "CallerHungUp" })
      assert.deepStrictEqual(report.remains, { doneAfterMs: 0, fibers: 0, sockets: 0 })
      assert.deepStrictEqual(report.log, [])
      assert.deepStrictEqual(
        report.wordsHeard().map(({ heard }) => heard.join(" ")),
        ["Hello, how can I help?", "Of course. For which day and time?", "Done. See you tomorrow!"]
      )
      const asked = report.requests.at(-1)
      assert.deepStrictEqual([asked?.turn, asked?.said], [1, "Tomorrow at seven."])
      assert.deepStrictEqual(
        asked?.messages.map(({ role }) => role),
        ["system", "user", "assistant", "user"].toSpliced(1, 0, "assistant")
      )
    })
  )

  it.live("takes the time its services are scripted to take", () =>
    Effect.gen(function* () {
      const { latencies } = yield* simulate({
        ...booking,
        turns: { speculationsPerTurn: 0 },
        services: {
          languageModel: { replies: ["Yes."], firstTokenMs: 400 },
          speechToText: { delayMs: 250 },
          textToSpeech: { sampleRate: 8000, firstByteMs: 150, realTimeFactor: 0.1, pieceMs: 100 }
        }
      })
      assert.strictEqual(latencies.length, 2)
      for (const latency of latencies) {
        assert.strictEqual(latency.firstTokenMs - latency.endedMs, 400)
        assert.strictEqual(latency.firstAudioMs - latency.firstSentenceMs, 160)
      }
    })
  )

  it.live("hears who interrupts, and remembers no more than was heard", () =>
    Effect.gen(function* () {
      const long = "We have tables at five, at six, at seven, at eight, at nine and at ten in the evening."
      const report = yield* simulate({
        script: [
          listen(),
          say(spoken("When do you have tables?")),
          interrupt({ afterMs: 1500, say: spoken("Seven would be fine.") }),
          listen(),
          hangUp
        ],
        services: { languageModel: { replies: [long, "Seven it is."] } }
      })
      assert.deepStrictEqual(checkCall(report, everything), [])
      assert.deepInclude(report.conversation, { by: "caller", text: "Seven would be fine." })
      assert.strictEqual(entriesOf(report.timeline, "BargeIn").length, 1)
      const interrupted = report.replies.find(({ generated }) => generated === long)
      assert.isTrue(interrupted?.stopped)
      assert.isTrue(long.startsWith(interrupted?.heard ?? "-"))
      assert.isBelow(interrupted?.heard?.length ?? 0, long.length / 2)
    })
  )

  it.live("is the same for the same seed, byte for byte, and not for another one", () =>
    Effect.gen(function* () {
      const options: SimulationOptions = {
        ...booking,
        impairments: { jitter: { maxMs: 40 }, loss: { rate: 0.02 }, noise: { kind: "pink", snrDb: 20 } },
        services: { ...booking.services, voiceActivity: { source: "truth" } }
      }
      const call = (seed: number) => simulate({ ...options, seed })
      const [one, same, other] = yield* Effect.all([call(7), call(7), call(8)])
      assert.deepStrictEqual(Buffer.from(same.call.recording.wav()), Buffer.from(one.call.recording.wav()))
      assert.strictEqual(renderTimeline(same.timeline), renderTimeline(one.timeline))
      assert.deepStrictEqual(same.call.identity, one.call.identity)
      assert.notDeepEqual(Buffer.from(other.call.recording.wav()), Buffer.from(one.call.recording.wav()))
      assert.notDeepEqual(other.call.identity, one.call.identity)
    })
  )

  it.live("takes keys", () =>
    Effect.gen(function* () {
      const report = yield* simulate({
        script: [listen(), press("42#"), listen(), hangUp],
        services: { languageModel: { replies: ["Forty-two it is."] } }
      })
      assert.deepStrictEqual(
        entriesOf(report.timeline, "Key").map(({ digit }) => digit),
        ["4", "2", "#"]
      )
      assert.deepInclude(report.conversation, { by: "agent", text: "Forty-two it is." })
    })
  )

  it.live("ends when nobody is there, and when the line is lost", () =>
    Effect.gen(function* () {
      const services = booking.services
      const left = yield* simulate({ script: [waitUntilAgentHangsUp({ timeoutMs: 120_000 })], services })
      assert.strictEqual(left.call.end._tag, "AgentHungUp")
      assert.deepStrictEqual(checkCall(left), [])
      const lost = yield* simulate({ script: [pause(700), reset], services })
      assert.deepStrictEqual(checkCall(lost), [])
      assert.deepStrictEqual(
        entriesOf(lost.timeline, "Ended").map(({ reason }) => reason),
        ["connection lost"]
      )
    })
  )

  it.live("uses tools, says something meanwhile, and goes on with their results", () =>
    Effect.gen(function* () {
      const Weather = Tool.make("Weather", {
        parameters: Schema.Struct({ city: Schema.String }),
        success: Schema.String
      })
      const tools = Toolkit.make(Weather)
      const slow = tools.toLayer({ Weather: ({ city }) => Effect.as(Effect.sleep("3 seconds"), `Sun in ${city}.`) })
      const report = yield* simulate({
        script: [listen(), say(spoken("How is the weather in Rome?")), listen(4000), hangUp],
        turns: { speculationsPerTurn: 0 },
        services: {
          languageModel: {
            replies: [
              {
                text: "Let me look.",
                calls: [{ name: "Weather", params: { city: "Rome" } }],
                then: "It is sunny in Rome."
              }
            ]
          }
        },
        layer: Layer.effect(CallTools, Effect.map(tools, fromToolkit)).pipe(Layer.provide(slow))
      })
      assert.deepStrictEqual(checkCall(report, everything), [], renderTimeline(report.timeline))
      assert.deepStrictEqual(report.conversation.at(-1), { by: "agent", text: "Let me look. It is sunny in Rome." })
      assert.deepStrictEqual(
        report.requests.map(({ messages }) => messages.at(-1)?.role),
        ["user", "tool"]
      )
      const [before, after] = entriesOf(report.timeline, "AgentSpeech").slice(-2)
      assert.isAbove((after?.atMs ?? 0) - (before?.untilMs ?? 0), 1500, "the tool's three seconds")
    })
  )

  it.live("goes on while services fail, and tells what failed", () =>
    Effect.gen(function* () {
      const report = yield* simulate({
        ...booking,
        services: {
          languageModel: { replies: [{ fault: { kind: "refuse" } }, "Done."] },
          speechToText: { answers: [undefined, { fault: { kind: "fail", reason: "Overloaded" } }] },
          voiceActivity: { failures: [{ from: 20, to: 24 }] },
          textToSpeech: { sentences: [{ fault: { kind: "fail", reason: "Disconnected" } }] },
          keptSpeech: false
        }
      })
      const failed = new Set(entriesOf(report.timeline, "Failed").map(({ stage }) => stage))
      assert.deepStrictEqual([...failed].toSorted(), [
        "language model",
        "speech to text",
        "text to speech",
        "voice activity"
      ])
      assert.isTrue(report.log.some(({ message }) => message.includes("Overloaded")))
      assert.deepStrictEqual(checkCall(report), [])
    })
  )

  it.live("stands on layers of one's own where they are given", () =>
    Effect.gen(function* () {
      const model = Layer.effect(
        LanguageModel.LanguageModel,
        LanguageModel.make({
          generateText: () => Effect.succeed([]),
          streamText: () => Stream.make({ type: "text-delta", id: "1", delta: "This is my own model." } as const)
        })
      )
      const session: TextToSpeechSession = {
        speak: Stream.flatMap(() => Stream.fail(new TextToSpeechError({ reason: "Rejected", message: "my own voice" })))
      }
      const voice = Layer.succeed(TextToSpeech, { open: Effect.succeed(session) })
      const mine = yield* simulate({ ...booking, layer: model })
      assert.deepInclude(mine.conversation, { by: "agent", text: "This is my own model." })
      assert.deepStrictEqual(mine.requests, [])
      const both = yield* simulate({ ...booking, layer: Layer.merge(model, voice) })
      assert.isTrue(both.log.some(({ message }) => message.includes("my own voice")))
    })
  )

  it.live("is answered by anything that takes a media link", () =>
    Effect.gen(function* () {
      const report = yield* simulate({
        script: [waitUntilAgentHangsUp()],
        services: booking.services,
        run: (link) => Effect.andThen(Effect.sleep("3 seconds"), link.close("closed"))
      })
      assert.deepStrictEqual(report.call.end, { _tag: "AgentHungUp", code: 1000, reason: "closed" })
      assert.strictEqual(report.call.recording.durationMs, 3000)
      assert.deepStrictEqual(report.events, [])
    })
  )

  it.live("is given up on when it does not end", () =>
    Effect.gen(function* () {
      const script = [pause(10_000), hangUp]
      const exit = yield* Effect.exit(simulate({ ...booking, script, limit: "5 seconds" }))
      assert.isTrue(Exit.isFailure(exit))
    })
  )
})
