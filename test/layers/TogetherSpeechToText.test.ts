import { assert, describe, it } from "@effect/vitest"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Redacted, Scope, Stream } from "effect"
import * as TogetherSpeechToText from "../../src/layers/TogetherSpeechToText.ts"
import { SpeechToText } from "../../src/services/SpeechToText.ts"
import { makeResampler } from "../../src/streams/Resample.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { SttCommitFault, SttConnectionFault, sttEmulator } from "../../src/testing/SttEmulator.ts"
import {
  configLayer,
  KEY,
  levelWords,
  openSession,
  say,
  voice,
  withEmulator,
  withLogs
} from "../support/Recognition.ts"

describe("what is asked for", () => {
  it.live("names the model, the format and no endpointing, with the key in the header", () =>
    withEmulator({ apiKey: Redacted.make(KEY) }, ({ emulator }) =>
      Effect.gen(function* () {
        const asked = yield* emulator.awaitEvent("Asked")
        assert.deepStrictEqual(asked.query, {
          model: "openai/whisper-large-v3",
          input_audio_format: "pcm_s16le_16000",
          turn_detection: "none"
        })
        assert.strictEqual(asked.headers["openai-beta"], "realtime=v1")
        yield* emulator.awaitEvent("Ready")
      })
    )
  )

  it.live("sends all audio at 16 kHz in whole messages of 100 ms, and the rest at the commit", () =>
    withEmulator({}, ({ emulator, session }) =>
      Effect.gen(function* () {
        const samples = Int16Array.from({ length: 2000 }, (_, i) => 8000 * Math.sin(i / 3))
        for (let from = 0; from < samples.length; from += 160) {
          yield* session.append(1, samples.subarray(from, from + 160))
        }
        yield* session.commit(1)
        const resampler = makeResampler(8000, 16_000)
        const { samples: heard } = yield* emulator.awaitEvent("Committed")
        assert.deepStrictEqual([...heard], [...resampler.push(samples), ...resampler.flush()])
        const events = yield* emulator.events
        assert.deepStrictEqual(
          events.flatMap((event) => (event._tag === "Appended" ? [event.samples] : [])),
          [1600, 1600, 800]
        )
        assert.isFalse(events.some((event) => event._tag === "Violated"))
      })
    )
  )

  it.live("begins each segment with a resampler that remembers nothing", () =>
    withEmulator({}, ({ emulator, session }) =>
      Effect.gen(function* () {
        yield* say(session, 1, 200)
        yield* session.append(2, new Int16Array(800))
        yield* session.commit(2)
        const { samples } = yield* emulator.awaitEvent("Committed", ({ commit }) => commit === 1)
        assert.strictEqual(samples.length, 1600)
        assert.isTrue(samples.every((sample) => sample === 0))
      })
    )
  )

  it.live("is nothing for a segment that never got any audio", () =>
    withEmulator({}, ({ emulator, session }) =>
      Effect.gen(function* () {
        yield* session.append(2, new Int16Array(0))
        assert.strictEqual(yield* session.commit(1), "")
        assert.strictEqual(yield* session.commit(2), "")
        assert.strictEqual(yield* say(session, 3, 1), "segment 0")
        const commits = (yield* emulator.events).filter((event) => event._tag === "Committed")
        assert.strictEqual(commits.length, 1)
      })
    )
  )
})

