import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Signal, TtsRouting } from "../../src/layers/TogetherTtsRouting.ts"
import { type ReplyInput } from "../../src/layers/TogetherTtsReplyState.ts"

const endpoint = { baseUrl: new URL("https://tts.test/v1"), ttsModel: "a/model", ttsVoice: "a_voice" }

const ITEM = "conversation.item"

/** A routing with one inbox, and what the inbox was told since it was last asked. */
const setUp = Effect.sync(() => {
  const routing = new TtsRouting(endpoint)
  const inputs: Array<ReplyInput> = []
  const inbox = (input: ReplyInput): void => void inputs.push(input)
  routing.add(inbox)
  const receive = (message: object | Uint8Array): Signal | undefined =>
    routing.receive(message instanceof Uint8Array ? message : JSON.stringify(message))
  const told = Effect.sync(() =>
    inputs.splice(0).map((input) => {
      switch (input._tag) {
        case "Audio":
          return `audio ${input.context} ${input.item ?? "-"} ${Buffer.from(input.bytes).toString("base64")}`
        case "Done":
          return `done ${input.context} ${input.item ?? "-"}`
        case "Failed":
          return `failed ${input.context} ${input.error.reason}`
        default:
          return input._tag
      }
    })
  )
  return { routing, inbox, receive, told }
})

const delta = (context_id?: string, item_id?: string) => ({
  type: `${ITEM}.audio_output.delta`,
  delta: "AQI=",
  ...(context_id === undefined ? {} : { context_id }),
  ...(item_id === undefined ? {} : { item_id })
})

const done = (context_id?: string) => ({
  type: `${ITEM}.audio_output.done`,
  item_id: "tts_1",
  ...(context_id === undefined ? {} : { context_id })
})

