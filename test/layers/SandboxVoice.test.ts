import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { makeVoice, TEXT_DEADLINE } from "../../src/layers/SandboxVoice.ts"
import { type VoiceSound } from "../../src/layers/SandboxVoiceProgram.ts"
import { type VoiceThread } from "../../src/layers/SandboxVoiceThread.ts"
import { TextToSpeechError } from "../../src/schema/Errors.ts"
import { settle } from "../support/Settle.ts"

const soundOf = (text: string): VoiceSound => ({ samples: new Int16Array(text.length), sampleRate: 16_000 })

const failure = (reason: TextToSpeechError["reason"]) => new TextToSpeechError({ reason, message: reason })

/** Threads whose answers the test gives. */
const makeThreads = () => {
  const asked: Array<string> = []
  const answers: Array<Deferred.Deferred<VoiceSound, TextToSpeechError>> = []
  let started = 0
  let stopped = 0
  let unstartable = false
  let end = Deferred.makeUnsafe<void>()
  const start: Effect.Effect<VoiceThread, TextToSpeechError, Scope.Scope> = Effect.suspend(() =>
    unstartable
      ? Effect.fail(failure("Unreachable"))
      : Effect.acquireRelease(
          Effect.sync((): VoiceThread => {
            started += 1
            end = Deferred.makeUnsafe()
            return {
              say: ({ text }) =>
                Effect.suspend(() => {
                  asked.push(text)
                  const answer = Deferred.makeUnsafe<VoiceSound, TextToSpeechError>()
                  answers.push(answer)
                  return Deferred.await(answer)
                }),
              ended: Deferred.await(end)
            }
          }),
          () => Effect.sync(() => void stopped++)
        )
  )
  const answer = (exit?: Exit.Exit<VoiceSound, TextToSpeechError>) =>
    Effect.suspend(() => {
      const at = answers.findIndex((answer) => !Deferred.isDoneUnsafe(answer))
      const pending = answers[at]
      assert.isDefined(pending, "nothing is being said")
      Deferred.doneUnsafe(pending, exit ?? Exit.succeed(soundOf(asked[at] ?? "")))
      return settle
    })
  return {
    start,
    asked,
    answer,
    end: Effect.suspend(() => Effect.andThen(Deferred.succeed(end, undefined), settle)),
    counts: () => ({ started, stopped }),
    breakStart: (broken: boolean) => {
      unstartable = broken
    }
  }
}

const setUp = Effect.gen(function* () {
  const threads = makeThreads()
  const voice = yield* makeVoice(threads.start, "rms")
  const a = yield* voice.lane
  const b = yield* voice.lane
  return { threads, a, b }
})

