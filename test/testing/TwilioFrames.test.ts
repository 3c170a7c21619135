import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Schema } from "effect"
import { InboundFrame } from "../../src/schema/Twilio.ts"
import { makeIdentity, makeTwilioFrames } from "../../src/testing/TwilioFrames.ts"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(InboundFrame), { onExcessProperty: "error" })

describe("TwilioFrames", () => {
  it.effect("draws identifiers of two letters and 32 hexadecimal digits, and keeps those given", () =>
    Effect.gen(function* () {
      const identity = yield* makeIdentity({ callSid: "CAmine" })
      assert.match(identity.accountSid, /^AC[0-9a-f]{32}$/)
      assert.match(identity.streamSid, /^MZ[0-9a-f]{32}$/)
      assert.strictEqual(identity.callSid, "CAmine")
      const other = yield* makeIdentity()
      assert.notStrictEqual(other.streamSid, identity.streamSid)
      const [one, same] = yield* Effect.all([makeIdentity(), makeIdentity()].map(Random.withSeed("seed")))
      assert.deepStrictEqual(one, same)
    })
  )

  it("writes each frame as the wire has it, counted from start on", () => {
    const identity = { accountSid: "AC1", callSid: "CA1", streamSid: "MZ1" }
    const frames = makeTwilioFrames(identity)
    const written = [
      frames.connected(),
      frames.start({ token: 'a"b' }),
      frames.media(1, 0, "/w=="),
      frames.dtmf("#"),
      frames.mark('turn "1"'),
      frames.stop()
    ]
    assert.deepStrictEqual(
      written.map((text) => JSON.parse(text)),
      [
        { event: "connected", protocol: "Call", version: "1.0.0" },
        {
          event: "start",
          sequenceNumber: "1",
          start: {
            accountSid: "AC1",
            streamSid: "MZ1",
            callSid: "CA1",
            tracks: ["inbound"],
            mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
            customParameters: { token: 'a"b' }
          },
          streamSid: "MZ1"
        },
        {
          event: "media",
          sequenceNumber: "2",
          media: { track: "inbound", chunk: "1", timestamp: "0", payload: "/w==" },
          streamSid: "MZ1"
        },
        { event: "dtmf", streamSid: "MZ1", sequenceNumber: "3", dtmf: { track: "inbound_track", digit: "#" } },
        { event: "mark", sequenceNumber: "4", streamSid: "MZ1", mark: { name: 'turn "1"' } },
        { event: "stop", sequenceNumber: "5", stop: { accountSid: "AC1", callSid: "CA1" }, streamSid: "MZ1" }
      ]
    )
    for (const text of written) assert.doesNotThrow(() => decode(text))
  })
})