describe("answers", () => {
  it.live("are the words of the segment, without blanks around them", () =>
    withEmulator({ words: [" I would like to move my booking. ", "  "] }, ({ session }) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* say(session, 1, 1), "I would like to move my booking.")
        assert.strictEqual(yield* say(session, 2, 1), "")
      })
    )
  )

  it.live("may be no words at all", () =>
    withEmulator({ commitFault: () => SttCommitFault.Empty() }, ({ session }) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* say(session, 1, 1), "")
      })
    )
  )

  it.live("come without item ids and among messages nobody knows", () =>
    withEmulator({ itemIds: false, strangeMessages: true, words: levelWords }, ({ emulator, logs, session }) =>
      Effect.gen(function* () {
        for (const level of [10, 20, 30]) {
          assert.strictEqual(yield* say(session, level, level), `level ${level}, 300 ms`)
        }
        assert.strictEqual((yield* emulator.events).filter((event) => event._tag === "Asked").length, 1)
        assert.deepStrictEqual(logs, [])
      })
    )
  )

  it.live("belong to the segment whose audio made them, in whatever haste segments follow each other", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const latency = (commit: number) => (commit === 0 ? Deferred.await(gate) : 0)
      yield* withEmulator({ words: levelWords, latency }, ({ emulator, session }) =>
        Effect.gen(function* () {
          const first = yield* Effect.forkChild(say(session, 1, 10, 300))
          yield* emulator.awaitEvent("Committed")
          const others = yield* Effect.forkChild(
            Effect.all([say(session, 2, 20, 500), say(session, 3, 30, 200)], { concurrency: "unbounded" }),
            { startImmediately: true }
          )
          yield* session.append(4, voice(40, 100))
          yield* Deferred.succeed(gate, undefined)
          assert.strictEqual(yield* Fiber.join(first), "level 10, 300 ms")
          assert.deepStrictEqual(yield* Fiber.join(others), ["level 20, 500 ms", "level 30, 200 ms"])
          assert.strictEqual(yield* session.commit(4), "level 40, 100 ms")
          // With two of them under way, a service that leaves one out could not be understood.
          const order = (yield* emulator.events).flatMap(({ _tag }) =>
            _tag === "Committed" || _tag === "Answered" ? [_tag] : []
          )
          assert.deepStrictEqual(
            order,
            Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? "Committed" : "Answered"))
          )
          assert.strictEqual((yield* emulator.events).filter((event) => event._tag === "Asked").length, 1)
        })
      )
    })
  )

  it.live("that come twice count once", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const latency = (commit: number) => (commit === 1 ? Deferred.await(gate) : 0)
      const commitFault = (commit: number) => (commit === 0 ? SttCommitFault.Twice() : undefined)
      yield* withEmulator({ words: ["one", "two"], latency, commitFault }, ({ emulator, session }) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* say(session, 1, 1), "one")
          const second = yield* Effect.forkChild(say(session, 2, 1))
          yield* emulator.awaitEvent("Committed", ({ commit }) => commit === 1)
          yield* emulator.say({
            type: "conversation.item.input_audio_transcription.completed",
            item_id: "item_0_0",
            transcript: "one"
          })
          yield* Deferred.succeed(gate, undefined)
          assert.strictEqual(yield* Fiber.join(second), "two")
        })
      )
    })
  )

  it.live("that nobody asked for are dropped", () =>
    withEmulator({ words: ["asked for"] }, ({ emulator, session }) =>
      Effect.gen(function* () {
        const interims = yield* session.interims.pipe(Stream.take(1), Stream.runDrain, Effect.forkChild)
        yield* session.append(1, voice(1, 200))
        yield* emulator.awaitEvent("Appended")
        const type = "conversation.item.input_audio_transcription"
        yield* emulator.say({ type: `${type}.completed`, transcript: "not asked for" })
        yield* emulator.say({ type: `${type}.delta`, delta: "asked" })
        yield* Fiber.join(interims)
        assert.strictEqual(yield* session.commit(1), "asked for")
      })
    )
  )

  it.live("without their text are a failure of that segment only", () =>
    Effect.gen(function* () {
      const latency = (commit: number) => (commit === 0 ? Effect.never : 0)
      yield* withEmulator({ latency }, ({ emulator, session }) =>
        Effect.gen(function* () {
          const words = yield* Effect.forkChild(Effect.flip(say(session, 1, 1)))
          yield* emulator.awaitEvent("Committed")
          yield* emulator.say({ type: "conversation.item.input_audio_transcription.completed", transcript: null })
          const error = yield* Fiber.join(words)
          assert.strictEqual(error.reason, "Malformed")
        })
      )
    })
  )
})

describe("interim transcripts", () => {
  it.live("replace each other and belong to the segment they were made from", () =>
    withEmulator(
      {
        words: ["I would like to move it.", "Yes."],
        interims: (segment) =>
          segment === 0
            ? [
                { atMs: 100, text: "I wood" },
                { atMs: 200, text: " I would like" },
                { atMs: 300, text: "I would" }
              ]
            : [{ atMs: 200, text: "Yes" }]
      },
      ({ session }) =>
        Effect.gen(function* () {
          const interims = yield* session.interims.pipe(Stream.take(4), Stream.runCollect, Effect.forkChild)
          assert.strictEqual(yield* say(session, 7, 1), "I would like to move it.")
          assert.strictEqual(yield* say(session, 8, 1), "Yes.")
          assert.deepStrictEqual(yield* Fiber.join(interims), [
            { segment: 7, text: "I wood" },
            { segment: 7, text: "I would like" },
            { segment: 7, text: "I would" },
            { segment: 8, text: "Yes" }
          ])
        })
    )
  )

  it.live("that come after the final words, or of a segment nobody wants any more, are dropped", () =>
    withEmulator({ commitFault: (commit) => (commit === 1 ? SttCommitFault.Silent() : undefined) }, (recognition) =>
      Effect.gen(function* () {
        const { emulator, session } = recognition
        const delta = { type: "conversation.item.input_audio_transcription.delta" }
        const interims = yield* session.interims.pipe(Stream.take(1), Stream.runCollect, Effect.forkChild)
        yield* say(session, 1, 1)
        yield* session.append(2, voice(1, 200))
        yield* emulator.awaitEvent("Appended", ({ samples }) => samples === 1600)
        yield* emulator.say({ ...delta, item_id: "item_0_0", delta: "of segment 1" })
        yield* session.discard(2)
        yield* emulator.awaitEvent("Committed", ({ commit }) => commit === 1)
        yield* emulator.say({ ...delta, delta: "of segment 2" })
        yield* emulator.hangUp(1000)
        yield* session.append(3, voice(1, 200))
        yield* emulator.awaitEvent("Appended", ({ connection }) => connection === 1)
        yield* emulator.say({ ...delta, delta: "of segment 3" })
        assert.deepStrictEqual(yield* Fiber.join(interims), [{ segment: 3, text: "of segment 3" }])
      })
    )
  )

  it.live("end with the session", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const emulator = yield* sttEmulator()
      const origin = yield* serveEmulator(emulator.routes)
      const session = yield* Scope.provide(openSession(NodeWS.layerWebSocketConstructor, new URL("/v1", origin)), scope)
      const interims = yield* Effect.forkChild(Stream.runCollect(session.interims), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(interims), [])
    })
  )
})

