import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Schema, Stream } from "effect"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { TestClock } from "effect/testing"
import { type CallTools, fromToolkit } from "../../src/services/CallTools.ts"
import { answerWords } from "../../src/streams/Answer.ts"
import { settle } from "../support/Settle.ts"

const deadlines = {
  transcript: Duration.seconds(1),
  firstToken: Duration.seconds(5),
  stall: Duration.seconds(4),
  firstAudio: Duration.seconds(3)
}

const Weather = Tool.make("weather", {
  description: "The weather in a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String
})
const Tools = Toolkit.make(Weather)

const text = (...deltas: ReadonlyArray<string>): ReadonlyArray<Response.StreamPartEncoded> => [
  { type: "text-start", id: "t" },
  ...deltas.map((delta) => ({ type: "text-delta" as const, id: "t", delta })),
  { type: "text-end", id: "t" }
]

const call = (id: string, city: string): Response.StreamPartEncoded => ({
  type: "tool-call",
  id,
  name: "weather",
  params: { city }
})

/** A model that gives its answers one after another and remembers what it was asked. */
const modelOf = (...answers: ReadonlyArray<Stream.Stream<Response.StreamPartEncoded>>) => {
  const asked: Array<string> = []
  const make = LanguageModel.make({
    generateText: () => Effect.succeed([]),
    streamText: ({ prompt }) => {
      asked.push(JSON.stringify(prompt.content))
      return answers[asked.length - 1] ?? Stream.empty
    }
  })
  return { asked, make }
}

const handled = (weather: (city: string) => Effect.Effect<string>) =>
  Effect.map(Effect.provide(Tools, Tools.toLayer({ weather: ({ city }) => weather(city) })), fromToolkit)

const run = Effect.fnUntraced(function* (make: Effect.Effect<LanguageModel.LanguageModel>, tools: CallTools) {
  const model = yield* make
  const running: Array<boolean> = []
  const words = answerWords({
    model,
    tools,
    prompt: [{ role: "user", content: "Is it raining in Rome?" }],
    deadlines,
    onTool: (now) => Effect.sync(() => void running.push(now))
  })
  return { running, fiber: yield* Effect.forkChild(Effect.exit(Stream.runCollect(words))) }
})

describe("an answer", () => {
  it.effect("is the model's text and nothing it thinks aloud", () =>
    Effect.gen(function* () {
      const { make } = modelOf(
        Stream.fromIterable<Response.StreamPartEncoded>([
          { type: "reasoning-start", id: "r" },
          { type: "reasoning-delta", id: "r", delta: "They want the weather." },
          { type: "reasoning-end", id: "r" },
          ...text("It is ", "dry.")
        ])
      )
      const { fiber } = yield* run(make, yield* handled(() => Effect.succeed("dry")))
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.succeed(["It is ", "dry."]))
    })
  )

  it.effect("goes on with the results of the tools it called, and what it said before is spoken meanwhile", () =>
    Effect.gen(function* () {
      const { asked, make } = modelOf(
        Stream.fromIterable([...text("Let me look."), call("c1", "Rome"), call("c2", "Paris")]),
        Stream.fromIterable(text("It is raining in both."))
      )
      const { fiber, running } = yield* run(
        make,
        yield* handled((city) => Effect.as(Effect.sleep("6 seconds"), `rain in ${city}`))
      )
      yield* settle
      assert.deepStrictEqual(running, [true])
      yield* TestClock.adjust("6 seconds")
      yield* settle
      assert.deepStrictEqual(running, [true, false])
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.succeed(["Let me look.", "\n", "It is raining in both."]))
      assert.strictEqual(asked.length, 2)
      assert.include(asked[1], "rain in Rome")
      assert.include(asked[1], "rain in Paris")
    })
  )

  it.effect("ends when the model never stops calling tools", () =>
    Effect.gen(function* () {
      const again = (n: number) => Stream.fromIterable([call(`c${n}`, "Rome")])
      const { asked, make } = modelOf(...Array.from({ length: 20 }, (_, n) => again(n)))
      const { fiber } = yield* run(make, yield* handled(() => Effect.succeed("rain")))
      yield* Fiber.join(fiber)
      assert.isBelow(asked.length, 10)
    })
  )

  it.effect("fails when the model says nothing, or stops, within its deadlines", () =>
    Effect.gen(function* () {
      const quiet = modelOf(Stream.never)
      const first = yield* run(quiet.make, yield* handled(() => Effect.succeed("")))
      yield* settle
      yield* TestClock.adjust("5 seconds")
      yield* settle
      assert.isTrue(Exit.isFailure(yield* Fiber.join(first.fiber)))

      const stalling = modelOf(Stream.concat(Stream.fromIterable(text("It is ").slice(0, 2)), Stream.never))
      const second = yield* run(stalling.make, yield* handled(() => Effect.succeed("")))
      yield* settle
      yield* TestClock.adjust("3999 millis")
      yield* settle
      assert.isUndefined(second.fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.isTrue(Exit.isFailure(yield* Fiber.join(second.fiber)))
    })
  )

  it.effect("that a tool fails says which one, and nothing of the conversation", () =>
    Effect.gen(function* () {
      const failureOf = Effect.fnUntraced(function* (tools: CallTools, params: unknown) {
        const { make } = modelOf(
          Stream.fromIterable([{ type: "tool-call" as const, id: "c1", name: "weather", params }])
        )
        const { fiber } = yield* run(make, tools)
        const exit = yield* Fiber.join(fiber)
        return Exit.isFailure(exit) ? String(Object(Cause.squash(exit.cause)).message) : "no failure"
      })
      const wrong = yield* failureOf(yield* handled(() => Effect.succeed("dry")), { city: 4_475_550_123 })
      assert.include(wrong, "weather")
      assert.notInclude(wrong, "4475550123")
      class NoSuchCity extends Schema.TaggedError<NoSuchCity>()("NoSuchCity", { message: Schema.String }) {}
      const failing = Toolkit.make(
        Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), failure: NoSuchCity })
      )
      const handlers = failing.toLayer({ weather: ({ city }) => Effect.fail(new NoSuchCity({ message: city })) })
      const failed = yield* failureOf(fromToolkit(yield* Effect.provide(failing, handlers)), { city: "Atlantis" })
      assert.include(failed, "NoSuchCity")
      assert.notInclude(failed, "Atlantis")
    })
  )

  it.effect("says that it is a tool that took too long", () =>
    Effect.gen(function* () {
      const { make } = modelOf(Stream.fromIterable([call("c1", "Rome")]))
      const { fiber } = yield* run(make, yield* handled(() => Effect.never))
      yield* settle
      yield* TestClock.adjust("20 seconds")
      yield* settle
      const exit = yield* Fiber.join(fiber)
      const failure = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.deepInclude(failure, { message: "a tool took longer than 20 s" })
    })
  )

  it.effect("stops its tools when it is interrupted", () =>
    Effect.gen(function* () {
      let stopped = false
      const { make } = modelOf(Stream.fromIterable([call("c1", "Rome")]))
      const tools = yield* handled(() =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (stopped = true)))
      )
      const { fiber } = yield* run(make, tools)
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.isTrue(stopped)
    })
  )
})
