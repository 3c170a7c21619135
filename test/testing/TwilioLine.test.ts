import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { InboundFrame } from "../../src/schema/Twilio.ts"
import { decodeMulawBase64, encodeMulaw } from "../../src/streams/Mulaw.ts"
import { makeRecorder } from "../../src/testing/CallRecording.ts"
import { type Impairments } from "../../src/testing/Impairments.ts"
import { makeLineSound } from "../../src/testing/LineNoise.ts"
import { type CallerAct, makeLine, type Mouth } from "../../src/testing/TwilioLine.ts"
import { tone, tonePayload } from "./Sounds.ts"

const identity = { accountSid: "AC1", callSid: "CA1", streamSid: "MZ1" }

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(InboundFrame), { onExcessProperty: "error" })

const silent: Mouth = () => []

const setUp = (options: { readonly mouth?: Mouth; readonly impairments?: Impairments } = {}) => {
  const frames: Array<InboundFrame> = []
  const times: Array<number> = []
  let nowMs = 0
  const recorder = makeRecorder()
  const impairments = options.impairments ?? {}
  const line = makeLine({
    identity,
    parameters: { token: "t" },
    send: (text) => {
      frames.push(decode(text))
      times.push(nowMs)
    },
    mouth: options.mouth ?? silent,
    recorder,
    impairments,
    sound: makeLineSound(impairments, []),
    playout: {}
  })
  line.open()
  return {
    line,
    frames,
    times,
    recorder,
    advanceTo: (toMs: number) => {
      nowMs = toMs
      line.advanceTo(toMs)
    },
    receive: (atMs: number, frame: unknown) => {
      nowMs = atMs
      line.receive(atMs, JSON.stringify(frame))
    },
    /** Wakes up when the line wants to, until a point in time. */
    runTo: (toMs: number) => {
      for (let atMs = line.nextMs(); atMs <= toMs && line.result() === undefined; atMs = line.nextMs()) {
        nowMs = atMs
        line.advanceTo(atMs)
      }
    },
    media: () => frames.flatMap((frame) => (frame.event === "media" ? [frame] : [])),
    mediaTimes: () => times.filter((_, index) => frames[index]?.event === "media")
  }
}

const media = (ms: number) => ({ event: "media", streamSid: "MZ1", media: { payload: tonePayload(ms) } })
const mark = (name: string) => ({ event: "mark", streamSid: "MZ1", mark: { name } })