describe("a segment that is given up", () => {
  it.live("gets the connection replaced, and its late words reach nobody", () =>
    Effect.gen(function* () {
      const late = yield* Deferred.make<void>()
      const latency = (commit: number) => (commit === 0 ? Deferred.await(late) : 0)
      // The first attempt to replace the connection is refused, so that audio has to wait for the second.
      const connectionFault = (connection: number) =>
        connection === 1 ? SttConnectionFault.Refuse({ status: 503 }) : undefined
      yield* withEmulator({ words: levelWords, latency, connectionFault }, ({ emulator, session }) =>
        Effect.gen(function* () {
          const first = yield* Effect.forkChild(say(session, 1, 10))
          yield* emulator.awaitEvent("Committed")
          yield* Fiber.interrupt(first)
          const second = yield* Effect.forkChild(say(session, 2, 20), { startImmediately: true })
          assert.strictEqual(yield* Fiber.join(second), "level 20, 300 ms")
          yield* emulator.awaitEvent("Closed", ({ connection }) => connection === 0)
          yield* Deferred.succeed(late, undefined)
          assert.strictEqual(yield* say(session, 3, 30), "level 30, 300 ms")
          const commits = (yield* emulator.events).flatMap((event) =>
            event._tag === "Committed" ? [[event.connection, event.samples.length / 16]] : []
          )
          assert.deepStrictEqual(commits, [
            [0, 300],
            [2, 300],
            [2, 300]
          ])
        })
      )
    })
  )

  it.live("leaves the connection as it is if the words come while its successor is being made", () =>
    Effect.gen(function* () {
      const late = yield* Deferred.make<void>()
      const latency = (commit: number) => (commit === 0 ? Deferred.await(late) : 0)
      const connectionFault = (connection: number) => (connection === 1 ? SttConnectionFault.NeverReady() : undefined)
      yield* withEmulator({ words: levelWords, latency, connectionFault }, ({ emulator, session }) =>
        Effect.gen(function* () {
          const first = yield* Effect.forkChild(say(session, 1, 10))
          yield* emulator.awaitEvent("Committed")
          yield* Fiber.interrupt(first)
          yield* emulator.awaitEvent("Asked", ({ connection }) => connection === 1)
          const second = yield* Effect.forkChild(say(session, 2, 20), { startImmediately: true })
          yield* Deferred.succeed(late, undefined)
          assert.strictEqual(yield* Fiber.join(second), "level 20, 300 ms")
          const { by } = yield* emulator.awaitEvent("Closed", ({ connection }) => connection === 1)
          assert.strictEqual(by, "client")
          const commits = (yield* emulator.events).filter((event) => event._tag === "Committed")
          assert.deepStrictEqual(
            commits.map(({ connection }) => connection),
            [0, 0]
          )
        })
      )
    })
  )

  it.live("needs no answer: a commit that yields nothing holds nobody up", () =>
    withEmulator(
      { words: levelWords, commitFault: (commit) => (commit === 0 ? SttCommitFault.Silent() : undefined) },
      ({ emulator, session }) =>
        Effect.gen(function* () {
          const first = yield* Effect.forkChild(say(session, 1, 10))
          yield* emulator.awaitEvent("Answered")
          const second = yield* Effect.forkChild(say(session, 2, 20), { startImmediately: true })
          yield* Fiber.interrupt(first)
          assert.strictEqual(yield* Fiber.join(second), "level 20, 300 ms")
        })
    )
  )

  it.live("before anything of it was sent is not asked for at all", () =>
    withEmulator(
      {
        words: levelWords,
        connectionFault: (connection) => (connection === 0 ? SttConnectionFault.Refuse({ status: 503 }) : undefined)
      },
      ({ emulator, session }) =>
        Effect.gen(function* () {
          const first = yield* Effect.forkChild(say(session, 1, 10), { startImmediately: true })
          yield* Fiber.interrupt(first)
          assert.strictEqual(yield* say(session, 2, 20), "level 20, 300 ms")
          const commits = (yield* emulator.events).filter((event) => event._tag === "Committed")
          assert.strictEqual(commits.length, 1)
        })
    )
  )
})

