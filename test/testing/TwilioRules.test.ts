import { assert, describe, it } from "@effect/vitest"
import { MAX_DETAIL, readServerFrame, type ViolationKind } from "../../src/testing/TwilioRules.ts"

const streamSid = "MZ0123456789abcdef0123456789abcdef"
const read = (frame: unknown) => readServerFrame(JSON.stringify(frame), streamSid)
const payload = Buffer.from([0, 1, 2, 255]).toString("base64")

describe("TwilioRules", () => {
  it("reads what a server may send", () => {
    const media = read({ event: "media", streamSid, media: { payload } })
    assert.strictEqual(media._tag, "Media")
    assert.deepStrictEqual(media._tag === "Media" && [...media.bytes], [0, 1, 2, 255])
    assert.deepStrictEqual(read({ event: "mark", streamSid, mark: { name: "a:1" } }), { _tag: "Mark", name: "a:1" })
    assert.deepStrictEqual(read({ streamSid, event: "clear" }), { _tag: "Clear" })
  })

  const riff = Buffer.concat([Buffer.from("RIFF"), Buffer.alloc(40)]).toString("base64")

  it.each<readonly [what: string, frame: unknown, kind: ViolationKind, mentions: string]>([
    ["an event that only Twilio sends", { event: "start", streamSid }, "UnknownEvent", '"start"'],
    ["no event", { streamSid }, "UnknownEvent", "undefined"],
    ["no object", [1], "UnknownEvent", "undefined"],
    ["null", null, "UnknownEvent", "undefined"],
    ["media without audio", { event: "media", streamSid, media: {} }, "BadShape", "payload"],
    ["media without a stream", { event: "media", media: { payload } }, "BadShape", "streamSid"],
    ["media with a track", { event: "media", streamSid, media: { payload, track: "x" } }, "BadShape", "track"],
    ["media with an extra field", { event: "media", streamSid, media: { payload }, seq: 1 }, "BadShape", "seq"],
    ["audio that is a number", { event: "media", streamSid, media: { payload: 5 } }, "BadShape", "payload"],
    ["a mark without a name", { event: "mark", streamSid, mark: {} }, "BadShape", "name"],
    ["a mark with an empty name", { event: "mark", streamSid, mark: { name: "" } }, "BadShape", "name"],
    ["a mark without a mark", { event: "mark", streamSid }, "BadShape", "mark"],
    ["a clear with an extra field", { event: "clear", streamSid, clear: {} }, "BadShape", "clear"],
    ["another stream's media", { event: "media", streamSid: "MZ1", media: { payload } }, "WrongStreamSid", "MZ1"],
    ["another stream's mark", { event: "mark", streamSid: "MZ1", mark: { name: "a" } }, "WrongStreamSid", "MZ1"],
    ["another stream's clear", { event: "clear", streamSid: "" }, "WrongStreamSid", streamSid],
    ["audio that is not base64", { event: "media", streamSid, media: { payload: "a-_=" } }, "BadPayload", "base64"],
    ["base64 cut short", { event: "media", streamSid, media: { payload: "abc" } }, "BadPayload", "base64"],
    [
      "base64 with a line break",
      { event: "media", streamSid, media: { payload: "AAAA\nAAA" } },
      "BadPayload",
      "base64"
    ],
    ["base64 for addresses", { event: "media", streamSid, media: { payload: "AA-_" } }, "BadPayload", "base64"],
    ["base64 that goes on", { event: "media", streamSid, media: { payload: "AA==AAAA" } }, "BadPayload", "base64"],
    ["a WAV file", { event: "media", streamSid, media: { payload: riff } }, "ContainerHeader", "RIFF"]
  ])("refuses %s", (_, frame, kind, mentions) => {
    const violation = read(frame)
    assert.strictEqual(violation._tag === "Violation" && violation.kind, kind)
    assert.include(violation._tag === "Violation" ? violation.detail : "", mentions)
  })

  it("refuses what is not JSON, and what is not text", () => {
    const notJson = readServerFrame("{", streamSid)
    assert.strictEqual(notJson._tag === "Violation" && notJson.kind, "NotJson")
    const notText = readServerFrame(new Uint8Array(7), streamSid)
    assert.strictEqual(notText._tag === "Violation" && notText.kind, "NotText")
  })

  it("keeps explanations short", () => {
    const violation = read({ event: "x".repeat(10_000), streamSid })
    assert.strictEqual(violation._tag === "Violation" && violation.detail.length, MAX_DETAIL)
  })
})
