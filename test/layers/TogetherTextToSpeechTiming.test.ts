import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { backoffMs, speechUrl } from "../../src/layers/TogetherTtsConnection.ts"
import { type SpeechAudio } from "../../src/services/TextToSpeech.ts"
import { fakeSockets } from "../support/FakeSpeechSockets.ts"
import { settle } from "../support/Settle.ts"
import { collecting, KEY, openSession, withLogs } from "../support/Synthesis.ts"

const baseUrl = new URL("https://tts.test/v1")

/** 15 characters: a second of speech. */
const SECOND = "Fifteen letters"

/** A session on fake sockets whose first attempt to connect is on its way. */
const setUp = Effect.gen(function* () {
  const sockets = fakeSockets()
  const session = yield* openSession(sockets.layer, baseUrl)
  yield* settle
  return { ...sockets, session }
})

/** Lets time pass and everything come to rest. */
const wait = (ms: number) => Effect.andThen(TestClock.adjust(ms), settle)

const quietly = <A, E, R>(effect: Effect.Effect<A, E, R>) => withLogs(() => effect)

const lengthMs = (audio: ReadonlyArray<SpeechAudio>): number =>
  audio.reduce((sum, { sampleRate, samples }) => sum + (samples.length * 1000) / sampleRate, 0)

const exitOf = <A, E>(fiber: Fiber.Fiber<A, E>): Exit.Exit<A, E> | undefined => fiber.pollUnsafe()

const assertEnded = <A, E>(fiber: Fiber.Fiber<A, E>): void => {
  const exit = exitOf(fiber)
  assert.isTrue(exit !== undefined && Exit.isSuccess(exit), "it is still running, or failed")
}

const reasonOf = <A, E extends { readonly reason: string }>(fiber: Fiber.Fiber<A, E>): Effect.Effect<string> =>
  Effect.gen(function* () {
    assert.isDefined(exitOf(fiber), "it is still running")
    return (yield* Effect.flip(Fiber.join(fiber)).pipe(Effect.orDie)).reason
  })

describe("speechUrl", () => {
  const urlFor = (url: string) =>
    speechUrl({
      apiKey: Redacted.make(KEY),
      baseUrl: new URL(url),
      sttModel: "s",
      llmModel: "l",
      ttsModel: "a/b c",
      ttsVoice: "af_bella(2)+af_heart(1)"
    })

  it("is below the API's root, whatever that looks like", () => {
    const query =
      "?model=a%2Fb+c&voice=af_bella%282%29%2Baf_heart%281%29&response_format=pcm&sample_rate=24000&segment=never"
    assert.strictEqual(urlFor("https://api.test/v1"), `wss://api.test/v1/audio/speech/websocket${query}`)
    assert.strictEqual(urlFor("https://api.test/v1/"), `wss://api.test/v1/audio/speech/websocket${query}`)
    assert.strictEqual(urlFor("http://localhost:81"), `ws://localhost:81/audio/speech/websocket${query}`)
    assert.notInclude(urlFor("https://api.test/v1"), KEY)
  })
})

describe("backoffMs", () => {
  it.prop(
    "is nothing at first, then doubles from half a second to 15 s, less up to a half",
    [
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2000 })),
      Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
    ],
    ([failures, draw]) => {
      assert.strictEqual(backoffMs(0, draw), 0)
      const longest = Math.min(15_000, 250 * 2 ** failures)
      const pause = backoffMs(failures, draw)
      assert.isAtLeast(pause, longest / 2)
      assert.isAtMost(pause, longest)
    }
  )
})

