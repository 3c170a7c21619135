import { assert, describe, it } from "@effect/vitest"
import { type Cause, Effect, Fiber, Layer, Logger, Metric, Option, Pull, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { streamsRefused } from "../../src/layers/EdgeMetrics.ts"
import { type SocketLink } from "../../src/layers/SocketMediaLink.ts"
import { awaitAdmission } from "../../src/layers/StreamGate.ts"
import { defaultEdgeSettings } from "../../src/schema/EdgeSettings.ts"
import { EdgeConfig } from "../../src/services/EdgeConfig.ts"
import { StreamAdmission, StreamRefused } from "../../src/services/StreamAdmission.ts"
import { callSid, startFrame } from "../support/httpServer.ts"

const connected = JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" })
const media = JSON.stringify({ event: "media", streamSid: "MZ1", media: { timestamp: "1", payload: "start" } })
const start = startFrame(callSid(1))

/** A socket that a test speaks for. */
const makeSocket = Effect.gen(function* () {
  const frames = yield* Queue.unbounded<string, Cause.Done>()
  const closes: Array<readonly [code: number, reason: string]> = []
  const closeWith = (code: number, reason: string) => Effect.sync(() => void closes.push([code, reason]))
  const link: SocketLink = {
    inbound: Stream.fromQueue(frames),
    send: () => Effect.void,
    close: (reason) => closeWith(1000, reason),
    closeWith
  }
  return { link, closes, say: (...texts: ReadonlyArray<string>) => Queue.offerAll(frames, texts), frames }
})

const edge = (refusal?: StreamRefused["reason"]) =>
  Layer.merge(
    Layer.succeed(EdgeConfig, defaultEdgeSettings),
    Layer.succeed(StreamAdmission, {
      admit: (frame) =>
        refusal === undefined ? Effect.succeed(frame) : Effect.fail(new StreamRefused({ reason: refusal }))
    })
  )

const refusals = (reason: string) =>
  Effect.map(Metric.value(Metric.withAttributes(streamsRefused, { reason })), ({ count }) => count)

/** Keeps what is logged. */
const watched = <A, E, R>(effect: Effect.Effect<A, E, R>, lines: Array<string>) =>
  Effect.provide(
    effect,
    Logger.layer([Logger.map(Logger.formatStructured, ({ message }) => lines.push(String(message)))])
  )

describe("a stream that starts", () => {
  it.effect("is passed on from its start frame, as it was admitted, with all that follows", () =>
    Effect.gen(function* () {
      const { frames, link, say } = yield* makeSocket
      yield* say(connected, media, start, media)
      const admitted = Option.getOrThrow(yield* awaitAdmission(link))
      assert.strictEqual(admitted.callSid, callSid(1))
      yield* say(media, "not even JSON")
      yield* Queue.end(frames)
      assert.deepStrictEqual(yield* Stream.runCollect(admitted.link.inbound), [start, media, media, "not even JSON"])
    }).pipe(Effect.provide(edge()))
  )

  it.effect.each([
    ["in a frame of its own", [[start]]],
    ["right behind the first one", [[media, start]]],
    ["among many others", [Array.from({ length: 50 }, () => media), [media, start, media]]]
  ] as const)("is closed when it starts again %s", ([, batches]) => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const before = yield* refusals("second start")
      const { closes, link, say } = yield* makeSocket
      yield* say(start)
      const admitted = Option.getOrThrow(yield* awaitAdmission(link))
      const seen = yield* Effect.forkChild(Stream.runCollect(admitted.link.inbound), { startImmediately: true })
      for (const batch of batches) {
        yield* say(...batch)
        yield* TestClock.adjust(20)
      }
      const texts = yield* Fiber.join(seen)
      assert.strictEqual(texts[0], start)
      assert.notInclude(texts.slice(1), start)
      assert.deepStrictEqual(closes, [[1008, "second start"]])
      assert.deepStrictEqual(lines, ["media stream refused: second start"])
      assert.strictEqual((yield* refusals("second start")) - before, 1)
    }).pipe(Effect.provide(edge()), (effect) => watched(effect, lines))
  })

  it.effect("is closed when it starts again, also for who takes frames where they come in", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const { closes, link, say } = yield* makeSocket
      const later = yield* Queue.unbounded<string, Cause.Done>()
      const listening: SocketLink = {
        ...link,
        listen: (take) => Pull.catchDone(Effect.forever(Effect.flatMap(Queue.take(later), take)), () => Effect.void)
      }
      yield* say(start)
      const admitted = Option.getOrThrow(yield* awaitAdmission(listening))
      const texts: Array<string> = []
      yield* Queue.offerAll(later, [media, start, media])
      assert(admitted.link.listen !== undefined)
      yield* admitted.link.listen((text) => Effect.sync(() => void texts.push(text)))
      assert.deepStrictEqual(texts, [media])
      assert.deepStrictEqual(closes, [[1008, "second start"]])
      assert.deepStrictEqual(lines, ["media stream refused: second start"])
    }).pipe(Effect.provide(edge()), (effect) => watched(effect, lines))
  })

  it.effect("is closed with the reason when it may not come in", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const before = yield* refusals("used token")
      const { closes, link, say } = yield* makeSocket
      yield* say(connected, startFrame(callSid(1), { token: "not-to-be-seen" }))
      assert.isTrue(Option.isNone(yield* awaitAdmission(link)))
      assert.deepStrictEqual(closes, [[1008, "used token"]])
      assert.deepStrictEqual(lines, ["media stream refused: used token"])
      assert.strictEqual((yield* refusals("used token")) - before, 1)
    }).pipe(Effect.provide(edge("used token")), (effect) => watched(effect, lines))
  })
})

