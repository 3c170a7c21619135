import { assert, describe, it, layer } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Layer, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { MAX_ROWS } from "../../src/layers/SileroMemory.ts"
import { loadSileroModel, shippedModel } from "../../src/layers/SileroModel.ts"
import * as SileroVoiceActivity from "../../src/layers/SileroVoiceActivity.ts"
import { gatherMs, makeBatcher, makeScorer, RUN_DEADLINE } from "../../src/layers/SileroVoiceActivity.ts"
import { BYTES_PER_MS, WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { type VoiceActivityError } from "../../src/schema/Errors.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { VoiceActivity, type VoiceScorer } from "../../src/services/VoiceActivity.ts"
import { scoreVoice } from "../../src/streams/ScoreVoice.ts"
import { voiceWindows } from "../../src/streams/VoiceWindows.ts"
import { makeGatedModel, makeReference } from "../support/GatedModel.ts"
import { concat, doorSlam, loadSpeech, pinkNoise, silence, tone, whiteNoise } from "../support/Speech.ts"

const withShippedModel = SileroVoiceActivity.layer.pipe(
  Layer.provide(Layer.succeed(AppConfig, { vadModelPath: undefined } as AppConfig["Service"]))
)

/** Whole windows of a sound; what is left over is dropped. */
const windowsOf = (sound: Int16Array): ReadonlyArray<Int16Array> =>
  Array.from({ length: Math.floor(sound.length / WINDOW_SAMPLES) }, (_, i) =>
    sound.slice(i * WINDOW_SAMPLES, (i + 1) * WINDOW_SAMPLES)
  )

const scoreAll = (scorer: VoiceScorer, sound: Int16Array): Effect.Effect<Array<number>, VoiceActivityError> =>
  Effect.forEach(windowsOf(sound), (window) => scorer.score(window))

const scoreFresh = Effect.fnUntraced(function* (sound: Int16Array) {
  const scorer = yield* (yield* VoiceActivity).open
  return yield* scoreAll(scorer, sound)
})

const shareAbove = (threshold: number, scores: ReadonlyArray<number>): number =>
  scores.filter((score) => score > threshold).length / scores.length

/** Window `index` of call `call`: no two are alike. */
const windowFor = (call: number, index: number): Int16Array => whiteNoise(32, 0.5, 1 + 1000 * call + index)

layer(withShippedModel)("Silero voice activity, with the shipped model", (it) => {
  it.effect.each([
    ["hello", 0.8],
    ["question", 0.8],
    ["stop", 0.6],
    ["yes", 0.8]
  ] as const)("hears the voice in %s", ([name, share]) =>
    Effect.gen(function* () {
      const scores = yield* scoreFresh(loadSpeech(name))
      assert.isAbove(shareAbove(0.6, scores), share)
    })
  )

  it.effect.each([
    ["silence", silence(2000)],
    ["a tone", tone(2000, 440)],
    ["white noise", whiteNoise(2000)],
    ["loud white noise", whiteNoise(2000, 0.6)],
    ["pink noise", pinkNoise(2000)],
    ["a door slam", doorSlam(2000, 700)]
  ] as const)("hears no voice in %s", ([, sound]) =>
    Effect.gen(function* () {
      const scores = yield* scoreFresh(sound)
      assert.isBelow(Math.max(...scores), 0.35)
    })
  )

  it.effect("hears the pause and the voice after it", () =>
    Effect.gen(function* () {
      const yes = loadSpeech("yes")
      const scores = yield* scoreFresh(concat(yes, silence(1024), yes))
      const pauseFrom = Math.ceil(yes.length / WINDOW_SAMPLES) + 10
      const pauseTo = Math.floor(yes.length / WINDOW_SAMPLES) + 32
      assert.isBelow(Math.max(...scores.slice(pauseFrom, pauseTo)), 0.1)
      assert.isAbove(shareAbove(0.6, scores.slice(pauseTo + 2)), 0.8)
    })
  )

  it.effect("gives a call the same scores after a reset as a new one", () =>
    Effect.gen(function* () {
      const sound = loadSpeech("stop")
      const scorer = yield* (yield* VoiceActivity).open
      const fresh = yield* scoreAll(scorer, sound)
      const goingOn = yield* scoreAll(scorer, sound)
      yield* scorer.reset
      assert.deepStrictEqual(yield* scoreAll(scorer, sound), fresh)
      assert.notDeepEqual(goingOn, fresh)
    })
  )

  it.effect.each([160, 37, 999])(
    "scores audio that came in chunks of %d samples as if it came in one piece",
    (length) =>
      Effect.gen(function* () {
        const sound = loadSpeech("question")
        const scoreChunks = Effect.fnUntraced(function* (chunkLength: number) {
          const chunks = Array.from({ length: Math.ceil(sound.length / chunkLength) }, (_, i) => ({
            atMs: (i * chunkLength) / BYTES_PER_MS,
            samples: sound.slice(i * chunkLength, (i + 1) * chunkLength)
          }))
          const scorer = yield* (yield* VoiceActivity).open
          return yield* Stream.fromIterable(chunks).pipe(voiceWindows, scoreVoice(scorer), Stream.runCollect)
        })
        const whole = yield* scoreChunks(sound.length)
        assert.lengthOf(whole, Math.floor(sound.length / WINDOW_SAMPLES))
        assert.deepStrictEqual(yield* scoreChunks(length), whole)
      })
  )

  it.effect("scores many calls at once as each of them alone", () =>
    Effect.gen(function* () {
      const speech = ["hello", "question", "stop", "yes"] as const
      const sounds = Array.from({ length: 70 }, (_, call) =>
        concat(whiteNoise(5 * call, 0.02, call), loadSpeech(speech[call % speech.length]!)).slice(
          0,
          12 * WINDOW_SAMPLES
        )
      )
      const alone = yield* Effect.forEach(sounds, scoreFresh)
      const together = yield* Effect.forEach(sounds, scoreFresh, { concurrency: "unbounded" })
      // A batch sums in another order than a row alone.
      for (const [call, scores] of alone.entries()) {
        assert.lengthOf(together[call]!, scores.length)
        for (const [n, score] of scores.entries()) assert.approximately(together[call]![n]!, score, 1e-5)
      }
    })
  )

  it.effect("lets a run finish that is late only because the process was held up", () =>
    Effect.gen(function* () {
      // As after a pause of the whole process: the deadline is over before the run has had its turn.
      const overdue: Clock.Clock = Object.assign(Object.create(yield* Clock.Clock), { sleep: () => Effect.void })
      const model = yield* loadSileroModel(shippedModel)
      const batcher = yield* Effect.provideService(makeBatcher(model.run), Clock.Clock, overdue)
      const scores = yield* scoreAll(makeScorer(batcher), loadSpeech("yes"))
      assert.isAbove(shareAbove(0.6, scores), 0.8)
    })
  )
})

/** A batcher on a gated model, and scorers on it. */
const makeGated = Effect.gen(function* () {
  const model = makeGatedModel()
  const batcher = yield* makeBatcher(model.run)
  return { model, scorer: () => makeScorer(batcher) }
})

const start = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

/** Ends one run after the other until nothing is left to run. */
const finish = (model: ReturnType<typeof makeGatedModel>): void => {
  while (model.isRunning()) model.succeed()
}

describe("batches", () => {
  it.effect("runs a lone window at once, and whatever comes meanwhile together", () =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const calls = Array.from({ length: 5 }, scorer)
      const fibers = yield* Effect.forEach(calls, (call, i) => start(call.score(windowFor(i, 0))))
      assert.deepStrictEqual(model.sizes, [1])
      model.succeed()
      assert.deepStrictEqual(model.sizes, [1, 4])
      model.succeed()
      assert.isFalse(model.isRunning())
      const scores = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(
        scores,
        calls.map((_, i) => makeReference().score(windowFor(i, 0)))
      )
    })
  )

  it.effect("takes no more rows into a run than the model has room for", () =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const fibers = yield* Effect.forEach(Array.from({ length: 2 * MAX_ROWS + 3 }), () =>
        start(scorer().score(windowFor(0, 0)))
      )
      finish(model)
      assert.deepStrictEqual(model.sizes, [1, MAX_ROWS, MAX_ROWS, 2])
      yield* Fiber.joinAll(fibers)
    })
  )

  it("waits for others only if some are to be expected, and no longer than a run needs", () => {
    const calls = (count: number) => gatherMs((count * 31.25) / 1000)
    assert.strictEqual(calls(1), 0)
    assert.strictEqual(calls(6), 0)
    assert.strictEqual(calls(20), 10)
    assert.approximately(calls(400), 2.56, 1e-9)
    for (let count = 1; count < 2000; count++) assert.isAtMost(calls(count), 10)
  })

  it.effect("gathers a run while many rows come, and stops waiting when they no longer do", () =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const calls = Array.from({ length: 10 }, scorer)
      const score = (call: VoiceScorer, window: number) => start(call.score(windowFor(0, window)))
      // 10 rows every 10 ms are counted for a while.
      for (let round = 0; round < 12; round++) {
        const fibers = yield* Effect.forEach(calls, (call) => score(call, round))
        yield* TestClock.adjust(10)
        finish(model)
        yield* Fiber.joinAll(fibers)
      }
      const runs = model.sizes.length
      const first = yield* score(calls[0]!, 99)
      yield* TestClock.adjust(5)
      const second = yield* score(calls[1]!, 99)
      assert.lengthOf(model.sizes, runs)
      yield* TestClock.adjust(5)
      assert.deepStrictEqual(model.sizes.slice(runs), [2])
      finish(model)
      yield* Fiber.joinAll([first, second])
      // One row a while: the next count finds that nobody is to be expected.
      for (let round = 0; round < 3; round++) {
        yield* TestClock.adjust(200)
        const lone = yield* score(calls[0]!, 100 + round)
        yield* TestClock.adjust(10)
        finish(model)
        yield* Fiber.join(lone)
      }
      const lone = yield* score(calls[0]!, 200)
      assert.isTrue(model.isRunning())
      finish(model)
      yield* Fiber.join(lone)
    })
  )

  const CALLS = 5
  const Step = Schema.Literals(["score", "score", "score", "interrupt", "reset", "succeed", "succeed", "fail"])
  const Steps = Schema.Array(
    Schema.Tuple([Step, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: CALLS - 1 }))])
  ).check(Schema.isMinLength(60))

  it.effect.prop("gives every call its own scores, whatever the others do", [Steps], ([steps]) =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const calls = Array.from({ length: CALLS }, () => ({
        scorer: scorer(),
        reference: makeReference(),
        sent: 0,
        pending: undefined as Fiber.Fiber<number, VoiceActivityError> | undefined
      }))
      // A window counts for the reference only if its score was delivered: one that failed or was given up left no trace.
      const collect = () => {
        for (const [index, call] of calls.entries()) {
          const exit = call.pending?.pollUnsafe()
          if (exit === undefined) continue
          call.pending = undefined
          if (Exit.isSuccess(exit)) assert.strictEqual(exit.value, call.reference.score(windowFor(index, call.sent)))
          else if (!Cause.hasInterrupts(exit.cause)) assert.propertyVal(Cause.squash(exit.cause), "message", "broken")
        }
      }

      for (const [step, index] of steps) {
        const call = calls[index]!
        if (step === "score" && call.pending === undefined) {
          call.sent++
          call.pending = yield* start(call.scorer.score(windowFor(index, call.sent)))
        } else if (step === "interrupt" && call.pending !== undefined) {
          yield* Fiber.interrupt(call.pending)
        } else if (step === "reset" && call.pending === undefined) {
          yield* call.scorer.reset
          call.reference.reset()
        } else if (step === "succeed") {
          model.succeed()
        } else if (step === "fail") {
          model.fail()
        }
        collect()
      }
      finish(model)
      collect()
      assert.isTrue(calls.every((call) => call.pending === undefined))
    })
  )

  it.effect("tells the calls of a failed run and no others, and goes on", () =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const [first, second] = [scorer(), scorer()]
      const failing = yield* start(first.score(windowFor(0, 0)))
      const waiting = yield* start(second.score(windowFor(1, 0)))
      model.fail()
      const error = yield* Effect.flip(Fiber.join(failing))
      assert.strictEqual(error.message, "broken")
      model.succeed()
      assert.strictEqual(yield* Fiber.join(waiting), makeReference().score(windowFor(1, 0)))

      const again = yield* start(first.score(windowFor(0, 1)))
      model.succeed()
      assert.strictEqual(yield* Fiber.join(again), makeReference().score(windowFor(0, 1)))
    })
  )

  it.effect("survives a run that dies", () =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const call = scorer()
      const dying = yield* start(call.score(windowFor(0, 0)))
      model.fail(Effect.die(new Error("out of memory")))
      const error = yield* Effect.flip(Fiber.join(dying))
      assert.strictEqual(error._tag, "VoiceActivityError")
      assert.propertyVal(error.cause, "message", "out of memory")
      const again = yield* start(call.score(windowFor(0, 1)))
      model.succeed()
      assert.strictEqual(yield* Fiber.join(again), makeReference().score(windowFor(0, 1)))
    })
  )

  it.effect("fails a run that takes too long, and does not wait for it any longer", () =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const call = scorer()
      const late = yield* start(call.score(windowFor(0, 0)))
      const waiting = yield* start(scorer().score(windowFor(1, 0)))
      yield* TestClock.adjust(RUN_DEADLINE)
      const error = yield* Effect.flip(Fiber.join(late))
      assert.strictEqual(error.message, "The voice model did not answer within 1s")
      model.succeed()
      assert.strictEqual(yield* Fiber.join(waiting), makeReference().score(windowFor(1, 0)))
    })
  )

  it.effect("takes an interrupted window out of the queue", () =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const fibers = yield* Effect.forEach([0, 1, 2], (i) => start(scorer().score(windowFor(i, 0))))
      yield* Fiber.interrupt(fibers[1]!)
      finish(model)
      assert.deepStrictEqual(model.sizes, [1, 1])
      assert.strictEqual(yield* Fiber.join(fibers[2]!), makeReference().score(windowFor(2, 0)))
    })
  )

  it.effect("lets a call give up a window under way without trace, and the rest of its run finish", () =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const [first, second, third] = [scorer(), scorer(), scorer()]
      const filler = yield* start(first.score(windowFor(0, 0)))
      const givenUp = yield* start(second.score(windowFor(1, 0)))
      const kept = yield* start(third.score(windowFor(2, 0)))
      model.succeed()
      yield* Fiber.join(filler)
      assert.deepStrictEqual(model.sizes, [1, 2])
      yield* Fiber.interrupt(givenUp)
      // The next window of the same call is asked for while the run with the previous one still goes on.
      const next = yield* start(second.score(windowFor(1, 1)))
      finish(model)
      assert.strictEqual(yield* Fiber.join(kept), makeReference().score(windowFor(2, 0)))
      assert.strictEqual(yield* Fiber.join(next), makeReference().score(windowFor(1, 1)))
    })
  )

  it.effect("fails what still waits when it is shut down, and what comes later", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { scorer } = yield* Scope.provide(makeGated, scope)
      const underWay = yield* start(scorer().score(windowFor(0, 0)))
      const queued = yield* start(scorer().score(windowFor(1, 0)))
      yield* Scope.close(scope, Exit.void)
      const errors = yield* Effect.forEach(
        [Fiber.join(underWay), Fiber.join(queued), scorer().score(windowFor(2, 0))],
        Effect.flip
      )
      assert.deepStrictEqual(
        errors.map((error) => error.message),
        Array.from({ length: 3 }, () => "Voice activity detection is shut down")
      )
    })
  )
})