describe("while all goes well, nothing waits", () => {
  it.effect("sends text, gives audio and ends without time going by", () =>
    Effect.gen(function* () {
      const { dialled, last, session } = yield* setUp
      const { audio, fiber } = yield* collecting(session.speak(Stream.make(SECOND, SECOND)))
      yield* settle
      assert.deepStrictEqual(last().headers, { Authorization: `Bearer ${KEY}` })
      assert.deepStrictEqual(last().sent, [])
      last().open()
      yield* settle
      assert.deepStrictEqual(last().sent, [
        { type: "input_text_buffer.append", context_id: "r1", text: SECOND },
        { type: "input_text_buffer.commit", context_id: "r1" },
        { type: "input_text_buffer.append", context_id: "r1", text: SECOND },
        { type: "input_text_buffer.commit", context_id: "r1" }
      ])
      last().audio("r1", 0.01)
      yield* settle
      assert.strictEqual(lengthMs(audio), 10)
      last().audio("r1", 1)
      last().done("r1")
      last().audio("r1", 1)
      yield* settle
      assert.strictEqual(lengthMs(audio), 2010)
      assert.isUndefined(exitOf(fiber))
      last().done("r1")
      yield* settle
      assertEnded(fiber)
      assert.deepStrictEqual(
        audio.map(({ sentence }) => sentence),
        [0, 0, 1]
      )
      assert.strictEqual(dialled.length, 1)
    })
  )

  it.effect("gives all there is of a sentence, and the next one when it is asked for", () =>
    Effect.gen(function* () {
      const { last, session } = yield* setUp
      last().open()
      const pull = yield* Stream.toPull(session.speak(Stream.fromIterable(Array.from({ length: 6 }, () => SECOND))))
      const take = Effect.map(pull, (pieces) => pieces.map(({ sentence }) => sentence))
      const first = yield* Effect.forkChild(take)
      yield* settle
      last().audio("r1", 0.5)
      assert.deepStrictEqual(yield* Fiber.join(first), [0])
      for (let sentence = 0; sentence < 4; sentence++) {
        last().audio("r1", 0.5)
        if (sentence > 0) last().audio("r1", 0.5)
        last().done("r1")
      }
      yield* settle
      assert.strictEqual(last().said.length, 4)
      assert.deepStrictEqual(yield* take, [0])
      assert.strictEqual(last().said.length, 4)
      assert.deepStrictEqual(yield* take, [1, 1])
      yield* settle
      assert.strictEqual(last().said.length, 5)
      assert.deepStrictEqual(yield* take, [2, 2])
      assert.deepStrictEqual(yield* take, [3, 3])
      yield* settle
      assert.strictEqual(last().said.length, 6)
    })
  )

  it.effect("tells the service of an interruption at once", () =>
    Effect.gen(function* () {
      const { last, session } = yield* setUp
      last().open()
      const { fiber } = yield* collecting(session.speak(Stream.make(SECOND)))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(last().said, [SECOND, "context.cancel"])
      assert.strictEqual(last().sent.at(-1)?.["context_id"], "r1")
    })
  )

  it.effect("tells it even when the text takes its time to stop", () =>
    Effect.gen(function* () {
      const { last, session } = yield* setUp
      last().open()
      const stubborn = Stream.concat(Stream.make(SECOND), Stream.never).pipe(Stream.ensuring(Effect.sleep(60_000)))
      const { fiber } = yield* collecting(session.speak(stubborn))
      yield* settle
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* settle
      assert.deepStrictEqual(last().said, [SECOND, "context.cancel"])
      yield* wait(60_000)
      assert.isDefined(exitOf(fiber))
    })
  )

  it.effect("connects again at once after losing a connection that worked", () =>
    quietly(
      Effect.gen(function* () {
        const { dialled, last, session } = yield* setUp
        last().open()
        const { fiber } = yield* collecting(session.speak(Stream.make(SECOND)))
        yield* settle
        last().audio("r1", 1)
        last().done("r1")
        yield* settle
        assertEnded(fiber)
        for (const connections of [2, 3]) {
          last().hangUp(1006)
          yield* settle
          assert.strictEqual(dialled.length, connections)
          last().open()
          yield* settle
          last().audio("r0", 1)
        }
      })
    )
  )
})

describe("speech that never stops", () => {
  it.effect("is stopped, even while nobody listens", () =>
    Effect.gen(function* () {
      const { last, session } = yield* setUp
      last().open()
      const { fiber } = yield* collecting(session.speak(Stream.make(SECOND)).pipe(Stream.tap(() => Effect.never)))
      yield* settle
      for (let i = 0; i < 34; i++) last().audio("r1", 1)
      yield* settle
      assert.deepStrictEqual(last().said, [SECOND])
      last().audio("r1", 1)
      yield* settle
      assert.deepStrictEqual(last().said, [SECOND, "context.cancel"])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(last().said, [SECOND, "context.cancel"])
    })
  )
})

