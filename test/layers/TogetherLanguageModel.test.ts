import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Redacted, Schema, Stream } from "effect"
import { type AiError, LanguageModel, Prompt, Tool, Toolkit } from "effect/ai"
import { HttpClient, HttpClientResponse, HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import * as KeptHttpClient from "../../src/layers/KeptHttpClient.ts"
import * as TogetherLanguageModel from "../../src/layers/TogetherLanguageModel.ts"
import { defaultTurnSettings } from "../../src/schema/TurnSettings.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { chatEmulator, type ChatEmulatorScript } from "../../src/testing/ChatEmulator.ts"
import { type ChatReply } from "../../src/testing/ChatReply.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"

const key = "sk-test-key"

/** An emulator on a socket and a model that asks it. */
const start = Effect.fnUntraced(function* (replies: ChatEmulatorScript["replies"]) {
  const emulator = yield* chatEmulator({ replies, apiKey: Redacted.make(key) })
  const base = yield* serveEmulator(emulator.routes)
  const model = yield* TogetherLanguageModel.make({
    baseUrl: new URL("/v1", base),
    apiKey: Redacted.make(key),
    model: "test-model"
  }).pipe(Effect.provideContext(yield* Layer.build(KeptHttpClient.layer)))
  return { emulator, model, base }
})

const ask = (model: LanguageModel.LanguageModel) => Stream.runCollect(model.streamText({ prompt: "secret words" }))

const textOf = (parts: ReadonlyArray<{ readonly type: string }>): string =>
  parts.map((part) => (part.type === "text-delta" && "delta" in part ? part.delta : "")).join("")

const count = (parts: ReadonlyArray<{ readonly type: string }>, type: string): number =>
  parts.filter((part) => part.type === type).length

const failureOf = <A, R>(effect: Effect.Effect<A, AiError.AiError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const Tools = Toolkit.make(
  Tool.make("weather", {
    description: "Weather in a city",
    parameters: Schema.Struct({ city: Schema.String }),
    success: Schema.Struct({ sky: Schema.String })
  })
)
const handlers = Tools.toLayer({ weather: ({ city }) => Effect.succeed({ sky: `grey over ${city}` }) })

describe("a reply", () => {
  it.live("is streamed, with one finish part that has the usage", () =>
    Effect.gen(function* () {
      const { emulator, model } = yield* start(["Hello, how are you?"])
      const parts = yield* ask(model)
      assert.deepStrictEqual(
        parts.map((part) => part.type),
        [
          "response-metadata",
          "text-start",
          ...Array.from({ length: 5 }, () => "text-delta" as const),
          "text-end",
          "finish"
        ]
      )
      assert.strictEqual(textOf(parts), "Hello, how are you?")
      const finish = parts.at(-1)
      assert(finish?.type === "finish")
      assert.strictEqual(finish.reason, "stop")
      assert.strictEqual(finish.usage.outputTokens.total, 5)
      const [request] = yield* emulator.requests
      assert.deepStrictEqual(request?.body, {
        model: "test-model",
        messages: [{ role: "user", content: "secret words" }],
        stream: true,
        stream_options: { include_usage: true },
        temperature: 0.2,
        max_tokens: 400
      })
    })
  )

  const said = "Grüße aus 東京 👋🏽, wie geht's?"
  const forms: ReadonlyArray<readonly [name: string, reply: Omit<ChatReply, "text">]> = [
    ["a byte at a time", { wire: { bytesPerWrite: 1 } }],
    ["in pieces that split lines and characters", { wire: { bytesPerWrite: 7 } }],
    ["several events at a time", { wire: { eventsPerWrite: 5 } }],
    ["all at once", { wire: { bytesPerWrite: 100_000 } }],
    ["with CR LF", { wire: { newline: "\r\n", bytesPerWrite: 11 } }],
    ["with comments", { wire: { comments: true } }],
    ["with a retry line", { wire: { retry: 3000 } }],
    [
      "slowly, with comments to keep the connection",
      {
        pace: { firstToken: "12 millis", keepAlive: "5 millis", tokensPerSecond: 1000 }
      }
    ],
    ["after a wait before the headers", { pace: { firstToken: "10 millis" } }],
    ["with the finish reason twice", { ending: { repeated: true } }],
    ["with usage in a later chunk", { ending: { usage: "later" } }],
    ["with both", { ending: { repeated: true, usage: "later" } }],
    ["without usage", { ending: { usage: "none" } }],
    ["without a last event", { ending: { done: false } }],
    ["on a connection that stays open after the last event", { ending: { holdOpen: true } }]
  ]
  for (const [name, form] of forms) {
    it.live(`comes ${name}`, () =>
      Effect.gen(function* () {
        const { emulator, model } = yield* start([{ text: said, ...form }])
        const parts = yield* ask(model)
        assert.strictEqual(textOf(parts), said)
        assert.strictEqual(count(parts, "finish"), 1)
        assert.strictEqual(parts.at(-1)?.type, "finish")
        assert.strictEqual((yield* emulator.requests).length, 1)
      })
    )
  }

  it.live("keeps thoughts apart from words", () =>
    Effect.gen(function* () {
      const { model } = yield* start([{ reasoning: "They said hello.", text: "Hello" }])
      const parts = yield* ask(model)
      assert.strictEqual(textOf(parts), "Hello")
      const thoughts = parts.map((part) => (part.type === "reasoning-delta" ? part.delta : "")).join("")
      assert.strictEqual(thoughts, "They said hello.")
    })
  )

  it.live("can be had whole", () =>
    Effect.gen(function* () {
      const { model } = yield* start([{ reasoning: "Hm.", text: "Hello there" }])
      const response = yield* model.generateText({ prompt: "Hi" })
      assert.strictEqual(response.text, "Hello there")
      assert.strictEqual(response.reasoningText, "Hm.")
      assert.strictEqual(response.finishReason, "stop")
      assert.strictEqual(response.usage.outputTokens.total, 4)
    })
  )

  it.live("can be JSON", () =>
    Effect.gen(function* () {
      const { emulator, model } = yield* start(['{"name":"now","parameters":{"a":1}}'])
      const schema = Schema.Struct({ name: Schema.String, parameters: Schema.Struct({ a: Schema.Finite }) })
      const response = yield* model.generateObject({ prompt: "Hi", schema })
      assert.deepStrictEqual(response.value, { name: "now", parameters: { a: 1 } })
      assert.strictEqual((yield* emulator.requests)[0]?.body.response_format?.type, "json_schema")
    })
  )

  it.live("leaves its connection for the next one", () =>
    Effect.gen(function* () {
      const { emulator, model } = yield* start(["Hello"])
      yield* Effect.forEach([1, 2, 3, 4, 5, 6], () => ask(model))
      const connections = new Set((yield* emulator.requests).map((request) => request.connection))
      assert.isBelow(connections.size, 6)
    })
  )

  it.live("tells the service nothing about the trace it is part of", () =>
    Effect.gen(function* () {
      const { emulator, model } = yield* start(["Hello"])
      yield* ask(model).pipe(Effect.withSpan("call"))
      const names = Object.keys((yield* emulator.requests)[0]?.headers ?? {})
      assert.include(names, "content-type")
      assert.notInclude(names, "traceparent")
      assert.notInclude(names, "b3")
    })
  )
})

describe("tools", () => {
  const calls: ReadonlyArray<readonly [name: string, reply: ChatReply]> = [
    ["in one fragment", { toolCalls: [{ name: "weather", arguments: { city: "Paris" } }] }],
    ["in three fragments", { toolCalls: [{ name: "weather", arguments: { city: "Paris" }, fragments: 3 }] }],
    ["in thirty fragments", { toolCalls: [{ name: "weather", arguments: { city: "Paris" }, fragments: 30 }] }],
    [
      "in split bytes",
      {
        toolCalls: [{ name: "weather", arguments: { city: "Paris" }, fragments: 3 }],
        wire: { bytesPerWrite: 9 }
      }
    ],
    ["by a tag", { text: '<function=weather>{"city":"Paris"}</function>' }],
    ["by a template token", { text: '<|python_tag|>{"name":"weather","parameters":{"city":"Paris"}}' }],
    ["by an object", { text: '{"name":"weather","parameters":{"city":"Paris"}}' }]
  ]
  for (const [name, reply] of calls) {
    it.live(`are called ${name}`, () =>
      Effect.gen(function* () {
        const { model } = yield* start([reply])
        const parts = yield* Stream.runCollect(model.streamText({ prompt: "Weather?", toolkit: Tools }))
        const results = parts.flatMap((part) => (part.type === "tool-result" ? [part.result] : []))
        assert.deepStrictEqual(results, [{ sky: "grey over Paris" }])
        assert.strictEqual(count(parts, "tool-call"), 1)
        assert.strictEqual(textOf(parts), "")
        const finish = parts.at(-1)
        assert(finish?.type === "finish")
        assert.strictEqual(finish.reason, "tool-calls")
      }).pipe(Effect.provide(handlers))
    )
  }

  it.live("are called, and their results answered", () =>
    Effect.gen(function* () {
      const { emulator, model } = yield* start(({ body }) => {
        const last = body.messages.at(-1)
        return last?.role === "tool"
          ? `It is ${last.content}.`
          : {
              text: "Let me see.",
              toolCalls: [{ id: "c1", name: "weather", arguments: { city: "Paris" }, fragments: 3 }]
            }
      })
      const asked = Prompt.make("Weather?")
      const first = yield* Stream.runCollect(model.streamText({ prompt: asked, toolkit: Tools }))
      assert.strictEqual(textOf(first), "Let me see.")
      const prompt = Prompt.concat(asked, Prompt.fromResponseParts(first))
      const second = yield* Stream.runCollect(model.streamText({ prompt, toolkit: Tools }))
      assert.strictEqual(textOf(second), 'It is {"sky":"grey over Paris"}.')
      const bodies = (yield* emulator.requests).map(({ body }) => body)
      assert.strictEqual(bodies[0]?.tools?.[0]?.function.name, "weather")
      assert.strictEqual(bodies[0]?.tool_choice, "auto")
      assert.deepStrictEqual(bodies[1]?.messages, [
        { role: "user", content: "Weather?" },
        {
          role: "assistant",
          content: "Let me see.",
          tool_calls: [{ id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Paris"}' } }]
        },
        { role: "tool", tool_call_id: "c1", content: '{"sky":"grey over Paris"}' }
      ])
    }).pipe(Effect.provide(handlers))
  )

  it.live("are called by a whole reply too", () =>
    Effect.gen(function* () {
      const { model } = yield* start([{ toolCalls: [{ name: "weather", arguments: { city: "Rome" }, fragments: 3 }] }])
      const response = yield* model.generateText({ prompt: "Weather?", toolkit: Tools })
      assert.deepStrictEqual(
        response.toolResults.map((result) => result.result),
        [{ sky: "grey over Rome" }]
      )
    }).pipe(Effect.provide(handlers))
  )

  it.live("are not run when the choice was to call none", () =>
    Effect.gen(function* () {
      const { model } = yield* start([{ toolCalls: [{ name: "weather", arguments: { city: "Rome" } }] }])
      const reason = yield* model
        .streamText({ prompt: "Weather?", toolkit: Tools, toolChoice: "none" })
        .pipe(Stream.runDrain, failureOf)
      assert.strictEqual(reason._tag, "ToolNotFoundError")
    }).pipe(Effect.provide(handlers))
  )

  it.live("that were not offered are not spoken of", () =>
    Effect.gen(function* () {
      const { model } = yield* start(['Just a moment. <function=fly>{"to":"Mars"}</function>'])
      assert.strictEqual(textOf(yield* ask(model)), "Just a moment. ")
    })
  )
})

describe("a refusal", () => {
  const rows: ReadonlyArray<readonly [status: number, tag: string]> = [
    [400, "InvalidRequestError"],
    [401, "AuthenticationError"],
    [402, "QuotaExhaustedError"],
    [403, "AuthenticationError"],
    [404, "InvalidRequestError"],
    [413, "InvalidRequestError"],
    [500, "InternalProviderError"]
  ]
  for (const [status, tag] of rows) {
    it.live(`by status ${status} is told at once`, () =>
      Effect.gen(function* () {
        const { emulator, model } = yield* start([{ refusal: { status, error: { message: "secret words" } } }])
        const error = yield* Effect.flip(ask(model))
        assert.strictEqual(error.reason._tag, tag)
        assert.notInclude(error.message, "secret words")
        assert.notInclude(inspect(error, { depth: 9 }), key)
        assert.strictEqual((yield* emulator.requests).length, 1)
      })
    )
  }

  const passing: ReadonlyArray<readonly [status: number, headers: Record<string, string>]> = [
    [429, { "retry-after": "0.01" }],
    [429, { "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }],
    [429, { "x-ratelimit-reset": "0.01" }],
    [503, { "retry-after": "0" }],
    [504, { "retry-after": "0" }],
    [520, { "retry-after": "0" }],
    [524, { "retry-after": "0" }],
    [529, { "retry-after": "0" }]
  ]
  for (const [status, headers] of passing) {
    it.live(`by status ${status} with ${JSON.stringify(headers)} is not the last word`, () =>
      Effect.gen(function* () {
        const { emulator, model } = yield* start([{ refusal: { status, headers } }, "Hello"])
        assert.strictEqual(textOf(yield* ask(model)), "Hello")
        assert.strictEqual((yield* emulator.requests).length, 2)
      })
    )
  }

  it.live("the second time is the last word", () =>
    Effect.gen(function* () {
      const { emulator, model } = yield* start([{ refusal: { status: 503, headers: { "retry-after": "0" } } }])
      assert.strictEqual((yield* failureOf(ask(model)))._tag, "InternalProviderError")
      assert.strictEqual((yield* emulator.requests).length, 2)
    })
  )

  const tooLong: ReadonlyArray<Record<string, string>> = [{ "retry-after": "2" }, { "x-ratelimit-reset": "1" }]
  for (const headers of tooLong) {
    it.live(`that asks for a long wait (${JSON.stringify(headers)}) is told at once`, () =>
      Effect.gen(function* () {
        const { emulator, model } = yield* start([{ refusal: { status: 429, headers } }, "Hello"])
        const error = yield* Effect.flip(ask(model))
        assert.strictEqual(error.reason._tag, "RateLimitError")
        assert(error.retryAfter !== undefined)
        assert.strictEqual(Duration.toSeconds(error.retryAfter), Number(Object.values(headers)[0]))
        assert.strictEqual((yield* emulator.requests).length, 1)
      })
    )
  }

  it.live("of the key is told as such", () =>
    Effect.gen(function* () {
      const { base } = yield* start(["Hello"])
      const model = yield* TogetherLanguageModel.make({
        baseUrl: new URL("/v1/", base),
        apiKey: Redacted.make("another"),
        model: "m"
      })
      assert.strictEqual((yield* failureOf(ask(model)))._tag, "AuthenticationError")
    }).pipe(Effect.provide(KeptHttpClient.layer))
  )

  it.live("with status 200 is one all the same", () =>
    Effect.gen(function* () {
      const body = JSON.stringify({ error: { message: "secret words", type: "overloaded" } })
      const { model } = yield* start([{ refusal: { status: 200, body } }])
      assert.strictEqual((yield* failureOf(ask(model)))._tag, "InternalProviderError")
    })
  )

  it.live("is told with the method that met it", () =>
    Effect.gen(function* () {
      const { model } = yield* start([{ refusal: { status: 404 } }])
      const error = yield* Effect.flip(model.generateText({ prompt: "Hi" }))
      assert.strictEqual(
        error.message,
        'TogetherLanguageModel.generateText: Invalid request. There is no model "test-model" for this key at this address (status 404, error).'
      )
    })
  )
})

describe("a reply that goes wrong", () => {
  const rows: ReadonlyArray<readonly [name: string, reply: ChatReply, tag: string, message: RegExp, heard: RegExp]> = [
    [
      "has an error in the middle",
      {
        text: "Hello there",
        fault: { kind: "error", afterTokens: 2 }
      },
      "InternalProviderError",
      /server_error/,
      /^Hello th$/
    ],
    [
      "has half a chunk",
      {
        text: "Hello there",
        fault: { kind: "malformed", afterTokens: 1 }
      },
      "InvalidResponseError",
      /not JSON/,
      /^Hell$/
    ],
    [
      "has an event that never ends",
      {
        text: "Hello there",
        fault: { kind: "oversized", afterTokens: 1 }
      },
      "InvalidResponseError",
      /larger than|not JSON/,
      /^Hell$/
    ],
    ["says nothing", { text: "" }, "InvalidOutputError", /said nothing/, /^$/],
    ["only thinks", { reasoning: "Hm." }, "InvalidOutputError", /thought but said nothing/, /^$/]
  ]
  for (const [name, reply, tag, message, heard] of rows) {
    it.live(`because it ${name}`, () =>
      Effect.gen(function* () {
        const { emulator, model } = yield* start([reply])
        let text = ""
        const error = yield* model.streamText({ prompt: "secret words" }).pipe(
          Stream.runForEach((part) =>
            Effect.sync(() => {
              if (part.type === "text-delta") text += part.delta
            })
          ),
          Effect.flip
        )
        assert.strictEqual(error.reason._tag, tag)
        assert.match(error.message, message)
        assert.match(text, heard)
        assert.notInclude(inspect(error, { depth: 9 }), "secret words")
        assert.strictEqual((yield* emulator.requests).length, 1, "what was begun is not begun again")
      })
    )
  }

  it.live("because its connection is cut", () =>
    Effect.gen(function* () {
      const { model } = yield* start([{ text: "Hello there", fault: { kind: "cut", afterTokens: 2 } }])
      const error = yield* Effect.flip(ask(model))
      assert.strictEqual(error.reason._tag, "NetworkError")
      assert.match(error.message, /The connection to .* was lost|could not be reached/)
      assert.notInclude(inspect(error, { depth: 9 }), "secret words")
    })
  )

  it.live("before its first chunk is asked for again", () =>
    Effect.gen(function* () {
      const { emulator, model } = yield* start([{ fault: { kind: "cut", afterTokens: 0 } }, "Hello"])
      assert.strictEqual(textOf(yield* ask(model)), "Hello")
      assert.strictEqual((yield* emulator.requests).length, 2)
    })
  )

  it.live("because nobody is there", () =>
    Effect.gen(function* () {
      const base = yield* Effect.scoped(Effect.map(start([""]), ({ base }) => base))
      const model = yield* TogetherLanguageModel.make({ baseUrl: base, apiKey: Redacted.make(key), model: "m" })
      const error = yield* Effect.flip(ask(model))
      assert.strictEqual(error.reason._tag, "NetworkError")
      assert.include(error.message, `${base.host} could not be reached (ECONNREFUSED)`)
      assert.notInclude(inspect(error, { depth: 9 }), "secret words")
      assert.notInclude(inspect(error, { depth: 9 }), key)
    }).pipe(Effect.provide(KeptHttpClient.layer))
  )
})

describe("interrupting a reply closes its connection", () => {
  const rows: ReadonlyArray<readonly [name: string, reply: ChatReply, words: number]> = [
    ["before the headers", { fault: { kind: "hang" } }, 0],
    ["before the first token", { text: "Hello", fault: { kind: "stall", afterTokens: 0 } }, 0],
    ["in the middle", { text: "Hello there", fault: { kind: "stall", afterTokens: 2 } }, 2]
  ]
  for (const [name, reply, words] of rows) {
    it.live(name, () =>
      Effect.gen(function* () {
        const { emulator, model } = yield* start([reply])
        const heard = model.streamText({ prompt: "Hi" }).pipe(
          Stream.filter((part) => part.type === "text-delta"),
          Stream.take(words),
          Stream.runDrain
        )
        // Taking as many words as there are ends the stream early, which must close the connection just as well.
        const fiber = yield* Effect.forkChild(words === 0 ? ask(model) : heard)
        yield* emulator.awaitEvent("Received", 0)
        if (words === 0) {
          const exit = yield* Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber))
          assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        } else yield* Fiber.join(fiber)
        yield* emulator.awaitEvent("Aborted", 0)
        assert.deepStrictEqual(
          (yield* emulator.events).map((event) => event._tag),
          ["Received", "Aborted"]
        )
      })
    )
  }
})

/** A model whose client answers with these, after the given wait, and counts. */
const startFake = Effect.fnUntraced(function* (
  answers: ReadonlyArray<() => Response>,
  takes: Duration.Input = "0 millis"
) {
  let asked = 0
  const client = HttpClient.make((request) =>
    Effect.delay(
      Effect.sync(() => {
        const answer = answers[asked] ?? (() => new Response("", { status: 500 }))
        asked += 1
        return HttpClientResponse.fromWeb(request, answer())
      }),
      takes
    )
  )
  const model = yield* TogetherLanguageModel.make({
    baseUrl: new URL("http://fake.test/v1"),
    apiKey: Redacted.make(key),
    model: "m"
  }).pipe(Effect.provideService(HttpClient.HttpClient, client))
  return { model, asked: () => asked }
})

const eventStream = (body: string | ReadableStream<Uint8Array>) =>
  new Response(body, { headers: { "content-type": "text/event-stream" } })
const helloChunk = JSON.stringify({ choices: [{ delta: { content: "Hello" }, finish_reason: "stop" }] })
const helloEvents = `data: ${helloChunk}\n\ndata: [DONE]\n\n`

describe("trying again", () => {
  const busy = () => new Response("", { status: 503 })
  const hello = () => eventStream(helloEvents)

  it.effect("waits a quarter of a second when the service does not say how long", () =>
    Effect.gen(function* () {
      const { asked, model } = yield* startFake([busy, hello])
      const fiber = yield* Effect.forkChild(ask(model))
      yield* TestClock.adjust("249 millis")
      assert.strictEqual(asked(), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(textOf(yield* Fiber.join(fiber)), "Hello")
      assert.strictEqual(asked(), 2)
    })
  )

  it.effect("is not done when the first try took too long already", () =>
    Effect.gen(function* () {
      const { asked, model } = yield* startFake([busy, hello], "1300 millis")
      const fiber = yield* Effect.forkChild(failureOf(ask(model)))
      yield* TestClock.adjust("1300 millis")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "InternalProviderError")
      assert.strictEqual(asked(), 1)
    })
  )

  it.effect("stops when the caller does", () =>
    Effect.gen(function* () {
      const { asked, model } = yield* startFake([busy, hello])
      const fiber = yield* Effect.forkChild(ask(model))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(asked(), 1)
    })
  )
})

describe("a response", () => {
  it.effect("that breaks off after its first chunk is not asked for again", () =>
    Effect.gen(function* () {
      const broken = () => {
        let read = 0
        const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
          read += 1
          if (read > 1) return controller.error(new TypeError("terminated", { cause: { code: "UND_ERR_SOCKET" } }))
          const chunk = { choices: [{ delta: { content: "Hell" } }] }
          return controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\n\n`))
        }
        return eventStream(new ReadableStream({ pull }, { highWaterMark: 0 }))
      }
      const { asked, model } = yield* startFake([broken, () => eventStream(helloEvents)])
      let text = ""
      const error = yield* model.streamText({ prompt: "Hi" }).pipe(
        Stream.runForEach((part) =>
          Effect.sync(() => {
            if (part.type === "text-delta") text += part.delta
          })
        ),
        Effect.flip
      )
      assert.strictEqual(text, "Hell")
      assert.strictEqual(error.reason._tag, "NetworkError")
      assert.include(error.message, "The connection to fake.test was lost (UND_ERR_SOCKET)")
      assert.strictEqual(asked(), 1)
    })
  )

  it.effect("is read to its end after the last event, so that its connection can be used again", () =>
    Effect.gen(function* () {
      let read = 0
      let cancelled = false
      const body = new ReadableStream<Uint8Array>(
        {
          pull: (controller) => {
            read += 1
            if (read === 1) controller.enqueue(new TextEncoder().encode(helloEvents))
            else controller.close()
          },
          cancel: () => {
            cancelled = true
          }
        },
        { highWaterMark: 0 }
      )
      const { model } = yield* startFake([() => eventStream(body)])
      assert.strictEqual(textOf(yield* ask(model)), "Hello")
      assert.strictEqual(read, 2)
      assert.isFalse(cancelled)
    })
  )

  it.effect("may leave its kind unsaid", () =>
    Effect.gen(function* () {
      const { model } = yield* startFake([() => new Response(new TextEncoder().encode(helloEvents))])
      assert.strictEqual(textOf(yield* ask(model)), "Hello")
    })
  )

  it.effect("of another kind is not read as words", () =>
    Effect.gen(function* () {
      const { model } = yield* startFake([
        () => new Response("<html>secret words</html>", { headers: { "content-type": "text/html; charset=utf-8" } })
      ])
      const error = yield* Effect.flip(ask(model))
      assert.strictEqual(error.reason._tag, "InvalidResponseError")
      assert.include(error.message, '"text/html; charset=utf-8" where "text/event-stream" was expected')
      assert.notInclude(error.message, "secret")
    })
  )

  it.live("with an error status and a text that never ends is given up", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const text = Stream.concat(Stream.make(new TextEncoder().encode('{"error":')), Stream.never)
      const response = HttpServerResponse.stream(Stream.ensuring(text, Deferred.succeed(closed, undefined)), {
        status: 500
      })
      const base = yield* serveEmulator(HttpRouter.add("POST", "/v1/chat/completions", response))
      const model = yield* TogetherLanguageModel.make({
        baseUrl: new URL("/v1", base),
        apiKey: Redacted.make(key),
        model: "m"
      })
      assert.strictEqual((yield* failureOf(ask(model)))._tag, "InternalProviderError")
      yield* Deferred.await(closed)
    }).pipe(Effect.provide(KeptHttpClient.layer))
  )
})

it.live("the layer asks the model of the settings", () =>
  Effect.gen(function* () {
    const { base, emulator } = yield* start(["Hello"])
    const config = Layer.succeed(AppConfig)({
      server: { host: "127.0.0.1", port: 0, publicUrl: undefined },
      together: {
        apiKey: Redacted.make(key),
        baseUrl: new URL("/v1", base),
        sttModel: "stt",
        llmModel: "the-model",
        ttsModel: "tts",
        ttsVoice: "voice"
      },
      persona: { id: "p", name: "P", prompt: "Be kind.", greeting: "Hello." },
      turns: defaultTurnSettings,
      deadlines: {
        transcript: Duration.seconds(1),
        firstToken: Duration.seconds(1),
        stall: Duration.seconds(1),
        firstAudio: Duration.seconds(1)
      },
      vadModelPath: undefined
    })
    const response = yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(
      Effect.provide(TogetherLanguageModel.layer.pipe(Layer.provide([config, KeptHttpClient.layer])))
    )
    assert.strictEqual(response.text, "Hello")
    assert.strictEqual((yield* emulator.requests)[0]?.body.model, "the-model")
  })
)
