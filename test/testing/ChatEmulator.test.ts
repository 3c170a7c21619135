import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { chatEmulator, type ChatEmulatorScript } from "../../src/testing/ChatEmulator.ts"
import { type ChatReply } from "../../src/testing/ChatReply.ts"
import { planReply } from "../../src/testing/ChatScript.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"

const start = Effect.fnUntraced(function* (script: ChatEmulatorScript) {
  const emulator = yield* chatEmulator(script)
  const base = yield* serveEmulator(emulator.routes)
  const post = (body: unknown, key = "k") =>
    Effect.promise(async (signal) => {
      const response = await fetch(new URL("/v1/chat/completions", base), {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: typeof body === "string" ? body : JSON.stringify(body),
        signal
      })
      return { status: response.status, headers: response.headers, text: await response.text() }
    })
  return { emulator, post }
})

const request = (content: string) => ({ model: "m", messages: [{ role: "user", content }], stream: true })

/** The data of every event in a response. */
const data = (text: string): ReadonlyArray<string> =>
  text.split(/\r?\n/).flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : []))

const bytesOf = (reply: ChatReply): ReadonlyArray<Uint8Array> =>
  planReply(reply, { id: "x", model: "m", promptTokens: 3 })[1].flatMap((step) =>
    step._tag === "Write" ? [step.bytes] : []
  )

const textOf = (reply: ChatReply): string => new TextDecoder().decode(Buffer.concat([...bytesOf(reply)]))

const chunks = (reply: ChatReply) =>
  data(textOf(reply)).flatMap((line) => (line === "[DONE]" ? [] : [JSON.parse(line) as Record<string, never>]))

const finishReasons = (reply: ChatReply) =>
  chunks(reply).map(
    (chunk: { choices?: ReadonlyArray<{ finish_reason: string | null }> }) => chunk.choices?.[0]?.finish_reason
  )

describe("what is sent", () => {
  it("is tokens of a few characters, then the finish reason with usage, then the last event", () => {
    const text = textOf({ text: "Hello 👋🏽!" })
    const lines = data(text)
    assert.strictEqual(lines.at(-1), "[DONE]")
    const deltas = chunks({ text: "Hello 👋🏽!" }).map(
      (chunk: { choices?: ReadonlyArray<{ delta: { content: string } }> }) => chunk.choices?.[0]?.delta.content
    )
    assert.deepStrictEqual(deltas, ["Hell", "o 👋🏽", "!", ""])
    assert.deepStrictEqual(finishReasons({ text: "Hello 👋🏽!" }), [null, null, null, "stop"])
    assert.include(lines.at(-2), '"prompt_tokens":3,"completion_tokens":3,"total_tokens":6')
  })

  it("repeats the finish reason and sends usage alone when asked to", () => {
    const reply: ChatReply = { text: "Hi", ending: { repeated: true, usage: "later" } }
    assert.deepStrictEqual(finishReasons(reply), [null, "stop", "stop", undefined])
    assert.include(data(textOf(reply)).at(-2), '"choices":[],"usage":{"prompt_tokens":3')
  })

  it("names a tool call once and gives its arguments in fragments, the last with a finish reason", () => {
    const reply: ChatReply = { toolCalls: [{ name: "now", arguments: { zone: "UTC" }, fragments: 3, id: "c" }] }
    const deltas = chunks(reply).flatMap(
      (chunk: {
        choices?: ReadonlyArray<{
          delta: { tool_calls?: ReadonlyArray<{ id?: string; function: { arguments: string } }> }
        }>
      }) => chunk.choices?.[0]?.delta.tool_calls ?? []
    )
    assert.deepStrictEqual(
      deltas.map((delta) => delta.id),
      ["c", undefined, undefined, undefined]
    )
    assert.strictEqual(deltas.map((delta) => delta.function.arguments).join(""), '{"zone":"UTC"}')
    assert.deepStrictEqual(finishReasons(reply), [null, null, null, null, "tool_calls", "tool_calls"])
  })

  it("is written as asked", () => {
    const text = "Grüße"
    assert.isTrue(bytesOf({ text, wire: { bytesPerWrite: 3 } }).every((bytes) => bytes.length <= 3))
    assert.strictEqual(textOf({ text, wire: { bytesPerWrite: 3 } }), textOf({ text }))
    assert.strictEqual(bytesOf({ text }).length, 4, "one write for each of two tokens, the finish and the end")
    assert.strictEqual(bytesOf({ text, wire: { eventsPerWrite: 4 } }).length, 1)
    assert.notMatch(textOf({ text, wire: { newline: "\r\n", comments: true } }), /[^\r]\n/)
    assert.match(textOf({ text, wire: { comments: true } }), /^: emulated\ndata: /)
    assert.match(textOf({ text, wire: { retry: 50 } }), /^retry: 50\n\ndata: /)
  })

  const faults: ReadonlyArray<readonly [fault: NonNullable<ChatReply["fault"]>, events: number, last: string]> = [
    [{ kind: "error", afterTokens: 1, error: { type: "overloaded" } }, 2, "Write"],
    [{ kind: "cut", afterTokens: 1 }, 1, "Cut"],
    [{ kind: "stall", afterTokens: 0 }, 0, "Hang"],
    [{ kind: "malformed", afterTokens: 1 }, 5, "Write"],
    [{ kind: "oversized", afterTokens: 1 }, 2, "Write"],
    [{ kind: "cut", afterTokens: 99 }, 2, "Cut"]
  ]
  for (const [fault, events, last] of faults) {
    it(`goes wrong by ${JSON.stringify(fault)}`, () => {
      const reply: ChatReply = { text: "Grüße", fault }
      const steps = planReply(reply, { id: "x", model: "m", promptTokens: 3 })[1]
      assert.strictEqual(steps.at(-1)?._tag, last)
      assert.strictEqual(data(textOf(reply)).length, events)
    })
  }
})

