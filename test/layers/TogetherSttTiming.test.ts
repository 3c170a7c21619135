import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { backoffMs } from "../../src/layers/TogetherSttKeeper.ts"
import { type FakeSocket, fakeSockets } from "../support/FakeSockets.ts"
import { settle } from "../support/Settle.ts"
import { type LogLine, openSession, say, voice, withLogs } from "../support/Recognition.ts"

const BASE = new URL("https://api.example.com/v1/")

const pass = (duration: `${number} ${"millis" | "seconds"}`) => Effect.andThen(TestClock.adjust(duration), settle)

/** The service accepts the connection and is ready. */
const accept = (socket: FakeSocket | undefined) =>
  Effect.suspend(() => {
    socket!.open()
    return Effect.andThen(
      settle,
      Effect.andThen(
        Effect.sync(() => socket!.say({ type: "session.created" })),
        settle
      )
    )
  })

const types = (socket: FakeSocket | undefined) =>
  socket?.sent.map(({ type }) => type.replace("input_audio_buffer.", "")) ?? []

const completed = (transcript: string) => ({
  type: "conversation.item.input_audio_transcription.completed",
  transcript
})

const reasons = (logs: ReadonlyArray<LogLine>) => logs.map(({ annotations }) => annotations["reason"])

describe("connecting", () => {
  it.effect("begins with the session, over TLS, below the path of the API", () =>
    Effect.gen(function* () {
      const { dialled, layer } = fakeSockets()
      yield* openSession(layer, BASE)
      yield* settle
      assert.deepStrictEqual(
        dialled.map(({ url }) => url),
        [
          "wss://api.example.com/v1/realtime?model=openai%2Fwhisper-large-v3&input_audio_format=pcm_s16le_16000&turn_detection=none"
        ]
      )
    })
  )

  it.effect("sends nothing before the service is ready, and keeps the last 5 s until then", () =>
    withLogs((logs) =>
      Effect.gen(function* () {
        const { dialled, layer } = fakeSockets()
        const session = yield* openSession(layer, BASE)
        yield* settle
        yield* session.append(1, voice(10, 6000))
        dialled[0]!.open()
        yield* settle
        const words = yield* Effect.forkChild(session.commit(1))
        yield* settle
        assert.deepStrictEqual(dialled[0]!.sent, [])
        dialled[0]!.say({ type: "session.created" })
        yield* settle
        assert.strictEqual(types(dialled[0]).filter((type) => type === "append").length, 50)
        assert.strictEqual(types(dialled[0]).at(-1), "commit")
        dialled[0]!.say(completed("words"))
        assert.strictEqual(yield* Fiber.join(words), "words")
        assert.deepStrictEqual(
          logs.map(({ annotations }) => annotations["missingMs"]),
          [1000]
        )
      })
    )
  )

  it.effect("is given up after 10 s without readiness, and tried again", () =>
    withLogs((logs) =>
      Effect.gen(function* () {
        const { dialled, layer } = fakeSockets()
        const session = yield* openSession(layer, BASE)
        yield* settle
        dialled[0]!.open()
        const words = yield* Effect.forkChild(say(session, 1, 10))
        yield* pass("9999 millis")
        assert.deepStrictEqual(reasons(logs), [])
        yield* pass("1 millis")
        assert.deepStrictEqual(reasons(logs), ["Stalled"])
        assert.strictEqual(dialled[0]!.closedWith(), 1000)
        assert.strictEqual(dialled.length, 2)
        // The second one does not even open.
        yield* pass("10 seconds")
        assert.deepStrictEqual(reasons(logs), ["Stalled", "Stalled"])
        yield* pass("500 millis")
        yield* accept(dialled[2])
        dialled[2]!.say(completed("words"))
        assert.strictEqual(yield* Fiber.join(words), "words")
      })
    )
  )

  it.effect("waits longer and longer for a service that stays away, but never longer than 15 s", () =>
    withLogs(() =>
      Effect.gen(function* () {
        const dialledAt: Array<number> = []
        let seconds = 0
        const { layer } = fakeSockets((socket) => {
          dialledAt.push(seconds)
          queueMicrotask(() => socket.end(1006))
        })
        yield* openSession(layer, BASE)
        for (; seconds < 120; seconds += 0.25) yield* TestClock.adjust("250 millis")
        const waits = dialledAt.slice(1).map((at, i) => at - dialledAt[i]!)
        const longest = [0, 0.5, 1, 2, 4, 8, 15, 15]
        for (const [i, limit] of longest.entries()) {
          assert.isAtMost(waits[i]!, limit + 0.25)
          assert.isAtLeast(waits[i]!, limit / 2 - 0.25)
        }
        assert.isTrue(waits.slice(6).every((wait) => wait >= 7.25 && wait <= 15.25))
      })
    )
  )

  it("waits 0, 0, 0.5, 1, 2, 4, 8, 15 s at most, of which up to a half is left to chance", () => {
    const longest = Array.from({ length: 10 }, (_, failures) => backoffMs(failures, 0))
    assert.deepStrictEqual(longest, [0, 0, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
    for (const [failures, limit] of longest.entries()) assert.strictEqual(backoffMs(failures, 1), limit / 2)
    assert.strictEqual(backoffMs(5000, 0), 15_000)
  })

  it.effect("is not taken for a success if the connection does not last", () =>
    withLogs(() =>
      Effect.gen(function* () {
        const { dialled, layer } = fakeSockets()
        yield* openSession(layer, BASE)
        yield* settle
        for (let i = 0; i < 2; i++) {
          yield* accept(dialled[i])
          dialled[i]!.end(1006)
          yield* settle
        }
        // The first loss was answered at once, the second is not.
        assert.strictEqual(dialled.length, 2)
        yield* pass("500 millis")
        assert.strictEqual(dialled.length, 3)
        // One that lasts is lost like the first one.
        yield* accept(dialled[2])
        yield* pass("5 seconds")
        dialled[2]!.end(1006)
        yield* settle
        assert.strictEqual(dialled.length, 4)
      })
    )
  )
})

describe("a refused session", () => {
  it.effect("asks again when a segment begins, at most every 5 s", () =>
    withLogs((logs) =>
      Effect.gen(function* () {
        const { dialled, layer } = fakeSockets()
        const session = yield* openSession(layer, BASE)
        yield* settle
        const refuse = (socket: FakeSocket | undefined) =>
          Effect.suspend(() => {
            socket!.open()
            return Effect.andThen(
              settle,
              Effect.andThen(
                Effect.sync(() => socket!.say({ type: "error", error: { code: "invalid_api_key" } })),
                settle
              )
            )
          })
        yield* refuse(dialled[0])
        yield* pass("4 seconds")
        assert.strictEqual((yield* Effect.flip(say(session, 1, 10))).reason, "Unauthorized")
        yield* pass("60 seconds")
        assert.strictEqual(dialled.length, 1)

        const words = yield* Effect.forkChild(Effect.flip(say(session, 2, 10)))
        yield* settle
        assert.strictEqual(dialled.length, 2)
        yield* refuse(dialled[1])
        assert.strictEqual((yield* Fiber.join(words)).reason, "Unauthorized")
        assert.strictEqual((yield* Effect.flip(say(session, 3, 10))).reason, "Unauthorized")
        assert.strictEqual(dialled.length, 2)

        yield* pass("5 seconds")
        const heard = yield* Effect.forkChild(say(session, 4, 10))
        yield* settle
        yield* accept(dialled[2])
        dialled[2]!.say(completed("words"))
        assert.strictEqual(yield* Fiber.join(heard), "words")
        assert.deepStrictEqual(reasons(logs), ["Unauthorized", "Unauthorized"])
      })
    )
  )
})

describe("a quiet connection", () => {
  it.effect("gets 100 ms of silence after 200 s, taken back at once", () =>
    Effect.gen(function* () {
      const { dialled, layer } = fakeSockets()
      const session = yield* openSession(layer, BASE)
      yield* settle
      yield* accept(dialled[0])
      const socket = dialled[0]!
      yield* pass("199 seconds")
      assert.deepStrictEqual(types(socket), [])
      yield* pass("1 seconds")
      assert.deepStrictEqual(types(socket), ["append", "clear"])
      const silence = Buffer.from(socket.sent[0]!.audio!, "base64")
      assert.strictEqual(silence.length, 3200)
      assert.isTrue(silence.every((byte) => byte === 0))

      // Speech counts from its last append.
      yield* pass("100 seconds")
      const words = yield* Effect.forkChild(say(session, 1, 10, 200))
      yield* settle
      socket.say(completed("words"))
      assert.strictEqual(yield* Fiber.join(words), "words")
      yield* pass("199 seconds")
      assert.deepStrictEqual(types(socket), ["append", "clear", "append", "append", "commit"])
      yield* pass("1 seconds")
      assert.deepStrictEqual(types(socket).slice(5), ["append", "clear"])

      // A commit after silence is answered like any other: silence asks for nothing.
      const again = yield* Effect.forkChild(say(session, 2, 10, 200))
      yield* settle
      socket.say(completed("again"))
      assert.strictEqual(yield* Fiber.join(again), "again")
    })
  )

  it.effect("gets none while a segment is open or an answer is due", () =>
    Effect.gen(function* () {
      const { dialled, layer } = fakeSockets()
      const session = yield* openSession(layer, BASE)
      yield* settle
      yield* accept(dialled[0])
      const socket = dialled[0]!
      yield* session.append(1, voice(10, 250))
      yield* pass("250 seconds")
      assert.deepStrictEqual(types(socket), ["append", "append"])
      const words = yield* Effect.forkChild(session.commit(1))
      yield* pass("250 seconds")
      assert.deepStrictEqual(types(socket), ["append", "append", "append", "commit"])
      socket.say(completed("words"))
      assert.strictEqual(yield* Fiber.join(words), "words")
    })
  )
})

describe("a dropped segment", () => {
  it.effect("gets the connection replaced when its answer does not come within 1 s", () =>
    Effect.gen(function* () {
      const { dialled, layer } = fakeSockets()
      const session = yield* openSession(layer, BASE)
      yield* settle
      yield* accept(dialled[0])
      yield* session.append(1, voice(10, 300))
      yield* session.discard(1)
      const words = yield* Effect.forkChild(say(session, 2, 20, 200))
      yield* pass("999 millis")
      assert.strictEqual(dialled.length, 1)
      yield* pass("1 millis")
      assert.strictEqual(dialled.length, 2)
      assert.deepStrictEqual(types(dialled[0]), ["append", "append", "commit"])
      yield* accept(dialled[1])
      assert.strictEqual(dialled[0]!.closedWith(), 1000)
      assert.deepStrictEqual(types(dialled[1]), ["append", "append", "commit"])
      dialled[1]!.say(completed("second"))
      assert.strictEqual(yield* Fiber.join(words), "second")
    })
  )

  it.effect("leaves the connection alone when its answer comes in time", () =>
    Effect.gen(function* () {
      const { dialled, layer } = fakeSockets()
      const session = yield* openSession(layer, BASE)
      yield* settle
      yield* accept(dialled[0])
      yield* session.append(1, voice(10, 300))
      yield* session.discard(1)
      yield* pass("500 millis")
      dialled[0]!.say(completed("first"))
      yield* pass("20 seconds")
      assert.strictEqual(dialled.length, 1)
    })
  )
})

describe("the scope", () => {
  it.effect("takes everything with it", () =>
    Effect.gen(function* () {
      const { dialled, layer } = fakeSockets()
      const scope = yield* Scope.make()
      yield* Scope.provide(openSession(layer, BASE), scope)
      yield* settle
      yield* accept(dialled[0])
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(dialled[0]!.closedWith(), 1000)
      yield* pass("600 seconds")
      assert.deepStrictEqual(types(dialled[0]), [])
      assert.strictEqual(dialled.length, 1)
    })
  )
})