describe("TwilioLine", () => {
  it("begins with connected and start, and sends a frame every 20 ms", () => {
    const call = setUp()
    call.runTo(1000)
    assert.deepStrictEqual(
      call.frames.slice(0, 2).map(({ event }) => event),
      ["connected", "start"]
    )
    assert.deepStrictEqual(
      call.mediaTimes(),
      Array.from({ length: 50 }, (_, n) => (n + 1) * 20)
    )
    call.media().forEach((frame, n) => {
      assert.strictEqual(frame.sequenceNumber, String(n + 2))
      assert.strictEqual(frame.media.chunk, String(n + 1))
      assert.strictEqual(frame.media.timestamp, n * 20)
      assert.strictEqual(frame.media.payload, Buffer.alloc(160, 0xff).toString("base64"))
    })
  })

  it("catches up after waking late, and does not drift", () => {
    const call = setUp()
    call.advanceTo(39.9)
    call.advanceTo(107)
    assert.deepStrictEqual(call.mediaTimes(), [39.9, 107, 107, 107, 107])
    assert.strictEqual(call.line.nextMs(), 120)
    for (let n = 6; n < 500; n++) call.advanceTo(n * 20 + (n % 19))
    assert.strictEqual(call.media().length, 499)
    assert.strictEqual(call.line.nextMs(), 10_000)
  })

  it("counts every frame in one sequence, without gaps", () => {
    const call = setUp({
      mouth: ({ from }): ReadonlyArray<CallerAct> =>
        from === 160 * 5
          ? [{ _tag: "Key", at: from, digit: "4" }]
          : from === 160 * 9
            ? [{ _tag: "HangUp", at: from }]
            : []
    })
    call.receive(30, media(30))
    call.receive(30, mark("a"))
    call.runTo(10_000)
    const counted = call.frames.slice(1)
    assert.deepStrictEqual(
      counted.map((frame) => frame.event !== "connected" && frame.sequenceNumber),
      counted.map((_, n) => String(n + 1))
    )
    assert.deepStrictEqual(
      counted.map(({ event }) => event).filter((event) => event !== "media"),
      ["start", "mark", "dtmf", "stop"]
    )
    assert.strictEqual(call.frames.at(-1)?.event, "stop")
    assert.deepStrictEqual(call.line.result()?.end, { _tag: "CallerHungUp" })
    assert.strictEqual(call.line.result()?.endMs, 200)
  })

  it("sends what the caller says, where the caller says it", () => {
    const voice = tone(10)
    const call = setUp({
      mouth: ({ from }) => (from === 320 ? [{ _tag: "Voice", at: 320 + 40, samples: voice }] : [])
    })
    call.runTo(80)
    const sent = decodeMulawBase64(call.media()[2]!.media.payload)
    const expected = new Int16Array(160)
    expected.set(decodeMulawBase64(Buffer.from(encodeMulaw(voice)).toString("base64")), 40)
    assert.deepStrictEqual(sent, expected)
  })

  it("returns marks when they are due and not before", () => {
    const call = setUp()
    call.receive(5, media(12))
    call.receive(5, mark("a"))
    assert.strictEqual(call.line.nextMs(), 17)
    call.advanceTo(16.9)
    assert.strictEqual(call.frames.length, 2)
    call.advanceTo(17)
    assert.deepStrictEqual(call.frames[2], {
      event: "mark",
      sequenceNumber: "2",
      streamSid: "MZ1",
      mark: { name: "a" }
    })
    call.receive(18, mark("b"))
    assert.strictEqual(call.frames[3]?.event, "mark")
  })

  it("does what is due in the order it is due when it is told late", () => {
    const call = setUp()
    call.receive(0, media(50))
    call.receive(0, mark("a"))
    call.advanceTo(100)
    assert.deepStrictEqual(
      call.frames.slice(2).map((frame) => (frame.event === "media" ? frame.media.timestamp : frame.event)),
      [0, 20, "mark", 40, 60, 80]
    )
  })

  it("asks the caller with the agent heard up to the end of the frame, however late it wakes", () => {
    const asked: Array<readonly [number, number]> = []
    const call = setUp({
      mouth: ({ agent, to }) => {
        asked.push([to / 8, agent.until / 8])
        return []
      }
    })
    call.receive(3, media(100))
    call.advanceTo(200)
    assert.deepStrictEqual(asked.slice(0, 7), [
      [20, 20],
      [40, 40],
      [60, 60],
      [80, 80],
      [100, 100],
      [120, 103],
      [140, 103]
    ])
  })

  it("does nothing more once it is over", () => {
    const call = setUp()
    call.receive(5, media(40))
    call.receive(5, mark("a"))
    const result = call.line.closed(25, { code: 1000, reason: "bye" })
    assert.deepStrictEqual(result.end, { _tag: "AgentHungUp", code: 1000, reason: "bye" })
    assert.strictEqual(result.endMs, 25)
    assert.strictEqual(result.playout.queuedBytes, 20 * 8)
    const sent = call.frames.length
    call.advanceTo(1000)
    call.receive(1000, mark("b"))
    assert.strictEqual(call.frames.length, sent)
    assert.strictEqual(call.line.closed(2000, { code: 1006, reason: "" }), result)
  })

  it("is lost without a stop", () => {
    const call = setUp({ mouth: ({ from }) => (from === 160 ? [{ _tag: "Reset", at: 160 }] : []) })
    call.runTo(1000)
    assert.deepStrictEqual(call.line.result()?.end, { _tag: "CallerLost" })
    assert.isFalse(call.frames.some(({ event }) => event === "stop"))
  })

  it("tells of the first sound of each reply, media together, and what was refused", () => {
    const call = setUp()
    call.receive(10, media(20))
    call.receive(10, media(20))
    call.receive(60, { event: "mark", streamSid: "MZ1", mark: { name: "a" } })
    call.receive(300, media(20))
    call.receive(310, { event: "clear", streamSid: "MZ2" })
    call.receive(315, { event: "clear", streamSid: "MZ1" })
    call.line.closed(400, { code: 1000, reason: "" })
    const { events } = call.recorder.finish(400, [])
    assert.deepStrictEqual(events, [
      { _tag: "MediaReceived", atMs: 10, untilMs: 10, messages: 2, bytes: 320 },
      { _tag: "AgentAudible", atMs: 10, reply: 1 },
      { _tag: "MarkReturned", atMs: 60, name: "a", reason: "empty" },
      { _tag: "MediaReceived", atMs: 300, untilMs: 300, messages: 1, bytes: 160 },
      { _tag: "AgentAudible", atMs: 300, reply: 2 },
      {
        _tag: "Violation",
        atMs: 310,
        kind: "WrongStreamSid",
        detail: 'streamSid is "MZ2", this stream is "MZ1"'
      },
      { _tag: "Cleared", atMs: 315, flushedBytes: 40 },
      { _tag: "Closed", atMs: 400, end: { _tag: "AgentHungUp", code: 1000, reason: "" } }
    ])
  })
})