describe("the emulator", () => {
  it.live("answers from a list, the last reply again and again", () =>
    Effect.gen(function* () {
      const { emulator, post } = yield* start({ replies: ["One", "Two"] })
      const answers = yield* Effect.forEach(["a", "b", "c"], (content) => post(request(content)))
      assert.match(answers[0]?.headers.get("content-type") ?? "", /^text\/event-stream/)
      assert.deepStrictEqual(
        answers.map(({ text }) => /"content":"(\w+)"/.exec(text)?.[1]),
        ["One", "Two", "Two"]
      )
      assert.deepStrictEqual(
        (yield* emulator.requests).map(({ body }) => body.messages[0]?.content),
        ["a", "b", "c"]
      )
      yield* emulator.awaitEvent("Completed", 2)
    })
  )

  it.live("answers by the conversation", () =>
    Effect.gen(function* () {
      const { post } = yield* start({ replies: ({ body }) => `You: ${body.messages.at(-1)?.content}` })
      assert.include((yield* post(request("Hi"))).text, '"content":"You:"')
    })
  )

  it.live("keeps the key to itself", () =>
    Effect.gen(function* () {
      const { emulator, post } = yield* start({ replies: ["Hi"], apiKey: Redacted.make("k") })
      yield* post(request("Hi"))
      assert.notProperty((yield* emulator.requests)[0]?.headers, "authorization")
      const refused = yield* post(request("Hi"), "other")
      assert.strictEqual(refused.status, 401)
      assert.strictEqual((yield* emulator.requests).length, 1)
    })
  )

  const call = { id: "c", type: "function", function: { name: "now", arguments: "{}" } }
  const asked = { role: "assistant", content: null, tool_calls: [call] }
  const wrong: ReadonlyArray<readonly [body: unknown, message: string]> = [
    ["{", "not a chat completion request"],
    [{ model: "m" }, "not a chat completion request"],
    [{ ...request("Hi"), messages: [{ role: "robot", content: "x" }] }, "not a chat completion request"],
    [{ ...request("Hi"), stream: false }, "only streamed"],
    [{ ...request("Hi"), messages: [] }, "no messages"],
    [{ ...request("Hi"), messages: [asked, { role: "user", content: "x" }] }, "no tool message after it"],
    [{ ...request("Hi"), messages: [asked] }, "no tool message after it"],
    [{ ...request("Hi"), messages: [{ role: "tool", tool_call_id: "c", content: "x" }] }, "answers no call"]
  ]
  it.live("refuses what a service would refuse", () =>
    Effect.gen(function* () {
      const { emulator, post } = yield* start({ replies: ["Hi"] })
      for (const [body, message] of wrong) {
        const response = yield* post(body)
        assert.strictEqual(response.status, 400)
        assert.include(response.text, message)
      }
      assert.deepStrictEqual(yield* emulator.requests, [])
      yield* emulator.awaitEvent("Refused", wrong.length - 1)
    })
  )

  it.live("refuses as scripted", () =>
    Effect.gen(function* () {
      const refusal = { status: 429, headers: { "retry-after": "3" }, error: { type: "dynamic_request_limited" } }
      const { post } = yield* start({ replies: [{ refusal }] })
      const response = yield* post(request("Hi"))
      assert.strictEqual(response.status, 429)
      assert.strictEqual(response.headers.get("retry-after"), "3")
      assert.deepStrictEqual(JSON.parse(response.text), {
        error: { message: "Status 429", type: "dynamic_request_limited", param: null, code: null }
      })
    })
  )

  it.live("sees a client that goes away, and cuts a connection itself", () =>
    Effect.gen(function* () {
      const { emulator, post } = yield* start({
        replies: [{ fault: { kind: "hang" } }, { text: "Hi", fault: { kind: "cut", afterTokens: 1 } }]
      })
      const fiber = yield* Effect.forkChild(post(request("Hi")))
      yield* emulator.awaitEvent("Received", 0)
      yield* Fiber.interrupt(fiber)
      yield* emulator.awaitEvent("Aborted", 0)
      const exit = yield* Effect.exit(post(request("Hi")))
      assert.strictEqual(exit._tag, "Failure")
      yield* emulator.awaitEvent("Cut", 1)
    })
  )

  it.effect("waits on the Clock", () =>
    Effect.gen(function* () {
      const { post } = yield* start({ replies: [{ text: "Hi", pace: { firstToken: "1 hour" } }] })
      const passing = Effect.forever(Effect.andThen(TestClock.adjust("1 hour"), Effect.yieldNow))
      const response = yield* Effect.raceFirst(post(request("Hi")), passing)
      assert.include(response.text, '"content":"Hi"')
    })
  )
})
