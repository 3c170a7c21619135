import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Queue, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type VoiceWindow, WINDOW_MS, WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { type CallEventBody } from "../../src/schema/CallEvent.ts"
import { SpeechToTextError } from "../../src/schema/Errors.ts"
import { type TurnInput } from "../../src/schema/Turn.ts"
import { type InterimTranscript } from "../../src/services/SpeechToText.ts"
import { makeRecognition } from "../../src/streams/Recognition.ts"
import { settle } from "../support/Settle.ts"

type Way = "at once" | "by effects"

/** A window that can be told from others by its samples. */
const windowNo = (index: number): VoiceWindow => ({
  atMs: index * WINDOW_MS,
  samples: new Int16Array(WINDOW_SAMPLES).fill(index),
  discontinuous: false
})

/** Recognition of a call by a recogniser that answers when the test says so. */
const open = Effect.fnUntraced(function* (way: Way = "at once") {
  const heard: Array<readonly [segment: number, window: number | undefined]> = []
  const offered: Array<TurnInput> = []
  const told: Array<CallEventBody> = []
  const failures: Array<string> = []
  const givenUp: Array<number> = []
  const answers = new Map<number, Deferred.Deferred<string, SpeechToTextError>>()
  const answer = (segment: number) => {
    const known = answers.get(segment) ?? Deferred.makeUnsafe<string, SpeechToTextError>()
    answers.set(segment, known)
    return known
  }
  const interims = yield* Queue.unbounded<InterimTranscript>()
  const hears = (segment: number, samples: Int16Array): void => void heard.push([segment, samples[0]])
  const recognition = yield* makeRecognition({
    session: {
      append: (segment, samples) => Effect.sync(() => hears(segment, samples)),
      appendUnsafe: way === "at once" ? hears : undefined,
      commit: (segment) =>
        Effect.onInterrupt(Deferred.await(answer(segment)), () => Effect.sync(() => void givenUp.push(segment))),
      discard: () => Effect.void,
      interims: Stream.fromQueue(interims)
    },
    preRollMs: 64,
    deadline: Duration.millis(1500),
    offer: (input) => Effect.sync(() => void offered.push(input)),
    tell: (event) => Effect.sync(() => void told.push(event)),
    failed: (stage, { message }) => Effect.sync(() => void failures.push(`${stage}: ${message}`))
  })
  return { recognition, heard, offered, told, failures, givenUp, answer, interims }
})

describe("recognition", () => {
  it.effect.each(["at once", "by effects"] as const)("hears segments and their pre-roll, each window once, %s", (way) =>
    Effect.gen(function* () {
      const { heard, recognition } = yield* open(way)
      const hear = (from: number, to: number) =>
        Effect.forEach(
          Array.from({ length: to - from }, (_, n) => windowNo(from + n)),
          recognition.hear,
          { discard: true }
        )
      yield* hear(0, 20)
      assert.deepStrictEqual(heard, [])
      yield* recognition.open(1, 19 * WINDOW_MS)
      yield* hear(20, 22)
      yield* recognition.end(1)
      yield* hear(22, 24)
      yield* recognition.open(2, 23 * WINDOW_MS)
      yield* hear(24, 25)
      assert.deepStrictEqual(heard, [
        [1, 17],
        [1, 18],
        [1, 19],
        [1, 20],
        [1, 21],
        [2, 22],
        [2, 23],
        [2, 24]
      ])
    })
  )

  it.effect("has nothing to wait for with a window that it hears at once, or not at all", () =>
    Effect.gen(function* () {
      for (const way of ["at once", "by effects"] as const) {
        const { heard, recognition } = yield* open(way)
        assert.strictEqual(recognition.hear(windowNo(0)), Effect.void)
        yield* recognition.open(1, 0)
        assert.strictEqual(recognition.hear(windowNo(1)) === Effect.void, way === "at once")
        assert.lengthOf(heard, way === "at once" ? 2 : 1)
      }
    })
  )
})

describe("a segment's words", () => {
  it.effect("are waited for after its end, however soon the next one opens", () =>
    Effect.gen(function* () {
      const { answer, failures, offered, recognition, told } = yield* open()
      yield* recognition.open(1, 0)
      yield* recognition.end(1)
      yield* recognition.open(2, 0)
      yield* recognition.end(2)
      assert.deepStrictEqual(offered, [])
      yield* Deferred.succeed(answer(2), "for three")
      yield* Deferred.succeed(answer(1), "a table")
      yield* settle
      assert.deepStrictEqual(offered, [
        { _tag: "Final", segment: 2, text: "for three" },
        { _tag: "Final", segment: 1, text: "a table" }
      ])
      assert.deepStrictEqual(told, [
        { _tag: "Transcript", segment: 2, text: "for three" },
        { _tag: "Transcript", segment: 1, text: "a table" }
      ])
      assert.deepStrictEqual(failures, [])
    })
  )

  it.effect.each([
    ["do not come in time", "no words came within 1.5 s"],
    ["cannot be had", "gone"]
  ] as const)("are done without if they %s, which is told", ([, message]) =>
    Effect.gen(function* () {
      const { answer, failures, givenUp, offered, recognition, told } = yield* open()
      yield* recognition.open(1, 0)
      yield* recognition.end(1)
      yield* settle
      yield* TestClock.adjust(1499)
      if (message === "gone")
        yield* Deferred.fail(answer(1), new SpeechToTextError({ reason: "Disconnected", message }))
      yield* settle
      assert.lengthOf(offered, message === "gone" ? 1 : 0)
      yield* TestClock.adjust(1)
      yield* settle
      assert.deepStrictEqual(offered, [{ _tag: "Unrecognised", segment: 1 }])
      assert.deepStrictEqual(told, [{ _tag: "Transcript", segment: 1, text: undefined }])
      assert.deepStrictEqual(failures, [`speech to text: ${message}`])
      // The recogniser is to know that nobody waits any more.
      assert.deepStrictEqual(givenUp, message === "gone" ? [] : [1])
    })
  )

  it.effect("are told as they are believed to be, until the scope closes; then none is waited for", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { givenUp, interims, offered, recognition, told } = yield* Scope.provide(open(), scope)
      const interim = { _tag: "Interim", segment: 1, text: "a tab" } as const
      yield* Queue.offer(interims, { segment: 1, text: "a tab" })
      yield* settle
      assert.deepStrictEqual(offered, [interim])
      assert.deepStrictEqual(told, [interim])
      yield* recognition.open(1, 0)
      yield* recognition.end(1)
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* Queue.offer(interims, { segment: 1, text: "a table" })
      yield* settle
      assert.lengthOf(offered, 1)
      assert.deepStrictEqual(givenUp, [1])
    })
  )
})
