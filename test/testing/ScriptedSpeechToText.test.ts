import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Option, type Scope, Stream } from "effect"
import { SpeechToText, type SpeechToTextSession } from "../../src/services/SpeechToText.ts"
import { scriptedSpeechToText, type SpeechToTextScript } from "../../src/testing/ScriptedSpeechToText.ts"
import { inVirtualTime } from "../../src/testing/VirtualTime.ts"
import { lexiconOf, soundOf } from "../../src/testing/WordSound.ts"

const text = "I would like to book a table, please."

const withSession = <A, E>(
  script: Partial<SpeechToTextScript>,
  use: (session: SpeechToTextSession) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E> =>
  Effect.flatMap(SpeechToText, ({ open }) => Effect.flatMap(open, use)).pipe(
    Effect.scoped,
    Effect.provide(scriptedSpeechToText({ words: lexiconOf(text), ...script })),
    inVirtualTime
  )

/** Sends some speech in windows, as a call does. */
const send = (session: SpeechToTextSession, segment: number, speech: Int16Array) =>
  Effect.forEach(
    Array.from({ length: Math.ceil(speech.length / 256) }, (_, n) => speech.subarray(n * 256, (n + 1) * 256)),
    (window) => session.append(segment, window),
    { discard: true }
  )

const timed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const begun = yield* Clock.currentTimeMillis
    const value = yield* effect
    return [value, (yield* Clock.currentTimeMillis) - begun] as const
  })

describe("a scripted recogniser", () => {
  it.live("hears the words that are in the audio, after its delay", () =>
    withSession({ delayMs: 320 }, (session) =>
      Effect.gen(function* () {
        yield* send(session, 1, soundOf("I would like a table"))
        yield* send(session, 2, soundOf("to book, please. unknown"))
        assert.deepStrictEqual(yield* timed(session.commit(1)), ["I would like a", 320])
        assert.deepStrictEqual(yield* timed(session.commit(2)), ["to please.", 320])
        assert.deepStrictEqual(yield* timed(session.commit(3)), ["", 320])
      })
    )
  )

  it.live("does not hear what was cut off or discarded", () =>
    withSession({}, (session) =>
      Effect.gen(function* () {
        yield* send(session, 1, soundOf("would like").subarray(8 * 40))
        assert.strictEqual(yield* session.commit(1), "like")
        yield* send(session, 2, soundOf("would like"))
        yield* session.discard(2)
        assert.strictEqual(yield* session.commit(2), "")
      })
    )
  )

  it.live("tells what it believes while audio comes in, and again only if it believes something else", () =>
    withSession({ interimEveryMs: 200 }, (session) =>
      Effect.gen(function* () {
        const interims = yield* Effect.forkScoped(Stream.runCollect(Stream.take(session.interims, 3)))
        yield* send(session, 7, new Int16Array(8 * 600))
        yield* send(session, 7, soundOf("I would like"))
        yield* send(session, 7, new Int16Array(8 * 200))
        assert.strictEqual(yield* session.commit(7), "I would like")
        assert.deepStrictEqual(yield* Fiber.join(interims), [
          { segment: 7, text: "I" },
          { segment: 7, text: "I would" },
          { segment: 7, text: "I would like" }
        ])
      })
    )
  )

  it.live("puts right what it believed of a word it had only just heard", () =>
    withSession({ interimEveryMs: 200, rewrites: true }, (session) =>
      Effect.gen(function* () {
        const interims = yield* Effect.forkScoped(Stream.runCollect(Stream.take(session.interims, 3)))
        yield* send(session, 7, new Int16Array(8 * 600))
        yield* send(session, 7, soundOf("I would"))
        yield* send(session, 7, new Int16Array(8 * 600))
        assert.strictEqual(yield* session.commit(7), "I would")
        assert.deepStrictEqual(
          (yield* Fiber.join(interims)).map(({ text }) => text),
          ["I", "I wou", "I would"]
        )
      })
    )
  )

  it.live("asks a function for the words of a segment", () =>
    withSession({ words: (samples, segment) => `${segment}: ${samples.length}` }, (session) =>
      Effect.gen(function* () {
        yield* send(session, 5, new Int16Array(600))
        assert.strictEqual(yield* session.commit(5), "5: 600")
      })
    )
  )

  it.live("fails as it is told, commit by commit", () =>
    withSession(
      {
        answers: [
          { fault: { kind: "empty" } },
          { fault: { kind: "fail", reason: "Overloaded" }, delayMs: 10 },
          { fault: { kind: "hang" } },
          { fault: { kind: "twice" } },
          undefined
        ]
      },
      (session) =>
        Effect.gen(function* () {
          const speak = (segment: number) => send(session, segment, soundOf("table,"))
          yield* Effect.forEach([1, 2, 3, 4, 5], speak, { discard: true })
          assert.deepStrictEqual(yield* timed(session.commit(1)), ["", 150])
          const [error, ms] = yield* timed(Effect.flip(session.commit(2)))
          assert.deepInclude(error, { _tag: "SpeechToTextError", reason: "Overloaded" })
          assert.strictEqual(ms, 10)
          assert.isTrue(Option.isNone(yield* Effect.timeoutOption(session.commit(3), "1 minute")))
          assert.strictEqual(yield* session.commit(4), "table,")
          const [again] = yield* Stream.runCollect(Stream.take(session.interims, 1))
          assert.deepStrictEqual(again, { segment: 4, text: "table," })
          assert.strictEqual(yield* session.commit(5), "table,")
        })
    )
  )
})