describe("a segment that is dropped", () => {
  it.live("does not get into the next one, on the same connection", () =>
    withEmulator({ words: levelWords }, ({ emulator, session }) =>
      Effect.gen(function* () {
        yield* session.append(1, voice(10, 250))
        yield* emulator.awaitEvent("Appended")
        yield* session.discard(1)
        assert.strictEqual(yield* say(session, 2, 20), "level 20, 300 ms")
        assert.strictEqual((yield* emulator.events).filter((event) => event._tag === "Asked").length, 1)
      })
    )
  )

  it.live("costs nothing if nothing of it was sent", () =>
    withEmulator({ words: levelWords }, ({ emulator, session }) =>
      Effect.gen(function* () {
        yield* emulator.awaitEvent("Ready")
        yield* session.append(1, voice(10, 60))
        yield* session.discard(1)
        assert.strictEqual(yield* session.commit(1), "")
        assert.strictEqual(yield* say(session, 2, 20), "level 20, 300 ms")
        assert.strictEqual((yield* emulator.events).filter((event) => event._tag === "Committed").length, 1)
      })
    )
  )

  it.live("ends the wait for its words", () =>
    withEmulator({ words: levelWords, latency: (commit) => (commit === 0 ? Effect.never : 0) }, (recognition) =>
      Effect.gen(function* () {
        const { emulator, session } = recognition
        const words = yield* Effect.forkChild(say(session, 1, 10))
        yield* emulator.awaitEvent("Committed")
        yield* session.discard(1)
        assert.strictEqual(yield* Fiber.join(words), "")
      })
    )
  )

  it.live("is also one that another one begins on top of", () =>
    withEmulator({ words: levelWords }, ({ session }) =>
      Effect.gen(function* () {
        yield* session.append(1, voice(10, 250))
        assert.strictEqual(yield* say(session, 2, 20), "level 20, 300 ms")
        yield* session.append(1, voice(10, 250))
        assert.strictEqual(yield* say(session, 3, 30), "level 30, 300 ms")
      })
    )
  )
})

describe("the end of the session", () => {
  it.live("closes the socket with 1000, ends every wait and is no error", () =>
    withLogs((logs) =>
      Effect.gen(function* () {
        const emulator = yield* sttEmulator({ latency: () => Effect.never })
        const origin = yield* serveEmulator(emulator.routes)
        const scope = yield* Scope.make()
        const session = yield* Scope.provide(
          openSession(NodeWS.layerWebSocketConstructor, new URL("/v1", origin)),
          scope
        )
        const words = yield* Effect.forkChild(Effect.flip(say(session, 1, 1)))
        yield* emulator.awaitEvent("Committed")
        yield* Scope.close(scope, Exit.void)
        assert.deepInclude(yield* emulator.awaitEvent("Closed"), { code: 1000, by: "client" })
        assert.strictEqual((yield* Fiber.join(words)).reason, "Disconnected")
        assert.strictEqual((yield* Effect.flip(say(session, 2, 1))).reason, "Disconnected")
        assert.deepStrictEqual(logs, [])
      })
    )
  )

  it.live("also ends an attempt to connect", () =>
    withLogs((logs) =>
      Effect.gen(function* () {
        const emulator = yield* sttEmulator({ connectionFault: () => SttConnectionFault.NeverReady() })
        const origin = yield* serveEmulator(emulator.routes)
        const scope = yield* Scope.make()
        yield* Scope.provide(openSession(NodeWS.layerWebSocketConstructor, new URL("/v1", origin)), scope)
        yield* emulator.awaitEvent("Asked")
        yield* Scope.close(scope, Exit.void)
        yield* emulator.awaitEvent("Closed", ({ by }) => by === "client")
        assert.deepStrictEqual(logs, [])
      })
    )
  )
})

it.live("a session ends with its own scope, however long the layer lives", () =>
  Effect.gen(function* () {
    const emulator = yield* sttEmulator()
    const origin = yield* serveEmulator(emulator.routes)
    const layer = TogetherSpeechToText.layer.pipe(
      Layer.provide([configLayer(new URL("/v1", origin)), NodeWS.layerWebSocketConstructor])
    )
    const { open } = Context.get(yield* Layer.build(layer), SpeechToText)
    yield* Effect.scoped(Effect.andThen(open, emulator.awaitEvent("Ready")))
    assert.strictEqual((yield* emulator.awaitEvent("Closed")).by, "client")
  })
)