describe("deadlines", () => {
  it.effect("goes without session.created after a second", () =>
    Effect.gen(function* () {
      const { last, session } = yield* setUp
      yield* collecting(session.speak(Stream.make(SECOND)))
      last().open(false)
      yield* wait(999)
      assert.deepStrictEqual(last().said, [])
      yield* wait(1)
      assert.deepStrictEqual(last().said, [SECOND])
      // Coming late, it changes nothing.
      last().message({ type: "session.created" })
      yield* wait(1000)
      assert.deepStrictEqual(last().said, [SECOND])
    })
  )

  it.effect("gives up an attempt to connect after ten seconds, and a reply that needs it before", () =>
    quietly(
      Effect.gen(function* () {
        const { dialled, session } = yield* setUp
        const { fiber } = yield* collecting(session.speak(Stream.make(SECOND)))
        yield* wait(7999)
        assert.isUndefined(exitOf(fiber))
        yield* wait(1)
        assert.strictEqual(yield* reasonOf(fiber), "Unreachable")
        assert.strictEqual(dialled.length, 1)
        yield* wait(2000)
        assert.strictEqual(dialled.length, 2)
        assert.strictEqual(dialled[0]?.closedWith, 1000)
      })
    )
  )

  it.effect("tells what was wrong with the last attempt when a reply gives up", () =>
    quietly(
      Effect.gen(function* () {
        const { last, session } = yield* setUp
        const before = yield* collecting(session.speak(Stream.make(SECOND)))
        last().refuse(503)
        yield* settle
        const after = yield* collecting(session.speak(Stream.make(SECOND)))
        yield* wait(8000)
        assert.strictEqual(yield* reasonOf(before.fiber), "Overloaded")
        assert.strictEqual(yield* reasonOf(after.fiber), "Overloaded")
      })
    )
  )

  it.effect("fails when no audio comes, and replaces the connection", () =>
    quietly(
      Effect.gen(function* () {
        const { dialled, last, session } = yield* setUp
        last().open()
        const { fiber } = yield* collecting(session.speak(Stream.make(SECOND)))
        yield* wait(7999)
        assert.isUndefined(exitOf(fiber))
        yield* wait(1)
        assert.strictEqual(yield* reasonOf(fiber), "Stalled")
        assert.strictEqual(dialled[0]?.closedWith, 1000)
        assert.strictEqual(dialled.length, 2)
        last().open()
        const { audio } = yield* collecting(session.speak(Stream.make(SECOND)))
        yield* settle
        last().audio("r2", 1)
        yield* settle
        assert.strictEqual(lengthMs(audio), 1000)
      })
    )
  )

  it.effect("ends four seconds after the last audio when done does not come", () =>
    Effect.gen(function* () {
      const { last, session } = yield* setUp
      last().open()
      const { fiber } = yield* collecting(session.speak(Stream.make(SECOND)))
      yield* settle
      last().audio("r1", 1)
      yield* wait(3999)
      assert.isUndefined(exitOf(fiber))
      yield* wait(1)
      assertEnded(fiber)
    })
  )

  it.effect("waits for a second item only until it is known that none comes", () =>
    Effect.gen(function* () {
      const { last, session } = yield* setUp
      last().open()
      for (const [context, waits] of [
        ["r1", 1500],
        ["r2", 0]
      ] as const) {
        const { fiber } = yield* collecting(session.speak(Stream.make(`Well. ${SECOND}`)))
        yield* settle
        last().audio(context, 1.5)
        last().done(context)
        yield* wait(Math.max(0, waits - 1))
        assert.strictEqual(exitOf(fiber) === undefined, waits > 0)
        yield* wait(1)
        assertEnded(fiber)
      }
    })
  )

  it.effect("learns from audio that comes after a reply's end that it ended too soon", () =>
    Effect.gen(function* () {
      const { last, session } = yield* setUp
      last().open()
      const first = yield* collecting(session.speak(Stream.make(SECOND)))
      yield* settle
      last().audio("r1", 0.7)
      last().done("r1")
      yield* settle
      assertEnded(first.fiber)
      last().audio("r1", 0.3)
      yield* settle
      const second = yield* collecting(session.speak(Stream.make(SECOND)))
      yield* settle
      last().audio("r2", 0.7)
      last().done("r2")
      yield* settle
      assert.isUndefined(exitOf(second.fiber))
      last().audio("r2", 0.3)
      last().done("r2")
      yield* wait(1500)
      assertEnded(second.fiber)
      assert.strictEqual(Math.round(lengthMs(second.audio)), 1000)
    })
  )
})