describe("a stream that does not start", () => {
  it.effect("is closed after five seconds, whatever else it says", () =>
    Effect.gen(function* () {
      const { closes, link, say } = yield* makeSocket
      yield* say(connected)
      const waiting = yield* Effect.forkChild(awaitAdmission(link), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      yield* say(media)
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(closes, [])
      yield* TestClock.adjust("1 millis")
      assert.isTrue(Option.isNone(yield* Fiber.join(waiting)))
      assert.deepStrictEqual(closes, [[1008, "no start in time"]])
    }).pipe(Effect.provide(edge()), (effect) => watched(effect, []))
  )

  it.effect("is closed when it says too much instead", () =>
    Effect.gen(function* () {
      const { closes, link, say } = yield* makeSocket
      yield* say(...Array.from({ length: 11 }, () => "x".repeat(1000)))
      assert.isTrue(Option.isNone(yield* awaitAdmission(link)))
      assert.deepStrictEqual(closes, [[1008, "no start among the first frames"]])
    }).pipe(Effect.provide(edge()), (effect) => watched(effect, []))
  )

  it.effect.each([
    `{"event":"start"}`,
    `{"event":"start","streamSid":"MZ1","start":{"streamSid":"MZ1"}}`,
    `{"event":"stop","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA1"}}`,
    `"start"`
  ])("is not taken for one that does: %s", (text) =>
    Effect.gen(function* () {
      const { closes, frames, link, say } = yield* makeSocket
      yield* say(text)
      yield* Queue.end(frames)
      assert.isTrue(Option.isNone(yield* awaitAdmission(link)))
      assert.deepStrictEqual(closes, [])
    }).pipe(Effect.provide(edge()))
  )

  it.effect("is nobody's business when it goes away by itself", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const { closes, frames, link, say } = yield* makeSocket
      yield* say(connected)
      yield* Queue.end(frames)
      assert.isTrue(Option.isNone(yield* awaitAdmission(link)))
      assert.deepStrictEqual([closes, lines], [[], []])
    }).pipe(Effect.provide(edge()), (effect) => watched(effect, lines))
  })
})