describe("TtsRouting", () => {
  it.effect("tells each context's reply, and nobody of unknown ones", () =>
    Effect.gen(function* () {
      const { inbox, receive, routing, told } = yield* setUp
      routing.open("r1", inbox, 0)
      assert.isUndefined(receive(delta("r1", "tts_1")))
      assert.isUndefined(receive(delta("r0", "tts_1")))
      assert.isUndefined(receive(done("r1")))
      assert.isUndefined(receive({ type: `${ITEM}.tts.failed`, context_id: "r1", error: {} }))
      assert.deepStrictEqual(yield* told, ["audio r1 tts_1 AQI=", "done r1 tts_1", "failed r1 Overloaded"])
    })
  )

  it.effect("gives what names no context, or the default one, and binary frames to the open context", () =>
    Effect.gen(function* () {
      const { inbox, receive, routing, told } = yield* setUp
      routing.open("r1", inbox, 0)
      receive(delta(undefined, "tts_1"))
      receive(delta("default"))
      receive(Uint8Array.of(1, 2))
      receive(done())
      assert.deepStrictEqual(yield* told, [
        "audio r1 tts_1 AQI=",
        "audio r1 - AQI=",
        "audio r1 - AQI=",
        "done r1 tts_1"
      ])
    })
  )

  it.effect("drops a nameless done while it may be a cancelled context's", () =>
    Effect.gen(function* () {
      const { inbox, receive, routing, told } = yield* setUp
      routing.open("r1", inbox, 0)
      assert.strictEqual(routing.cancel("r1", 0), "ask")
      assert.strictEqual(routing.cancel("r1", 0), "nothing")
      routing.open("r2", inbox, 0)
      receive(delta("r1"))
      receive(done())
      assert.deepStrictEqual(yield* told, [])
      // Acknowledged: from now on it can only be the open one's.
      receive({ type: "context.cancelled", context_id: "r1" })
      receive(done())
      assert.deepStrictEqual(yield* told, ["done r2 tts_1"])
    })
  )

  it.effect("takes the next context's audio for the end of a cancelled one", () =>
    Effect.gen(function* () {
      const { inbox, receive, routing, told } = yield* setUp
      routing.open("r1", inbox, 0)
      routing.cancel("r1", 0)
      routing.open("r2", inbox, 0)
      receive(delta("r2"))
      receive(done())
      assert.deepStrictEqual(yield* told, ["audio r2 - AQI=", "done r2 tts_1"])
    })
  )

  it.effect("wants another connection when audio cannot be told from a cancelled context's", () =>
    Effect.gen(function* () {
      const { inbox, receive, routing, told } = yield* setUp
      routing.open("r1", inbox, 0)
      routing.cancel("r1", 0)
      routing.open("r2", inbox, 0)
      assert.deepStrictEqual(receive(delta()), { _tag: "Replace" })
      assert.deepStrictEqual(yield* told, [])
      routing.reset()
      routing.open("r2.2", inbox, 0)
      assert.isUndefined(receive(delta()))
      assert.deepStrictEqual(yield* told, ["audio r2.2 - AQI="])
      // It is known now: there is no point in asking such a service to stop.
      assert.strictEqual(routing.cancel("r2.2", 0), "replace")
    })
  )

  it.effect("wants another connection when a context is given up on after long silence, and not after a word", () =>
    Effect.gen(function* () {
      const { inbox, receive, routing } = yield* setUp
      routing.open("r1", inbox, 0)
      assert.strictEqual(routing.cancel("r1", 1499), "ask")
      routing.open("r2", inbox, 2000)
      routing.open("r2", inbox, 3000)
      assert.strictEqual(routing.cancel("r2", 3500), "replace")
      // Audio, even for somebody else, came over a connection that works.
      routing.open("r3", inbox, 4000)
      receive(delta("r2"))
      assert.strictEqual(routing.cancel("r3", 9000), "ask")
      // That it was told of the text is no sign that anything is made of it.
      routing.open("r4", inbox, 10_000)
      receive({ type: "conversation.item.input_text.received", text: "Hello." })
      assert.strictEqual(routing.cancel("r4", 20_000), "replace")
    })
  )

  it.effect("refuses a session whose errors come before anything works, and only then", () =>
    Effect.gen(function* () {
      const { inbox, receive, routing, told } = yield* setUp
      const error = { type: "error", error: { code: "voice_not_found" } }
      const signal = receive(error)
      assert.strictEqual(signal?._tag, "Refuse")
      if (signal?._tag === "Refuse") assert.strictEqual(signal.error.reason, "Rejected")
      routing.reset()
      routing.open("r1", inbox, 0)
      receive(delta("r1"))
      assert.isUndefined(receive(error))
      assert.strictEqual(routing.problem?.reason, undefined)
      assert.deepStrictEqual(yield* told, ["audio r1 - AQI=", "failed r1 Rejected"])
      receive({ type: "error", error: { code: "no_healthy_workers" } })
      assert.strictEqual(routing.problem?.reason, "Overloaded")
    })
  )

  it.effect("notices audio after a context's end", () =>
    Effect.gen(function* () {
      const { inbox, receive, routing, told } = yield* setUp
      routing.open("r1", inbox, 0)
      receive(delta("r1"))
      routing.finish("r1")
      assert.isFalse(routing.overran)
      receive(delta("r1"))
      assert.isTrue(routing.overran)
      assert.deepStrictEqual(yield* told, ["audio r1 - AQI="])
    })
  )

  it.effect("tells which contexts an inbox leaves behind, and when a connection is worn out", () =>
    Effect.gen(function* () {
      const { inbox, routing } = yield* setUp
      for (let i = 0; i < 90; i++) {
        assert.isFalse(routing.wornOut)
        routing.open(`r${i}`, inbox, 0)
        routing.open(`r${i}`, inbox, 0)
        if (i < 89) routing.finish(`r${i}`)
      }
      assert.isFalse(routing.wornOut)
      assert.deepStrictEqual(routing.remove(inbox), ["r89"])
      routing.finish("r89")
      assert.isTrue(routing.wornOut)
    })
  )

  it.effect("says when the session is there, and passes over what it does not know", () =>
    Effect.gen(function* () {
      const { inbox, receive, routing, told } = yield* setUp
      routing.open("r1", inbox, 0)
      assert.deepStrictEqual(receive({ type: "session.created" }), { _tag: "Ready" })
      assert.isUndefined(receive({ type: "conversation.item.word_timestamps" }))
      assert.strictEqual(routing.malformed, 0)
      assert.isUndefined(routing.receive("not JSON"))
      assert.strictEqual(routing.malformed, 1)
      routing.reset()
      assert.strictEqual(routing.malformed, 0)
      assert.deepStrictEqual(yield* told, [])
    })
  )
})