describe("TwilioLine, impaired", () => {
  it("loses frames and counts them", () => {
    const call = setUp({ impairments: { seed: 3, loss: { rate: 0.2 } } })
    call.runTo(4000)
    const chunks = call.media().map((frame) => Number(frame.media.chunk))
    assert.isBelow(chunks.length, 190)
    assert.isAbove(chunks.length, 130)
    for (const frame of call.media()) assert.strictEqual(frame.media.timestamp, (Number(frame.media.chunk) - 1) * 20)
    assert.deepStrictEqual(
      call.media().map(({ sequenceNumber }) => sequenceNumber),
      chunks.map((_, n) => String(n + 2))
    )
  })

  it("sends frames twice as they were", () => {
    const call = setUp({ impairments: { seed: 3, duplicates: { rate: 0.3 } } })
    call.runTo(2000)
    const frames = call.media()
    const twice = frames.filter((frame, index) => frames[index - 1]?.media.chunk === frame.media.chunk)
    assert.isAbove(twice.length, 15)
    for (const frame of twice)
      assert.isTrue(frames.some((other) => other !== frame && JSON.stringify(other) === JSON.stringify(frame)))
  })

  it("sends late and in order, whatever is sent", () => {
    const call = setUp({
      impairments: { seed: 5, jitter: { maxMs: 70 }, bursts: { everyMs: 300, holdMs: 150 } },
      mouth: ({ from }) => (from % 1600 === 0 ? [{ _tag: "Key", at: from, digit: "1" }] : [])
    })
    for (let atMs = 0; atMs < 5000; atMs += 400) {
      call.runTo(atMs)
      call.receive(atMs, mark(`at ${atMs}`))
    }
    call.runTo(6000)
    const numbers = call.frames.flatMap((frame) => (frame.event === "connected" ? [] : [Number(frame.sequenceNumber)]))
    assert.deepStrictEqual(
      numbers,
      numbers.map((_, n) => n + 1)
    )
    const late = call.mediaTimes().map((atMs, n) => atMs - (n + 1) * 20)
    assert.isTrue(late.every((ms) => ms >= 0 && ms <= 220))
    assert.isTrue(late.some((ms) => ms > 70))
    const timestamps = call.media().map((frame) => frame.media.timestamp)
    assert.deepStrictEqual(
      timestamps,
      timestamps.map((_, n) => n * 20)
    )
  })

  it("delays, loses and repeats marks", () => {
    const marksOf = (marks: NonNullable<Impairments["marks"]>) => {
      const call = setUp({ impairments: { marks } })
      for (let n = 0; n < 20; n++) call.receive(n, mark(String(n)))
      call.runTo(1000)
      return call.frames.flatMap((frame, index) =>
        frame.event === "mark" ? [`${frame.mark.name} at ${call.times[index]}`] : []
      )
    }
    assert.deepStrictEqual(
      marksOf({ delayMs: 33 }),
      Array.from({ length: 20 }, (_, n) => `${n} at ${n + 33}`)
    )
    assert.deepStrictEqual(marksOf({ lossRate: 1 }), [])
    assert.strictEqual(marksOf({ duplicateRate: 1 }).length, 40)
  })

  it("sends everything that is on its way before it hangs up", () => {
    const call = setUp({
      impairments: { bursts: { everyMs: 20, holdMs: 500 } },
      mouth: ({ from }) => (from === 1600 ? [{ _tag: "HangUp", at: 1600 }] : [])
    })
    call.runTo(1000)
    assert.strictEqual(call.media().length, 11)
    assert.strictEqual(call.frames.at(-1)?.event, "stop")
  })

  it("mixes the agent's own voice into the caller's", () => {
    const call = setUp({ impairments: { echo: { levelDb: -6, delayMs: 50 } } })
    call.receive(0, media(40))
    call.runTo(200)
    const loud = call.media().map((frame) => Math.max(...decodeMulawBase64(frame.media.payload).map(Math.abs)))
    assert.deepStrictEqual(
      loud.map((level) => level > 3000),
      [false, false, true, true, true, false, false, false, false, false]
    )
  })
})