describe("SandboxVoice", () => {
  it.effect("starts its thread only when there is something to say, and one for all", () =>
    Effect.gen(function* () {
      const { a, b, threads } = yield* setUp
      yield* settle
      assert.deepStrictEqual(threads.counts(), { started: 0, stopped: 0 })
      const first = yield* Effect.forkChild(a.say("hello"))
      const second = yield* Effect.forkChild(b.say("you"))
      yield* settle
      assert.deepStrictEqual(threads.asked, ["hello"])
      yield* threads.answer()
      yield* threads.answer()
      assert.strictEqual((yield* Fiber.join(first)).samples.length, 5)
      assert.strictEqual((yield* Fiber.join(second)).samples.length, 3)
      assert.deepStrictEqual(threads.counts(), { started: 1, stopped: 0 })
    })
  )

  it.effect("serves the calls in turn", () =>
    Effect.gen(function* () {
      const { a, b, threads } = yield* setUp
      for (const text of ["a1", "a2", "a3"]) yield* Effect.forkChild(a.say(text), { startImmediately: true })
      for (const text of ["b1", "b2"]) yield* Effect.forkChild(b.say(text), { startImmediately: true })
      yield* settle
      for (let i = 0; i < 5; i++) yield* threads.answer()
      assert.deepStrictEqual(threads.asked, ["a1", "b1", "a2", "b2", "a3"])
    })
  )

  it.effect("takes back what is not being said yet, and lets the thread finish what is", () =>
    Effect.gen(function* () {
      const { a, b, threads } = yield* setUp
      const begun = yield* Effect.forkChild(a.say("begun"), { startImmediately: true })
      const waiting = yield* Effect.forkChild(a.say("waiting"), { startImmediately: true })
      const other = yield* Effect.forkChild(b.say("other"), { startImmediately: true })
      yield* settle
      yield* Fiber.interrupt(waiting)
      yield* Fiber.interrupt(begun)
      yield* settle
      assert.deepStrictEqual(threads.asked, ["begun"])
      yield* threads.answer()
      yield* threads.answer()
      yield* Fiber.join(other)
      assert.deepStrictEqual(threads.asked, ["begun", "other"])
      assert.deepStrictEqual(threads.counts(), { started: 1, stopped: 0 })
    })
  )

  it.effect("goes on after a text that cannot be said", () =>
    Effect.gen(function* () {
      const { a, threads } = yield* setUp
      const bad = yield* Effect.forkChild(Effect.flip(a.say("bad")), { startImmediately: true })
      const good = yield* Effect.forkChild(a.say("good"), { startImmediately: true })
      yield* settle
      yield* threads.answer(Exit.fail(failure("Rejected")))
      yield* threads.answer()
      assert.strictEqual((yield* Fiber.join(bad)).reason, "Rejected")
      yield* Fiber.join(good)
      assert.deepStrictEqual(threads.counts(), { started: 1, stopped: 0 })
    })
  )

  it.effect("replaces a thread that broke down over a text", () =>
    Effect.gen(function* () {
      const { a, threads } = yield* setUp
      const bad = yield* Effect.forkChild(Effect.flip(a.say("bad")), { startImmediately: true })
      const good = yield* Effect.forkChild(a.say("good"), { startImmediately: true })
      yield* settle
      yield* threads.answer(Exit.fail(failure("Disconnected")))
      yield* threads.answer()
      assert.strictEqual((yield* Fiber.join(bad)).reason, "Disconnected")
      yield* Fiber.join(good)
      assert.deepStrictEqual(threads.counts(), { started: 2, stopped: 1 })
    })
  )

  it.effect("replaces a thread that ended while there was nothing to say", () =>
    Effect.gen(function* () {
      const { a, threads } = yield* setUp
      const first = yield* Effect.forkChild(a.say("first"), { startImmediately: true })
      yield* settle
      yield* threads.answer()
      yield* Fiber.join(first)
      yield* threads.end
      assert.deepStrictEqual(threads.counts(), { started: 1, stopped: 1 })
      const second = yield* Effect.forkChild(a.say("second"), { startImmediately: true })
      yield* settle
      yield* threads.answer()
      yield* Fiber.join(second)
      assert.deepStrictEqual(threads.counts(), { started: 2, stopped: 1 })
    })
  )

  it.effect("gives up a thread that does not answer", () =>
    Effect.gen(function* () {
      const { a, threads } = yield* setUp
      const stuck = yield* Effect.forkChild(Effect.flip(a.say("stuck")), { startImmediately: true })
      yield* settle
      yield* TestClock.adjust(TEXT_DEADLINE)
      assert.strictEqual((yield* Fiber.join(stuck)).reason, "Stalled")
      yield* settle
      assert.deepStrictEqual(threads.counts(), { started: 1, stopped: 1 })
    })
  )

  it.effect("tells the one who asked that there is no thread, and tries again for the next", () =>
    Effect.gen(function* () {
      const { a, threads } = yield* setUp
      threads.breakStart(true)
      assert.strictEqual((yield* Effect.flip(a.say("first"))).reason, "Unreachable")
      threads.breakStart(false)
      const second = yield* Effect.forkChild(a.say("second"), { startImmediately: true })
      yield* settle
      yield* threads.answer()
      yield* Fiber.join(second)
    })
  )

  it.effect("tells whoever waits, and whoever comes later, that it is shut down", () =>
    Effect.gen(function* () {
      const { a, fibers, threads } = yield* Effect.scoped(
        Effect.gen(function* () {
          const { a, b, threads } = yield* setUp
          const fibers = yield* Effect.forEach([a.say("said"), a.say("waits"), b.say("waits too")], (say) =>
            Effect.forkDetach(Effect.flip(say), { startImmediately: true })
          )
          yield* settle
          return { a, fibers, threads }
        })
      )
      const errors = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(
        [...errors, yield* Effect.flip(a.say("late"))].map(({ reason }) => reason),
        ["Disconnected", "Disconnected", "Disconnected", "Disconnected"]
      )
      assert.deepStrictEqual(threads.counts(), { started: 1, stopped: 1 })
    })
  )
})
