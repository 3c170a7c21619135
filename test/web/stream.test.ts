import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { afterEach, beforeEach, vi } from "vitest"
import { InboundFrame } from "../../src/schema/Twilio.ts"
import { load } from "./load.ts"

interface PhoneStream {
  readonly opened: Promise<boolean>
  readonly frame: (frame: Uint8Array) => void
  readonly mark: (name: string) => void
  readonly key: (digit: string) => void
  readonly stop: () => void
  readonly counts: Readonly<Record<"sent" | "lost" | "received" | "marks" | "clears", number>>
}

interface Module {
  readonly newCallIds: () => { readonly callSid: string; readonly streamSid: string }
  readonly openMediaStream: (socket: FakeSocket, options: object) => PhoneStream
}

const { newCallIds, openMediaStream } = await load<Module>("media-stream.js")

/** A socket to nobody. */
class FakeSocket extends EventTarget {
  readyState = 1
  readonly sent: Array<string> = []
  closedWith: number | undefined
  send(text: string): void {
    this.sent.push(text)
  }
  close(code: number): void {
    this.closedWith = code
  }
  say(message: object): void {
    this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }))
  }
}

const silence = new Uint8Array(160).fill(0xff)

const connect = (conditions = { delayMs: 0, loss: 0 }) => {
  const socket = new FakeSocket()
  const told: Array<string> = []
  const ids = newCallIds()
  const stream = openMediaStream(socket, {
    ids,
    parameters: { watch: "true" },
    conditions,
    onMedia: (bytes: Uint8Array) => told.push(`media ${bytes.length}`),
    onMark: (name: string) => told.push(`mark ${name}`),
    onClear: () => told.push("clear"),
    onClose: (opened: boolean, code: number) => told.push(`close ${opened} ${code}`)
  })
  socket.dispatchEvent(new Event("open"))
  const media = (bytes: number) =>
    socket.say({
      event: "media",
      streamSid: ids.streamSid,
      media: { payload: Buffer.alloc(bytes, 0xff).toString("base64") }
    })
  return { socket, stream, told, ids, conditions, media }
}

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(InboundFrame))

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe("the media stream of the page", () => {
  it("speaks as the carrier does", () => {
    const { ids, socket, stream } = connect()
    for (let n = 0; n < 3; n++) stream.frame(silence)
    stream.mark("1:0")
    stream.key("#")
    stream.stop()
    const frames = socket.sent.map((text) => decode(text))
    assert.deepStrictEqual(
      frames.map(({ event }) => event),
      ["connected", "start", "media", "media", "media", "mark", "dtmf", "stop"]
    )
    const start = frames[1]
    assert.ok(start?.event === "start")
    assert.match(start.start.callSid, /^CA[0-9a-f]{32}$/)
    assert.match(start.start.streamSid, /^MZ[0-9a-f]{32}$/)
    assert.deepStrictEqual(start.start.customParameters, { watch: "true" })
    assert.deepStrictEqual(
      socket.sent.slice(1).map((text) => JSON.parse(text).sequenceNumber),
      ["1", "2", "3", "4", "5", "6", "7"]
    )
    assert.isTrue(socket.sent.slice(1).every((text) => JSON.parse(text).streamSid === ids.streamSid))
    const media = socket.sent.slice(2, 5).map((text) => JSON.parse(text).media)
    assert.deepStrictEqual(
      media.map(({ chunk, timestamp, track }) => [track, chunk, timestamp]),
      [
        ["inbound", "1", "0"],
        ["inbound", "2", "20"],
        ["inbound", "3", "40"]
      ]
    )
    assert.deepStrictEqual(new Uint8Array(Buffer.from(media[0].payload, "base64")), silence)
    assert.strictEqual(socket.closedWith, 1000)
  })

  it("hears media, marks and clears of its own stream, and nothing else", () => {
    const { ids, media, socket, stream, told } = connect()
    const { streamSid } = ids
    media(800)
    socket.say({ event: "mark", streamSid, mark: { name: "1:0" } })
    socket.say({ event: "clear", streamSid })
    socket.say({ event: "clear", streamSid: "MZother" })
    socket.say({ event: "something", streamSid })
    assert.deepStrictEqual(told, ["media 800", "mark 1:0", "clear"])
    assert.deepStrictEqual(stream.counts, { sent: 0, lost: 0, received: 1, marks: 0, clears: 1 })
  })

  it("leaves gaps for frames that get lost, in the count and in time", () => {
    const { socket, stream } = connect({ delayMs: 0, loss: 0.5 })
    const draws = [0.9, 0.1, 0.1, 0.9]
    vi.spyOn(Math, "random").mockImplementation(() => draws.shift() ?? 0.9)
    for (let n = 0; n < 4; n++) stream.frame(silence)
    const media = socket.sent.slice(2).map((text) => JSON.parse(text))
    assert.deepStrictEqual(
      media.map((frame) => [frame.sequenceNumber, frame.media.chunk, frame.media.timestamp]),
      [
        ["2", "1", "0"],
        ["5", "4", "60"]
      ]
    )
    assert.deepStrictEqual([stream.counts.sent, stream.counts.lost], [2, 2])
  })

  it("is late by the delay both ways and keeps its order, whatever the delay becomes", () => {
    const { conditions, ids, media, socket, stream, told } = connect({ delayMs: 200, loss: 0 })
    assert.strictEqual(socket.sent.length, 1)
    vi.advanceTimersByTime(200)
    assert.strictEqual(socket.sent.length, 2)
    stream.frame(silence)
    media(160)
    socket.say({ event: "mark", streamSid: ids.streamSid, mark: { name: "a" } })
    vi.advanceTimersByTime(150)
    conditions.delayMs = 0
    stream.key("1")
    socket.say({ event: "clear", streamSid: ids.streamSid })
    assert.deepStrictEqual([socket.sent.length, told], [2, []])
    vi.advanceTimersByTime(50)
    assert.deepStrictEqual(
      socket.sent.slice(2).map((text) => JSON.parse(text).event),
      ["media", "dtmf"]
    )
    assert.deepStrictEqual(told, ["media 160", "mark a", "clear"])
    media(320)
    assert.strictEqual(told.at(-1), "media 320")
  })

  it("tells its end, and whether there ever was a connection", async () => {
    const { media, socket, stream, told } = connect({ delayMs: 100, loss: 0 })
    media(160)
    socket.dispatchEvent(Object.assign(new Event("close"), { code: 1001 }))
    vi.advanceTimersByTime(1000)
    assert.deepStrictEqual(told, ["close true 1001"])
    assert.isTrue(await stream.opened)

    const refused = new FakeSocket()
    const ends: Array<string> = []
    const never = openMediaStream(refused, {
      ids: newCallIds(),
      parameters: {},
      conditions: { delayMs: 0, loss: 0 },
      onClose: (opened: boolean, code: number) => ends.push(`close ${opened} ${code}`)
    })
    refused.dispatchEvent(Object.assign(new Event("close"), { code: 1006 }))
    assert.isFalse(await never.opened)
    assert.deepStrictEqual(ends, ["close false 1006"])
  })
})
