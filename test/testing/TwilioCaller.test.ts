import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import { FRAME_MS } from "../../src/schema/Audio.ts"
import { type Media } from "../../src/schema/Twilio.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { decodeMulaw, decodeMulawBase64, encodeMulaw } from "../../src/streams/Mulaw.ts"
import { decodeWav } from "../../src/streams/Wav.ts"
import { type LineEvent, replyDelays } from "../../src/testing/CallRecording.ts"
import {
  decide,
  hangUp,
  interrupt,
  listen,
  pause,
  press,
  reset,
  say,
  sendRaw,
  waitUntilAgentHangsUp,
  waitUntilAgentQuiet,
  waitUntilAgentSpeaks
} from "../../src/testing/CallerScript.ts"
import { connectTo } from "../../src/testing/CarrierConnection.ts"
import { makeGroundTruth, wordsBetween } from "../../src/testing/GroundTruth.ts"
import { type CallOptions, type CallResult, placeCall } from "../../src/testing/TwilioCaller.ts"
import { inVirtualTime } from "../../src/testing/VirtualTime.ts"
import { settle } from "../support/Settle.ts"
import { listeningParrot, parrot } from "./Parrot.ts"
import { join, quiet, tone, tonePayload } from "./Sounds.ts"

const serve = (run: (link: MediaLink) => Effect.Effect<unknown>, options: Omit<CallOptions, "connect">) =>
  placeCall({ ...options, connect: connectTo(run) })

const call = (
  run: (link: MediaLink) => Effect.Effect<unknown>,
  options: Omit<CallOptions, "connect">
): Effect.Effect<CallResult> => inVirtualTime(Effect.scoped(serve(run, options)))

/** Runs an effect on the test's own clock, which does not wait for what is forked before it first moves. */
const onTestClock = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* settle
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

const events = (result: CallResult, ...tags: ReadonlyArray<LineEvent["_tag"]>) =>
  result.recording.events.filter(({ _tag }) => tags.includes(_tag))

const hello = { audio: tone(500), text: "hello there" }

const send = (link: MediaLink, streamSid: string, frame: object) => link.send(JSON.stringify({ ...frame, streamSid }))

