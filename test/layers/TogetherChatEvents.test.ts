import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { decodeEvents, endAfterFinish } from "../../src/layers/TogetherChatEvents.ts"
import { type ChatInput, initial, onHalt, step } from "../../src/layers/TogetherChatStream.ts"

const chunkOf = (content: string, finish: string | null = null) => ({
  choices: [{ index: 0, delta: { content }, finish_reason: finish }]
})
const line = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Cuts bytes into pieces of the given sizes, over and over. */
const cut = (bytes: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

const read = (text: string, sizes: ReadonlyArray<number> = [1_000_000]) =>
  Stream.runCollect(decodeEvents(Stream.fromIterable(cut(encode(text), sizes))))

const words = (inputs: ReadonlyArray<ChatInput>): ReadonlyArray<string> =>
  inputs.map((input) => {
    switch (input._tag) {
      case "Chunk":
        return input.chunk.choices?.[0]?.delta?.content ?? "(chunk)"
      case "Done":
        return "(done)"
      case "Failed":
        return `(${input.reason.message})`
    }
  })

describe("reading an event stream", () => {
  const rows: ReadonlyArray<readonly [name: string, text: string, words: ReadonlyArray<string>]> = [
    ["chunks and their end", `${line(chunkOf("a"))}${line(chunkOf("b"))}data: [DONE]\n\n`, ["a", "b", "(done)"]],
    ["lines that end with CR LF", `data: ${JSON.stringify(chunkOf("a"))}\r\n\r\ndata: [DONE]\r\n\r\n`, ["a", "(done)"]],
    ["comments", `: hello\n\n${line(chunkOf("a"))}: still here\n${line(chunkOf("b"))}`, ["a", "b"]],
    ["a retry line", `retry: 3000\n\n${line(chunkOf("a"))}retry: 10\n${line(chunkOf("b"))}`, ["a", "b"]],
    ["named events with ids", `event: message\nid: 7\n${line(chunkOf("a"))}`, ["a"]],
    ["data without a space", line(chunkOf("a")).replace("data: ", "data:"), ["a"]],
    ["a byte order mark", `\uFEFF${line(chunkOf("a"))}`, ["a"]],
    ["half an event at the end", `${line(chunkOf("a"))}data: {"choices":[`, ["a"]],
    [
      "what is not JSON",
      `${line(chunkOf("a"))}data: {"choices":[\n\n`,
      ["a", "(Invalid response: The service sent an event that is not JSON.)"]
    ],
    [
      "JSON that is no chunk",
      line({ choices: "none" }),
      ["(Invalid response: The service sent an event that is not a chunk of a completion.)"]
    ],
    [
      "JSON that is no object",
      line(null),
      ["(Invalid response: The service sent an event that is not a chunk of a completion.)"]
    ],
    [
      "an event without end",
      `data: ${"x".repeat(1_100_000)}`,
      ["(Invalid response: The service sent an event larger than 1048576 characters.)"]
    ]
  ]
  for (const [name, text, expected] of rows) {
    it.effect(`takes ${name}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(words(yield* read(text)), expected)
      })
    )
  }

  const reply = 'Grüße — 你好 👋🏽! <function=now>{"a":"é"}</function>'
  const text = [
    ": hello\n\n",
    ...Array.from(reply, (character) => line(chunkOf(character))),
    line(chunkOf("", "stop")),
    "data: [DONE]\n\n"
  ].join("")

  const parts = (sizes: ReadonlyArray<number>, newline: string) =>
    Stream.fromIterable(cut(encode(text.replaceAll("\n", newline)), sizes)).pipe(
      decodeEvents,
      Stream.mapAccum(
        () => initial({ endpoint: { model: "m", url: "u" }, tools: new Set(["now"]), json: false, id: "r" }),
        step,
        { onHalt }
      ),
      Stream.runCollect
    )

  it.effect.prop(
    "means the same however the bytes are cut",
    [
      Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300 }))),
      Schema.Literals(["\n", "\r\n", "\r"])
    ],
    ([sizes, newline]) =>
      Effect.gen(function* () {
        const whole = yield* parts([1_000_000], "\n")
        const spoken = whole.flatMap((output) =>
          output._tag === "Part" && output.part.type === "text-delta" ? [output.part.delta] : []
        )
        assert.strictEqual(spoken.join(""), "Grüße — 你好 👋🏽! ")
        assert.deepStrictEqual(yield* parts(sizes, newline), whole)
      })
  )
})

describe("the end of a stream", () => {
  const chunk = (content: string, finish: string | null = null): ChatInput => ({
    _tag: "Chunk",
    chunk: chunkOf(content, finish)
  })

  /** Starts a stream that is fed by hand and never closed. */
  const start = Effect.gen(function* () {
    const queue = yield* Queue.unbounded<ChatInput>()
    const fiber = yield* Stream.fromQueue(queue).pipe(endAfterFinish, Stream.runCollect, Effect.forkChild)
    return { offer: (input: ChatInput) => Queue.offer(queue, input), fiber }
  })

  it.effect("is awaited for as long as the model has not finished", () =>
    Effect.gen(function* () {
      const { fiber, offer } = yield* start
      yield* offer(chunk("a"))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("comes half a second after the last chunk of a finished model", () =>
    Effect.gen(function* () {
      const { fiber, offer } = yield* start
      yield* offer(chunk("a", "stop"))
      yield* TestClock.adjust("400 millis")
      yield* offer(chunk("", "stop"))
      yield* TestClock.adjust("499 millis")
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(words(yield* Fiber.join(fiber)), ["a", ""])
    })
  )

  it.effect("comes at most a tenth of a second after the last event", () =>
    Effect.gen(function* () {
      const { fiber, offer } = yield* start
      yield* offer(chunk("a", "stop"))
      yield* offer({ _tag: "Done" })
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(words(yield* Fiber.join(fiber)), ["a", "(done)"])
    })
  )
})
