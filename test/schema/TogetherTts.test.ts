import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { decodeClientMessage, decodeServerMessage } from "../../src/schema/TogetherTts.ts"

const decode = (message: unknown) => decodeServerMessage(JSON.stringify(message))

describe("decodeServerMessage", () => {
  it("knows the messages of the documentation", () => {
    const messages = [
      { type: "session.created", event_id: "ev_1", session: { id: "sess_2", model: "m", voice: "v" } },
      { type: "conversation.item.audio_output.delta", item_id: "tts_1", delta: "AAA=", context_id: "turn-7" },
      { type: "conversation.item.audio_output.done", item_id: "tts_1" },
      { type: "context.cancelled", context_id: "turn-7" },
      { type: "conversation.item.tts.failed", error: { message: "m", type: "t", param: null, code: "c" } },
      { type: "error", error: { message: "m" } }
    ]
    for (const message of messages) {
      const decoded = decode(message)
      assert.strictEqual(decoded._tag, "Message", message.type)
      if (decoded._tag === "Message") assert.strictEqual(decoded.message.type, message.type)
    }
  })

  it("keeps what it needs", () => {
    assert.deepStrictEqual(
      decode({ type: "conversation.item.audio_output.delta", item_id: "i", delta: "AAA=", context_id: "c", more: 1 }),
      {
        _tag: "Message",
        message: { type: "conversation.item.audio_output.delta", item_id: "i", delta: "AAA=", context_id: "c" }
      }
    )
  })

  it("takes unsound optional fields for absent", () => {
    const decoded = decode({ type: "conversation.item.audio_output.done", item_id: 7, context_id: null })
    assert.deepStrictEqual(decoded, {
      _tag: "Message",
      message: { type: "conversation.item.audio_output.done", item_id: undefined, context_id: undefined }
    })
    const failed = decode({ type: "conversation.item.tts.failed", error: { message: 1, code: 500, type: "t" } })
    assert.strictEqual(failed._tag, "Message")
    if (failed._tag === "Message" && failed.message.type === "conversation.item.tts.failed") {
      assert.strictEqual(failed.message.error?.type, "t")
      assert.strictEqual(failed.message.error?.code, undefined)
    }
  })

  it("tells unknown types from nonsense", () => {
    assert.deepStrictEqual(decode({ type: "conversation.item.word_timestamps", words: [] }), {
      _tag: "Unknown",
      type: "conversation.item.word_timestamps"
    })
    for (const text of ["", "not JSON", "null", "[]", "{}", '{"type":7}']) {
      assert.deepStrictEqual(decodeServerMessage(text), { _tag: "Malformed" }, text)
    }
    assert.deepStrictEqual(decode({ type: "conversation.item.audio_output.delta", item_id: "i" }), {
      _tag: "Malformed"
    })
  })
})

describe("decodeClientMessage", () => {
  it("knows what can be sent, with and without a context", () => {
    const messages = [
      { type: "input_text_buffer.append", text: "Hello.", context_id: "r1" },
      { type: "input_text_buffer.append", text: "Hello." },
      { type: "input_text_buffer.commit" },
      { type: "input_text_buffer.clear", context_id: "r1" },
      { type: "context.cancel", context_id: "r1" },
      { type: "tts_session.updated", session: { voice: "af_heart" } }
    ]
    for (const message of messages) {
      assert.deepStrictEqual<unknown>(decodeClientMessage(JSON.stringify(message)), Option.some(message))
    }
    assert.isTrue(Option.isNone(decodeClientMessage('{"type":"input_text_buffer.append"}')))
    assert.isTrue(Option.isNone(decodeClientMessage("not JSON")))
  })
})
