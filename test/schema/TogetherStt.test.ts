import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { decodeClientMessage, decodeServerMessage } from "../../src/schema/TogetherStt.ts"

const completed = "conversation.item.input_audio_transcription.completed"

const decode = (message: unknown) => Option.getOrUndefined(decodeServerMessage(JSON.stringify(message)))

describe("a message of the service", () => {
  it("needs its type only", () => {
    assert.deepStrictEqual(decode({ type: "session.created" }), { type: "session.created" })
    assert.deepStrictEqual(decode({ type: completed, transcript: "yes" }), { type: completed, transcript: "yes" })
    assert.deepStrictEqual(decode({ type: "error" }), { type: "error" })
  })

  it("is understood with fields that are not, which then count as absent", () => {
    const message = decode({ type: completed, item_id: 7, transcript: "yes", logprobs: { avg_logprob: -1 } })
    assert.deepInclude(message, { type: completed, transcript: "yes" })
    assert.isUndefined(message?.type === completed ? message.item_id : "another type")
    const error = decode({ type: "error", message: "top", error: { message: 3, code: null, type: "server_error" } })
    assert.strictEqual(error?.type === "error" ? error.message : undefined, "top")
    assert.strictEqual(error?.type === "error" ? error.error?.type : undefined, "server_error")
    assert.isUndefined(error?.type === "error" ? error.error?.message : "another type")
  })

  it("is nothing when it is of another type, or not a message at all", () => {
    assert.isUndefined(decode({ type: "input_audio_buffer.committed" }))
    assert.isUndefined(decode(["session.created"]))
    assert.isUndefined(decode(null))
    assert.isTrue(Option.isNone(decodeServerMessage("{")))
  })
})

describe("a message to the service", () => {
  it("is one of three", () => {
    const audio = { type: "input_audio_buffer.append", audio: "AAA=" } as const
    assert.deepStrictEqual(Option.getOrUndefined(decodeClientMessage(JSON.stringify(audio))), audio)
    assert.isTrue(Option.isSome(decodeClientMessage(`{"type":"input_audio_buffer.commit"}`)))
    assert.isTrue(Option.isSome(decodeClientMessage(`{"type":"input_audio_buffer.clear"}`)))
    assert.isTrue(Option.isNone(decodeClientMessage(`{"type":"input_audio_buffer.append"}`)))
    assert.isTrue(Option.isNone(decodeClientMessage(`{"type":"echo"}`)))
  })
})
