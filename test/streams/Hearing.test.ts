import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { FRAME_BYTES, MULAW_SILENCE } from "../../src/schema/Audio.ts"
import { VoiceActivityError } from "../../src/schema/Errors.ts"
import { type Media } from "../../src/schema/Twilio.ts"
import { type ScoreSettled, type VoiceScorer } from "../../src/services/VoiceActivity.ts"
import { type EchoGate, makeEchoGate } from "../../src/streams/EchoGate.ts"
import { makeHearing } from "../../src/streams/Hearing.ts"
import { MAX_WAITING } from "../../src/streams/ScoreInOrder.ts"

/** Frames of 20 ms, one after the other, from `fromMs` on: loud, or silent. */
const frames = (count: number, kind: "loud" | "silent" = "loud", fromMs = 0): ReadonlyArray<Media> =>
  Array.from({ length: count }, (_, n) => ({
    event: "media",
    streamSid: "MZ1",
    media: {
      timestamp: fromMs + 20 * n,
      payload: Buffer.alloc(FRAME_BYTES, kind === "loud" ? 0x10 : MULAW_SILENCE).toString("base64")
    }
  }))

const failure = new VoiceActivityError({ message: "broken" })

/** Scores from a list, in either of the two ways; what is no number fails. */
const scorerOf = (way: "direct" | "effects", scores: ReadonlyArray<number | "fails">): VoiceScorer => {
  let at = 0
  const next = () => scores[at++] ?? 0
  const effects = {
    score: () =>
      Effect.suspend(() => {
        const score = next()
        return score === "fails" ? Effect.fail(failure) : Effect.succeed(score)
      }),
    reset: Effect.void
  }
  if (way === "effects") return effects
  const score = (_: Int16Array, settled: ScoreSettled): void => {
    const score = next()
    if (score === "fails") settled(failure, 0)
    else settled(undefined, score)
  }
  return { ...effects, direct: { score, cancel: () => {}, reset: () => {} } }
}

const open = Effect.fnUntraced(function* (scorer: VoiceScorer | undefined, echo: EchoGate = makeEchoGate()) {
  const windows: Array<readonly [atMs: number, probability: number]> = []
  const failures: Array<string> = []
  const due: Array<Effect.Effect<void>> = []
  const hearing = yield* makeHearing({
    scorer,
    echo,
    nowMs: () => 1000,
    onWindow: ({ atMs }, probability) => void windows.push([atMs, probability]),
    onDue: (effect) => void due.push(effect),
    failed: ({ message }) => Effect.sync(() => void failures.push(message))
  })
  const hear = (media: ReadonlyArray<Media>) =>
    Effect.andThen(
      Effect.forEach(media, hearing.media, { discard: true }),
      Effect.suspend(() => Effect.all(due.splice(0), { discard: true }))
    )
  return { hearing, hear, windows, failures }
})

describe("windows", () => {
  it.effect.each(["direct", "effects"] as const)("are told in order with the model's scores, asked by %s", (way) =>
    Effect.gen(function* () {
      const { hear, windows } = yield* open(scorerOf(way, [0.1, 0.9, 0.4]))
      yield* hear(frames(5))
      assert.deepStrictEqual(windows, [
        [0, 0.1],
        [32, 0.9],
        [64, 0.4]
      ])
    })
  )

  it.effect("are judged by their loudness when there is no model", () =>
    Effect.gen(function* () {
      const { failures, hear, windows } = yield* open(undefined)
      yield* hear([...frames(8, "silent"), ...frames(8, "loud", 160)])
      assert.isBelow(windows[0]?.[1] ?? 1, 0.1)
      assert.isAbove(windows.at(-1)?.[1] ?? 0, 0.9)
      assert.deepStrictEqual(failures, [])
    })
  )

  it.effect.each(["direct", "effects"] as const)(
    "that could not be scored are judged by their loudness, which is told once, asked by %s",
    (way) =>
      Effect.gen(function* () {
        const { failures, hear, windows } = yield* open(scorerOf(way, [0.2, "fails", "fails", 0.3]))
        yield* hear(frames(7))
        assert.strictEqual(windows.length, 4)
        assert.deepStrictEqual([windows[0]?.[1], windows[3]?.[1]], [0.2, 0.3])
        assert.isAbove(windows[1]?.[1] ?? 0, 0.9)
        assert.deepStrictEqual(failures, ["broken"])
      })
  )

  it.effect("are in a time of the call's own that never goes back, whatever the carrier's clock does", () =>
    Effect.gen(function* () {
      const { hear, windows } = yield* open(scorerOf("direct", []))
      const hour = 3_600_000
      const heard = () => windows.splice(0).map(([atMs]) => atMs)
      yield* hear(frames(8, "silent", 40 * hour))
      assert.deepStrictEqual(heard(), [0, 32, 64, 96, 128])
      // A gap is time that went by; a clock that was set is not.
      yield* hear(frames(8, "silent", 40 * hour + 10_160))
      assert.deepStrictEqual(heard(), [10_160, 10_192, 10_224, 10_256, 10_288])
      yield* hear(frames(8, "silent", 50 * hour))
      assert.deepStrictEqual(heard(), [10_320, 10_352, 10_384, 10_416, 10_448])
      // It is known for certain after a second.
      yield* hear(frames(58, "silent", 5 * hour))
      assert.deepStrictEqual(heard(), [10_480, 10_512, 10_544, 10_576, 10_608])
    })
  )

  it.effect("count for as much as is not the agent's own echo", () =>
    Effect.gen(function* () {
      const echo: EchoGate = { ...makeEchoGate(), explained: () => 0.75 }
      const { hear, windows } = yield* open(scorerOf("direct", [0.8]), echo)
      yield* hear(frames(2))
      assert.deepStrictEqual(windows, [[0, 0.2]])
    })
  )
})

describe("frames", () => {
  it.effect("that complete no window have nothing to wait for", () =>
    Effect.gen(function* () {
      const { hearing } = yield* open(scorerOf("direct", []))
      const [first, second] = frames(2)
      assert.strictEqual(hearing.media(first!), Effect.void)
      assert.strictEqual(hearing.media(second!), Effect.void)
      assert.strictEqual(hearing.lastAudioMs(), 1000)
    })
  )

  it.effect("wait while too many windows do, and are forgotten at the end of the scope", () =>
    Effect.gen(function* () {
      const asked: Array<ScoreSettled> = []
      const stuck: VoiceScorer = {
        score: () => Effect.never,
        reset: Effect.void,
        direct: { score: (_, settled) => void asked.push(settled), cancel: () => {}, reset: () => {} }
      }
      const scope = yield* Scope.make()
      const { hearing, windows } = yield* Scope.provide(open(stuck), scope)
      // One is being scored.
      const fitting = frames(Math.floor(((MAX_WAITING + 1) * 32) / 20))
      for (const frame of fitting) assert.strictEqual(hearing.media(frame), Effect.void)
      const waits = frames(2, "loud", fitting.length * 20).map(hearing.media)
      const waiting = yield* Effect.forkChild(Effect.all(waits, { discard: true }), { startImmediately: true })
      assert.strictEqual(waiting.pollUnsafe(), undefined)
      asked[0]?.(undefined, 0.5)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(windows, [[0, 0.5]])
      yield* Scope.close(scope, Exit.void)
      asked[1]?.(undefined, 0.5)
      assert.strictEqual(windows.length, 1)
    })
  )
})