describe("placeCall", () => {
  const conversation = [listen(), say(hello), listen(), pause(100), hangUp]

  it.effect("holds a conversation in virtual time", () =>
    Effect.gen(function* () {
      const result = yield* call(parrot(), { script: conversation })
      assert.deepStrictEqual(result.failures, [])
      assert.deepStrictEqual(result.end, { _tag: "CallerHungUp" })
      // Greeting at 0 for 1 s, 300 ms of quiet, 500 ms of speech that arrives frame by frame, 300 ms of endpointing.
      assert.deepStrictEqual(result.utterances, [{ index: 0, startMs: 1300, endMs: 1800, text: "hello there" }])
      assert.deepStrictEqual(replyDelays(result.recording.events), [{ atMs: 1800, delayMs: 300 }])
      assert.deepStrictEqual(
        result.recording.events.map(({ _tag, atMs }) => `${atMs} ${_tag}`),
        [
          "0 MediaReceived",
          "0 AgentAudible",
          "1000 MarkReturned",
          "1300 CallerSpeechStarted",
          "1800 CallerSpeechEnded",
          "2100 MediaReceived",
          "2100 AgentAudible",
          "3100 MarkReturned",
          "3520 Stopped",
          "3520 Closed"
        ]
      )
      assert.deepStrictEqual(result.playout, {
        receivedBytes: 16_000,
        playedBytes: 16_000,
        flushedBytes: 0,
        unplayedBytes: 0,
        raggedFrames: 0,
        underruns: 0,
        underrunMs: 0,
        violations: 0
      })
    })
  )

  it.effect("goes the same way on the test's clock", () =>
    Effect.gen(function* () {
      const options = { script: conversation, identity: { accountSid: "AC", callSid: "CA", streamSid: "MZ" } }
      const onClock = yield* onTestClock(serve(parrot(), options))
      const inTime = yield* call(parrot(), options)
      assert.deepStrictEqual(onClock.recording.events, inTime.recording.events)
      assert.deepStrictEqual(onClock.recording.wav(), inTime.recording.wav())
    })
  )

  it.effect("sends frames at absolute times, and none after it has hung up", () =>
    Effect.gen(function* () {
      const times: Array<readonly [number, Media["media"]]> = []
      yield* call(
        parrot({
          onFrame: (frame) =>
            frame.event === "media"
              ? Effect.map(Clock.currentTimeMillis, (ms) => void times.push([ms, frame.media]))
              : Effect.void
        }),
        { script: [pause(2000)] }
      )
      assert.strictEqual(times.length, 101)
      times.forEach(([ms, media], n) => {
        assert.strictEqual(ms, (n + 1) * FRAME_MS)
        assert.strictEqual(media.timestamp, n * FRAME_MS)
        assert.strictEqual(media.chunk, String(n + 1))
      })
    })
  )

  it.effect("runs a line whose clock is fast or slow by the line's clock", () =>
    Effect.gen(function* () {
      for (const [clockSkewPpm, seconds] of [
        [10_000, 9.901],
        [-10_000, 10.101]
      ] as const) {
        const took = yield* inVirtualTime(
          Effect.gen(function* () {
            const result = yield* serve(parrot(), { script: [pause(9980)], impairments: { clockSkewPpm } })
            assert.strictEqual(result.recording.durationMs, 10_000)
            return yield* Clock.currentTimeMillis
          })
        )
        assert.approximately(took / 1000, seconds, 0.002)
      }
    })
  )

  it.effect("passes parameters and identifiers on", () =>
    Effect.gen(function* () {
      const { frames, serve } = yield* listeningParrot()
      const identity = { callSid: "CA1", streamSid: "MZ1", accountSid: "AC1" }
      const result = yield* call(serve, { script: [], parameters: { token: "abc" }, identity })
      assert.deepStrictEqual(result.identity, identity)
      const start = frames.find((frame) => frame.event === "start")
      assert.deepStrictEqual(start?.start.customParameters, { token: "abc" })
      assert.strictEqual(start?.start.callSid, "CA1")
      assert.deepStrictEqual(
        frames.map(({ event }) => event),
        ["connected", "start", "media", "stop"]
      )
    })
  )

  it.effect("records both sides on one timeline", () =>
    Effect.gen(function* () {
      const { recording } = yield* call(parrot(), { script: conversation })
      const line = (audio: Int16Array) => [...decodeMulaw(encodeMulaw(audio))]
      assert.strictEqual(recording.durationMs, 3520)
      assert.deepStrictEqual([...recording.caller()], line(join(quiet(1300), tone(500), quiet(1720))))
      assert.deepStrictEqual([...recording.agent()], line(join(tone(1000), quiet(1100), tone(1000), quiet(420))))
      const wav = Result.getOrThrow(decodeWav(recording.wav()))
      assert.deepStrictEqual(wav, { channels: [recording.caller(), recording.agent()], sampleRate: 8000 })
    })
  )

  it.effect("interrupts a reply, and has it cleared", () =>
    Effect.gen(function* () {
      const { frames, serve } = yield* listeningParrot({ replyMs: 3000 })
      const result = yield* call(serve, {
        script: [interrupt({ afterMs: 800, say: hello }), waitUntilAgentQuiet(), ...listen()]
      })
      assert.deepStrictEqual(result.failures, [])
      assert.deepStrictEqual(result.utterances, [{ index: 0, startMs: 800, endMs: 1300, text: "hello there" }])
      assert.deepStrictEqual(events(result, "Cleared"), [{ _tag: "Cleared", atMs: 820, flushedBytes: 2180 * 8 }])
      assert.deepStrictEqual(events(result, "MarkReturned").slice(0, 1), [
        { _tag: "MarkReturned", atMs: 820, name: "0:end", reason: "cleared" }
      ])
      assert.isTrue(frames.some((frame) => frame.event === "mark" && frame.mark.name === "0:end"))
      const { flushedBytes, playedBytes, receivedBytes } = result.playout
      assert.strictEqual(receivedBytes, playedBytes + flushedBytes)
      const heard = result.recording.agent()
      assert.isTrue(heard.subarray(0, 820 * 8).every((sample) => sample !== 0))
      assert.isTrue(heard.subarray(820 * 8, 1600 * 8).every((sample) => sample === 0))
    })
  )

  it.effect("presses keys and sends what Twilio never would", () =>
    Effect.gen(function* () {
      const frames: Array<string> = []
      const result = yield* call(
        (link) => Stream.runForEach(link.inbound, (text) => Effect.sync(() => void frames.push(text))),
        { script: [press("12#"), sendRaw("nonsense")] }
      )
      const digits = frames.filter((text) => text.includes("dtmf"))
      assert.deepStrictEqual(
        digits.map((text) => JSON.parse(text).dtmf),
        ["1", "2", "#"].map((digit) => ({ track: "inbound_track", digit }))
      )
      assert.include(frames, "nonsense")
      assert.deepStrictEqual(
        events(result, "KeyPressed").map(({ atMs }) => atMs),
        [0, 200, 400]
      )
    })
  )

  it.effect("is lost", () =>
    Effect.gen(function* () {
      const { frames, serve } = yield* listeningParrot()
      const result = yield* call(serve, { script: [pause(100), reset] })
      assert.deepStrictEqual(result.end, { _tag: "CallerLost" })
      assert.isFalse(frames.some(({ event }) => event === "stop"))
    })
  )

  it.effect("stays until the agent hangs up, cutting off what was not played", () =>
    Effect.gen(function* () {
      const result = yield* call(
        (link) =>
          Effect.gen(function* () {
            yield* send(link, "MZ1", { event: "media", media: { payload: tonePayload(100) } })
            yield* Effect.sleep(70)
            yield* link.close("goodbye")
          }),
        { script: [waitUntilAgentHangsUp()], identity: { streamSid: "MZ1" } }
      )
      assert.deepStrictEqual(result.failures, [])
      assert.deepStrictEqual(result.end, { _tag: "AgentHungUp", code: 1000, reason: "goodbye" })
      assert.strictEqual(result.recording.durationMs, 70)
      assert.strictEqual(result.playout.unplayedBytes, 30 * 8)
      assert.strictEqual(result.playout.playedBytes, 70 * 8)
    })
  )

  it.effect("tells what went wrong", () =>
    Effect.gen(function* () {
      const mute = (link: MediaLink) => Stream.runDrain(link.inbound)
      const silent = yield* call(mute, { script: [waitUntilAgentSpeaks({ timeoutMs: 2000 }), pause(100)] })
      assert.deepStrictEqual(silent.failures, [{ step: 0, atMs: 2000, message: "the agent said nothing within 2 s" }])
      assert.deepStrictEqual(silent.end, { _tag: "CallerHungUp" })

      const broken = yield* call(() => Effect.andThen(Effect.sleep(110), Effect.die("broken")), {
        script: [pause(50), say(hello), waitUntilAgentHangsUp()]
      })
      assert.deepStrictEqual(broken.failures, [{ step: 1, atMs: 110, message: "the agent ended the call during Say" }])
      assert.strictEqual(broken.end._tag === "AgentHungUp" && broken.end.code, 1011)
      assert.deepStrictEqual(broken.utterances, [{ index: 0, startMs: 50, endMs: 110, text: "hello there" }])
    })
  )

  it.effect("writes the truth down before the server can hear it", () =>
    Effect.gen(function* () {
      const truth = yield* makeGroundTruth
      const known: Array<string> = []
      yield* inVirtualTime(
        serve(
          parrot({
            onFrame: (frame) =>
              frame.event === "media" && decodeMulawBase64(frame.media.payload).some((sample) => sample !== 0)
                ? Effect.gen(function* () {
                    const { originMs, utterances } = yield* truth.current
                    const heardMs = (yield* Clock.currentTimeMillis) - originMs!
                    known.push(wordsBetween(utterances, 0, heardMs))
                  })
                : Effect.void
          }),
          { script: [pause(100), say(hello)], groundTruth: truth }
        ),
        { startMs: 5000 }
      )
      assert.strictEqual((yield* truth.current).originMs, 5000)
      assert.strictEqual(known.length, 25)
      // The middle of "hello" is 2.5 of 11 characters into 500 ms, that of "there" 8.5.
      assert.strictEqual(known.filter((words) => words === "").length, 5)
      assert.strictEqual(known.filter((words) => words === "hello").length, 14)
      assert.strictEqual(known.at(-1), "hello there")
    })
  )

  it.effect("takes what is audible for speech, not the silence around it", () =>
    Effect.gen(function* () {
      const audio = join(quiet(100), tone(200), quiet(300))
      const { utterances } = yield* call(parrot(), { script: [pause(40), say({ audio, text: "hi" })] })
      assert.deepStrictEqual(utterances, [{ index: 0, startMs: 140, endMs: 340, text: "hi" }])
    })
  )

  it.effect("decides on the way", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const result = yield* call(
        parrot({ onFrame: (frame) => (frame.event === "mark" ? Deferred.succeed(asked, undefined) : Effect.void) }),
        {
          script: [
            decide("after the greeting", Effect.as(Deferred.await(asked), [say(hello)])),
            decide("too late", Effect.never, { timeoutMs: 500 }),
            decide("nothing", Effect.succeed([]))
          ]
        }
      )
      assert.strictEqual(result.utterances[0]?.startMs, 1000)
      assert.deepStrictEqual(
        result.failures.map(({ message, step }) => [step, message]),
        [[2, "too late was not done within 0.5 s"]]
      )
    })
  )

  it.effect("returns marks to the millisecond between frames", () =>
    Effect.gen(function* () {
      const returned: Array<readonly [string, number]> = []
      yield* call(
        (link) =>
          Effect.gen(function* () {
            const marked = (name: string) => send(link, "MZ1", { event: "mark", mark: { name } })
            const media = (ms: number) => send(link, "MZ1", { event: "media", media: { payload: tonePayload(ms) } })
            yield* Effect.forkChild(
              Stream.runForEach(link.inbound, (text) => {
                const frame = JSON.parse(text)
                return frame.event === "mark"
                  ? Effect.map(Clock.currentTimeMillis, (ms) => void returned.push([frame.mark.name, ms]))
                  : Effect.void
              })
            )
            yield* Effect.sleep(3)
            yield* media(5)
            yield* marked("8")
            yield* media(3)
            yield* marked("11")
            yield* Effect.sleep(1)
            yield* media(9)
            yield* marked("20")
            yield* media(21)
            yield* marked("41")
            yield* Effect.sleep(100)
          }),
        { script: [pause(50)], identity: { streamSid: "MZ1" } }
      )
      assert.deepStrictEqual(returned, [
        ["8", 8],
        ["11", 11],
        ["20", 20],
        ["41", 41]
      ])
    })
  )

  it.effect("is the same call for the same seed, and another one for another", () =>
    Effect.gen(function* () {
      const place = (seed: number) =>
        call(parrot(), {
          script: conversation,
          identity: { accountSid: "AC", callSid: "CA", streamSid: "MZ" },
          impairments: {
            seed,
            jitter: { maxMs: 60 },
            bursts: { everyMs: 400, holdMs: 100 },
            loss: { rate: 0.05 },
            duplicates: { rate: 0.05 },
            echo: { levelDb: -20, delayMs: 90 },
            noise: { kind: "pink", snrDb: 25 }
          }
        })
      const one = yield* place(1)
      const same = yield* place(1)
      const other = yield* place(2)
      assert.deepStrictEqual(one.recording.events, same.recording.events)
      assert.deepStrictEqual(one.recording.wav(), same.recording.wav())
      assert.notDeepEqual(one.recording.caller(), other.recording.caller())
    })
  )

  it.effect("ends with the scope it is placed in", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        Effect.scoped(
          serve((link) => Effect.ensuring(Stream.runDrain(link.inbound), Deferred.succeed(ended, undefined)), {
            script: [pause(60_000)]
          })
        )
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(ended)
    })
  )
})
