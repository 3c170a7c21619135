import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Option, Schema, Stream } from "effect"
import { LanguageModel, type Prompt, Tool, Toolkit } from "effect/ai"
import {
  type LanguageModelRequest,
  type LanguageModelScript,
  scriptedLanguageModel,
  tokensOf
} from "../../src/testing/ScriptedLanguageModel.ts"
import { inVirtualTime } from "../../src/testing/VirtualTime.ts"

const prompt = (...said: ReadonlyArray<string>): Prompt.RawInput => [
  { role: "system", content: "Be brief." },
  ...said.map((content, index) => ({ role: index % 2 === 0 ? ("user" as const) : ("assistant" as const), content }))
]

const run = <A, E>(script: LanguageModelScript, effect: Effect.Effect<A, E, LanguageModel.LanguageModel>) =>
  effect.pipe(Effect.provide(scriptedLanguageModel(script)), inVirtualTime)

/** The words of an answer with their times, and how it ends: `undefined` for well. */
const ask = (input: Prompt.RawInput) =>
  Effect.gen(function* () {
    const begun = yield* Clock.currentTimeMillis
    const words: Array<readonly [atMs: number, delta: string]> = []
    const ending = yield* LanguageModel.streamText({ prompt: input }).pipe(
      Stream.runForEach((part) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          if (part.type === "text-delta") words.push([nowMs - begun, part.delta])
        })
      ),
      Effect.timeoutOption("1 minute"),
      Effect.map((done) => (Option.isSome(done) ? undefined : "hangs")),
      Effect.catch((error) => Effect.succeed(error.message))
    )
    return { words, text: words.map(([, delta]) => delta).join(""), ending }
  })

describe("a scripted model", () => {
  it.live("answers token by token, at its pace", () =>
    Effect.gen(function* () {
      const script = { replies: ["Hello there."], firstTokenMs: 120, tokensPerSecond: 40 }
      const { ending, words } = yield* run(script, ask(prompt("Hi")))
      assert.isUndefined(ending)
      assert.deepStrictEqual(words, [
        [120, "Hell"],
        [145, "o th"],
        [170, "ere."]
      ])
      assert.deepStrictEqual(tokensOf("ab👋🏽cdé"), ["ab👋🏽", "cdé"])
    })
  )

  it.live("has a reply for each message of the caller, the same one when it is asked again", () =>
    run(
      { replies: ["One.", "Two."] },
      Effect.gen(function* () {
        assert.strictEqual((yield* ask(prompt("a"))).text, "One.")
        assert.strictEqual((yield* ask(prompt("a, or so"))).text, "One.")
        assert.strictEqual((yield* ask(prompt("a", "One.", "b"))).text, "Two.")
        assert.strictEqual((yield* ask(prompt("a", "One.", "b", "Two.", "c"))).text, "Two.")
      })
    )
  )

  it.live("asks a function, which is told all there is to know", () =>
    Effect.gen(function* () {
      const seen: Array<LanguageModelRequest> = []
      const script: LanguageModelScript = {
        replies: (request) => {
          seen.push(request)
          return { text: `You said ${request.said}`, firstTokenMs: 1 }
        }
      }
      const { text, words } = yield* run(script, ask(prompt("a", "One.", "b")))
      assert.strictEqual(text, "You said b")
      assert.strictEqual(words[0]?.[0], 1)
      assert.deepStrictEqual(seen, [
        {
          number: 0,
          turn: 1,
          said: "b",
          messages: [
            { role: "system", text: "Be brief." },
            { role: "user", text: "a" },
            { role: "assistant", text: "One." },
            { role: "user", text: "b" }
          ]
        }
      ])
    })
  )

  it.live("fails as it is told", () =>
    Effect.gen(function* () {
      const reply = { text: "This will not be all." }
      const script: LanguageModelScript = {
        replies: [
          { ...reply, fault: { kind: "hang" } },
          { ...reply, fault: { kind: "refuse" } },
          { ...reply, fault: { kind: "error", afterTokens: 2 } },
          { ...reply, fault: { kind: "stall", afterTokens: 3 } },
          { ...reply, fault: { kind: "cut", afterTokens: 0 } },
          {}
        ]
      }
      const said = ["a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f"]
      const asked = yield* run(
        script,
        Effect.forEach([1, 3, 5, 7, 9, 11], (length) => ask(prompt(...said.slice(0, length))))
      )
      assert.deepStrictEqual(
        asked.map(({ text }) => text),
        ["", "", "This wil", "This will no", "", ""]
      )
      const endings = asked.map(({ ending }) => ending)
      assert.deepStrictEqual([endings[0], endings[3], endings[5]], ["hangs", "hangs", undefined])
      assert.match(endings[1] ?? "", /refused, as scripted/)
      assert.match(endings[2] ?? "", /broke off \(error\), as scripted/)
      assert.match(endings[4] ?? "", /broke off \(cut\), as scripted/)
    })
  )

  it.live("calls tools, in a stream and in one piece", () =>
    Effect.gen(function* () {
      const Weather = Tool.make("Weather", {
        parameters: Schema.Struct({ city: Schema.String }),
        success: Schema.String
      })
      const tools = Toolkit.make(Weather)
      const handlers = tools.toLayer({ Weather: ({ city }) => Effect.succeed(`Sun in ${city}.`) })
      const script = { replies: [{ text: "Let me see.", calls: [{ name: "Weather", params: { city: "Rome" } }] }] }
      const results = yield* run(
        script,
        Effect.gen(function* () {
          const parts = yield* Stream.runCollect(LanguageModel.streamText({ prompt: "Weather?", toolkit: tools }))
          const response = yield* LanguageModel.generateText({ prompt: "Weather?", toolkit: tools })
          return [
            parts.flatMap((part) => (part.type === "tool-result" ? [part.result] : [])),
            [response.text, response.finishReason, ...response.toolResults.map(({ result }) => result)]
          ]
        }).pipe(Effect.provide(handlers))
      )
      assert.deepStrictEqual(results, [["Sun in Rome."], ["Let me see.", "tool-calls", "Sun in Rome."]])
    })
  )
})