describe("a scorer", () => {
  it.effect.each([0, 160, 255, 257, 512])("refuses a window of %d samples", (length) =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const error = yield* Effect.flip(scorer().score(new Int16Array(length)))
      assert.strictEqual(error.message, `A window has ${length} samples, expected 256 (32 ms of 8 kHz PCM)`)
      assert.deepStrictEqual(model.sizes, [])
    })
  )

  it.effect("refuses a second window while one is being scored", () =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const call = scorer()
      const first = yield* start(call.score(windowFor(0, 0)))
      const error = yield* Effect.flip(call.score(windowFor(0, 1)))
      assert.strictEqual(error.message, "The previous window of this call is still being scored")
      model.succeed()
      assert.strictEqual(yield* Fiber.join(first), makeReference().score(windowFor(0, 0)))
    })
  )

  it.effect("has read the window before it waits", () =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      yield* start(scorer().score(windowFor(0, 0)))
      const window = windowFor(1, 0)
      const waiting = yield* start(scorer().score(window))
      window.fill(0)
      finish(model)
      assert.strictEqual(yield* Fiber.join(waiting), makeReference().score(windowFor(1, 0)))
    })
  )

  it.effect("forgets the window under way, too, when it is reset", () =>
    Effect.gen(function* () {
      const { model, scorer } = yield* makeGated
      const call = scorer()
      const underWay = yield* start(call.score(windowFor(0, 0)))
      yield* call.reset
      model.succeed()
      yield* Fiber.join(underWay)
      const next = yield* start(call.score(windowFor(0, 1)))
      model.succeed()
      assert.strictEqual(yield* Fiber.join(next), makeReference().score(windowFor(0, 1)))
    })
  )
})
