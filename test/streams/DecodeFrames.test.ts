import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { type InboundFrame } from "../../src/schema/Twilio.ts"
import { decodeAny, decodeFrame, decodeFrames, decodeUsualMedia } from "../../src/streams/DecodeFrames.ts"

const media = {
  event: "media",
  sequenceNumber: "2",
  streamSid: "MZ1",
  media: { track: "inbound", chunk: "1", timestamp: "5", payload: "/w==" }
}
const start = {
  event: "start",
  sequenceNumber: "1",
  streamSid: "MZ1",
  start: {
    accountSid: "AC1",
    streamSid: "MZ1",
    callSid: "CA1",
    tracks: ["inbound"],
    mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
    customParameters: { token: "t" }
  }
}

describe("decodeFrame", () => {
  it("reads counters from strings", () => {
    const decoded = decodeFrame(JSON.stringify(media))
    assert.deepStrictEqual(decoded, {
      _tag: "Frame",
      frame: { ...media, event: "media", media: { ...media.media, timestamp: 5 } }
    })
  })

  const usual = (fields: { payload: string; timestamp: string; streamSid: string; track: string }) =>
    `{"event":"media","sequenceNumber":"4","media":{"track":"${fields.track}","chunk":"3","timestamp":"${fields.timestamp}","payload":"${fields.payload}"},"streamSid":"${fields.streamSid}"}`

  it.prop(
    "reads media frames as Twilio writes them in one pass, just as by their schema",
    [Schema.String, Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)), Schema.Literals(["inbound", "outbound"])],
    ([bytes, timestamp, track]) => {
      const payload = Buffer.from(bytes).toString("base64")
      const text = usual({ payload, timestamp: String(timestamp), streamSid: "MZ0123456789abcdef", track })
      assert.isDefined(decodeUsualMedia(text))
      assert.deepStrictEqual(decodeFrame(text), decodeAny(text))
    }
  )

  const good = { payload: "/w==", timestamp: "5", streamSid: "MZ1", track: "inbound" }
  it.each([
    ["a reversed bar", usual({ ...good, payload: "/w\\u003d=" })],
    ["a control character", usual({ ...good, payload: "/w\n" })],
    ["a quote that ends it early", usual({ ...good, payload: '","more":"' })],
    ["a time that is none", usual({ ...good, timestamp: "-5" })],
    ["a time too long to be exact", usual({ ...good, timestamp: "9".repeat(400) })],
    ["another track", usual({ ...good, track: "both" })],
    ["an escaped id", usual({ ...good, streamSid: "M\\u005a1" })],
    ["fields in another order", JSON.stringify(media)],
    ["white space", `${usual(good)} `],
    ["something after it", `${usual(good)}}`]
  ])("leaves a media frame with %s to its schema", (_, text) => {
    assert.isUndefined(decodeUsualMedia(text))
    assert.deepStrictEqual(decodeFrame(text), decodeAny(text))
  })

  const wellFormed = [
    { event: "connected", protocol: "Call", version: "1.0.0" },
    start,
    { event: "mark", sequenceNumber: "14", streamSid: "MZ1", mark: { name: "1:end" } },
    { event: "dtmf", streamSid: "MZ1", sequenceNumber: "9", dtmf: { track: "inbound_track", digit: "5" } },
    { event: "stop", sequenceNumber: "99", streamSid: "MZ1", stop: { accountSid: "AC1", callSid: "CA1" } },
    { event: "stop", streamSid: "MZ1" }
  ]
  for (const frame of wellFormed) {
    it(`takes ${JSON.stringify(frame).slice(0, 60)}`, () =>
      assert.deepStrictEqual(decodeFrame(JSON.stringify(frame)), { _tag: "Frame", frame: frame as InboundFrame }))
  }

  const rejected = [
    { text: "", problem: "not JSON" },
    { text: "{", problem: "not JSON" },
    { text: "null", problem: "no event name" },
    { text: "[]", problem: "no event name" },
    { text: "{}", problem: "no event name" },
    { text: '{"event":7}', problem: "no event name" },
    { text: '{"event":"media"}', problem: "not a valid media frame" },
    {
      text: JSON.stringify({ ...media, media: { ...media.media, timestamp: "x" } }),
      problem: "not a valid media frame"
    },
    { text: JSON.stringify({ ...media, media: { ...media.media, payload: 7 } }), problem: "not a valid media frame" },
    { text: '{"event":"start","streamSid":"MZ1"}', problem: "not a valid start frame" },
    // It stands in every line of the log that the call writes.
    ...["", "CA1\n12:00 ERROR all is lost", "CA1\u001b[31m", "CA 1", "CA1\u2028", "C".repeat(129)].map((callSid) => ({
      text: JSON.stringify({ ...start, start: { ...start.start, callSid } }),
      problem: "not a valid start frame"
    })),
    ...["", "55", "x", "5\n"].map((digit) => ({
      text: JSON.stringify({ event: "dtmf", streamSid: "MZ1", dtmf: { digit } }),
      problem: "not a valid dtmf frame"
    })),
    { text: '{"event":"mark","streamSid":"MZ1","mark":{}}', problem: "not a valid mark frame" }
  ]
  for (const [row, { problem, text }] of rejected.entries()) {
    it(`rejects ${text === "" ? "nothing" : text.slice(0, 50)} as ${problem} (${row})`, () =>
      assert.deepStrictEqual(decodeFrame(text), { _tag: "Malformed", problem }))
  }

  it("knows a frame of a kind it does not know from a broken one", () =>
    assert.deepStrictEqual(decodeFrame('{"event":"video","x":1}'), { _tag: "Unknown", event: "video" }))
})

it.effect("decodeFrames skips and reports malformed frames and goes on", () =>
  Effect.gen(function* () {
    const problems: Array<string> = []
    const frames = yield* Stream.make(
      "{",
      JSON.stringify(start),
      '{"event":"video"}',
      '{"event":"media"}',
      JSON.stringify(media)
    ).pipe(
      decodeFrames((problem) => void problems.push(problem)),
      Stream.runCollect
    )
    assert.deepStrictEqual(
      frames.map((frame) => frame.event),
      ["start", "media"]
    )
    assert.deepStrictEqual(problems, ["not JSON", "not a valid media frame"])
  })
)
