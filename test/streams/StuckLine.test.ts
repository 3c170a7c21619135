import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { WINDOW_MS } from "../../src/schema/Audio.ts"
import { keepTime, LINE_STUCK_MS, STUCK_WINDOWS } from "../../src/streams/StuckLine.ts"
import { settle } from "../support/Settle.ts"

const STEP_MS = STUCK_WINDOWS * WINDOW_MS

/** Keeps time on a line that has just delivered audio, in a call that has been decided up to 1000 ms. */
const setup = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const call = { lastAudioMs: nowMs(), audioMs: 1000, isWaitedFor: true }
  const missing: Array<number> = []
  yield* Effect.forkScoped(
    keepTime({
      nowMs,
      lastAudioMs: () => call.lastAudioMs,
      audioMs: () => call.audioMs,
      isWaitedFor: () => call.isWaitedFor,
      onMissing: (atMs) => {
        missing.push(atMs)
        call.audioMs = atMs + WINDOW_MS
      }
    })
  )
  const pass = (ms: number) => Effect.andThen(Effect.andThen(settle, TestClock.adjust(ms)), settle)
  const hear = Effect.sync(() => void (call.lastAudioMs = nowMs()))
  return { call, missing, pass, hear }
})

describe("a line that delivers nothing", () => {
  it.effect("counts as stuck after a while, and audio time goes on with the Clock from where it was", () =>
    Effect.gen(function* () {
      const { missing, pass } = yield* setup
      yield* pass(LINE_STUCK_MS - 1)
      assert.deepStrictEqual(missing, [])
      yield* pass(1)
      assert.deepStrictEqual(missing, [1000, 1032, 1064, 1096])
      yield* pass(STEP_MS - 1)
      assert.lengthOf(missing, STUCK_WINDOWS)
      yield* pass(1)
      assert.deepStrictEqual(missing.slice(STUCK_WINDOWS), [1128, 1160, 1192, 1224])
      // However long it lasts, audio time and the Clock's are the same.
      for (let step = 0; step < 20; step++) yield* pass(STEP_MS)
      assert.strictEqual(missing.at(-1), 1000 + (22 * STUCK_WINDOWS - 1) * WINDOW_MS)
    })
  )

  it.effect("is left alone while nothing depends on its time", () =>
    Effect.gen(function* () {
      const { call, missing, pass } = yield* setup
      call.isWaitedFor = false
      for (let step = 0; step < 20; step++) yield* pass(STEP_MS)
      assert.deepStrictEqual(missing, [])
      call.isWaitedFor = true
      yield* pass(STEP_MS)
      assert.lengthOf(missing, STUCK_WINDOWS)
    })
  )

  it.effect("is as good as any once audio comes again", () =>
    Effect.gen(function* () {
      const { hear, missing, pass } = yield* setup
      yield* pass(LINE_STUCK_MS)
      yield* hear
      yield* pass(LINE_STUCK_MS - 1)
      assert.lengthOf(missing, STUCK_WINDOWS)
      yield* pass(STEP_MS)
      assert.lengthOf(missing, 2 * STUCK_WINDOWS)
    })
  )
})

describe("a line that delivers audio", () => {
  it.effect("is looked at when it could count as stuck at the earliest, and never does", () =>
    Effect.gen(function* () {
      const { hear, missing, pass } = yield* setup
      for (let step = 0; step < 20; step++) {
        yield* pass(LINE_STUCK_MS - 20)
        yield* hear
      }
      assert.deepStrictEqual(missing, [])
      // The last look was not longer ago than audio is.
      yield* pass(LINE_STUCK_MS)
      assert.lengthOf(missing, STUCK_WINDOWS)
    })
  )
})
