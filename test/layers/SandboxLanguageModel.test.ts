import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema, Stream } from "effect"
import { LanguageModel, Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import { nextWords } from "../../src/layers/SandboxGuide.ts"
import * as SandboxLanguageModel from "../../src/layers/SandboxLanguageModel.ts"
import { promptFor } from "../../src/streams/Conversation.ts"
import { settle } from "../support/Settle.ts"

const prompt = [
  ...promptFor(
    "You are somebody else.",
    [
      { role: "assistant", text: "Hi there." },
      { role: "user", text: "[2s of speech]" },
      { role: "assistant", text: "I heard you" }
    ],
    "(The caller pressed 2)"
  )
]

const expected = "You pressed two. So far you spoke once, for about two seconds in all, and you interrupted me once."

const textOf = Effect.fnUntraced(function* (model: LanguageModel.LanguageModel, words: typeof prompt) {
  const parts = yield* Stream.runCollect(model.streamText({ prompt: words }))
  return parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")
})

describe("SandboxLanguageModel", () => {
  it.effect("answers from the prompt alone, word by word, at a pace", () =>
    Effect.gen(function* () {
      const model = yield* LanguageModel.LanguageModel
      const parts: Array<string> = []
      const answering = yield* model.streamText({ prompt }).pipe(
        Stream.runForEach((part) =>
          Effect.sync(() => void parts.push(part.type === "text-delta" ? part.delta : part.type))
        ),
        Effect.forkChild
      )
      yield* settle
      assert.deepStrictEqual(parts, ["text-start"])
      yield* TestClock.adjust(15)
      assert.deepStrictEqual(parts, ["text-start", "You "])
      yield* TestClock.adjust(30)
      assert.deepStrictEqual(parts, ["text-start", "You ", "pressed ", "two. "])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(answering)
      assert.strictEqual(parts.slice(1, -2).join(""), expected)
      assert.deepStrictEqual(parts.slice(-2), ["text-end", "finish"])
    }).pipe(Effect.provide(SandboxLanguageModel.layer))
  )

  it.effect("gives the same answer in one piece", () =>
    Effect.gen(function* () {
      const response = yield* LanguageModel.generateText({ prompt })
      assert.strictEqual(response.text, expected)
      assert.strictEqual(response.finishReason, "stop")
    }).pipe(Effect.provide(SandboxLanguageModel.layer))
  )

  it.live("is the guide's script, of which nothing is lost", () =>
    Effect.gen(function* () {
      const model = yield* LanguageModel.LanguageModel
      const help = yield* textOf(model, [...promptFor("", [], "help")])
      assert.strictEqual(help, nextWords([{ role: "user", text: "help" }]))
    }).pipe(Effect.provide(SandboxLanguageModel.layer))
  )

  it.effect("needs no tools, and says so to whoever insists", () =>
    Effect.gen(function* () {
      const toolkit = Toolkit.make(Tool.make("Weather", { success: Schema.String }))
      const handlers = toolkit.toLayer({ Weather: () => Effect.succeed("sunny") })
      const free = yield* LanguageModel.generateText({ prompt, toolkit }).pipe(Effect.provide(handlers))
      assert.strictEqual(free.text, expected)
      const forced = yield* LanguageModel.generateText({ prompt, toolkit, toolChoice: "required" }).pipe(
        Effect.provide(handlers),
        Effect.flip
      )
      assert.include(forced.message, "calls no tools")
    }).pipe(Effect.provide(SandboxLanguageModel.layer))
  )

  it.effect("does not speak JSON", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        LanguageModel.generateObject({ prompt, schema: Schema.Struct({ name: Schema.String }) })
      )
      assert.include(error.message, "not in JSON")
    }).pipe(Effect.provide(SandboxLanguageModel.layer))
  )
})