describe("trying again", () => {
  it.effect("waits longer and longer, up to 15 s", () =>
    quietly(
      Effect.gen(function* () {
        const { dialled, last } = yield* setUp
        const refuse = Effect.suspend(() => {
          last().hangUp(1006)
          return settle
        })
        yield* refuse
        assert.strictEqual(dialled.length, 2)
        for (const longest of [500, 1000, 2000, 4000, 8000, 15_000, 15_000]) {
          const before = dialled.length
          yield* refuse
          yield* wait(longest / 2 - 1)
          assert.strictEqual(dialled.length, before)
          yield* wait(longest / 2 + 1)
          assert.strictEqual(dialled.length, before + 1)
        }
      })
    )
  )

  it.effect("does not ask a busy service again at once", () =>
    quietly(
      Effect.gen(function* () {
        const { dialled, last } = yield* setUp
        last().refuse(429)
        yield* wait(249)
        assert.strictEqual(dialled.length, 1)
        yield* wait(251)
        assert.strictEqual(dialled.length, 2)
      })
    )
  )

  it.effect("waits with a connection that is lost as soon as it is made", () =>
    quietly(
      Effect.gen(function* () {
        const { dialled, last } = yield* setUp
        for (let i = 0; i < 3; i++) {
          last().open()
          yield* settle
          last().hangUp(1011)
          yield* settle
        }
        assert.strictEqual(dialled.length, 2)
      })
    )
  )

  it.effect("leaves a service alone that refused, and asks once more for a reply some time later", () =>
    quietly(
      Effect.gen(function* () {
        const { dialled, last, session } = yield* setUp
        last().refuse(401)
        yield* wait(4999)
        const early = yield* collecting(session.speak(Stream.make(SECOND)))
        yield* settle
        assert.strictEqual(yield* reasonOf(early.fiber), "Unauthorized")
        yield* wait(60_000)
        assert.strictEqual(dialled.length, 1)
        const later = yield* collecting(session.speak(Stream.make(SECOND)))
        yield* settle
        assert.strictEqual(dialled.length, 2)
        last().open()
        yield* settle
        last().audio("r2", 1)
        last().done("r2")
        yield* settle
        assertEnded(later.fiber)
      })
    )
  )
})

describe("the end of the call", () => {
  it.effect("closes the connection and leaves nothing that would make another", () =>
    Effect.gen(function* () {
      const sockets = fakeSockets()
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(openSession(sockets.layer, baseUrl), scope)
      yield* settle
      sockets.last().open()
      const { fiber } = yield* collecting(session.speak(Stream.make(SECOND)))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.strictEqual(yield* reasonOf(fiber), "Disconnected")
      assert.strictEqual(sockets.last().closedWith, 1000)
      yield* wait(3_600_000)
      const late = yield* collecting(session.speak(Stream.make(SECOND)))
      yield* settle
      assert.strictEqual(yield* reasonOf(late.fiber), "Disconnected")
      assert.strictEqual(sockets.dialled.length, 1)
    })
  )

  it.effect("ends an attempt to connect, and the pause before one", () =>
    quietly(
      Effect.gen(function* () {
        for (const pausing of [false, true]) {
          const sockets = fakeSockets()
          const scope = yield* Scope.make()
          yield* Scope.provide(openSession(sockets.layer, baseUrl), scope)
          yield* settle
          if (pausing) {
            sockets.last().refuse(503)
            yield* settle
          }
          yield* Scope.close(scope, Exit.void)
          yield* wait(3_600_000)
          assert.strictEqual(sockets.dialled.length, 1)
          assert.strictEqual(sockets.last().closedWith, 1000)
        }
      })
    )
  )
})
