import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema, Stream } from "effect"
import { spokenMs } from "../../src/layers/SandboxSpeechMeter.ts"
import * as SandboxSpeechToText from "../../src/layers/SandboxSpeechToText.ts"
import { describeSpeech, readTurn } from "../../src/layers/SandboxTranscript.ts"
import { BYTES_PER_MS, WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { SpeechToText } from "../../src/services/SpeechToText.ts"
import { levelDb } from "../../src/streams/EnergyScore.ts"
import { completeness } from "../../src/streams/Endpointing.ts"
import { interjection } from "../../src/streams/Interjections.ts"
import { isSpoken } from "../../src/streams/SpeechEvidence.ts"
import {
  concat,
  doorSlam,
  loadSpeech,
  pinkNoise,
  silence,
  tone,
  type Utterance,
  whiteNoise
} from "../support/Speech.ts"

const mix = (one: Int16Array, other: Int16Array): Int16Array => one.map((sample, at) => sample + (other[at] ?? 0))

const levelsOf = (samples: Int16Array): ReadonlyArray<number> =>
  Array.from({ length: Math.floor(samples.length / WINDOW_SAMPLES) }, (_, at) =>
    levelDb(samples.subarray(at * WINDOW_SAMPLES, (at + 1) * WINDOW_SAMPLES))
  )

/** A segment as recognition hears it: pre-roll, speech, the pause that ends it. */
const segmentOf = (speech: Int16Array): Int16Array => concat(silence(500), speech, silence(128))

const openSession = Effect.flatMap(SpeechToText, (recognition) => recognition.open).pipe(
  Effect.provide(SandboxSpeechToText.layer)
)

describe("length of speech", () => {
  const utterances: ReadonlyArray<Utterance> = ["hello", "question", "yes"]
  it.each(utterances)("is that of the utterance, not of the segment: %s", (name) => {
    const speech = loadSpeech(name)
    const lengthMs = speech.length / BYTES_PER_MS
    for (const segment of [speech, segmentOf(speech), mix(segmentOf(speech), pinkNoise(4000, 0.02))]) {
      assert.closeTo(spokenMs(levelsOf(segment)), lengthMs, 0.15 * lengthMs + 96)
    }
  })

  it("counts a pause in the middle for nothing, and the gaps in words for speech", () => {
    const speech = loadSpeech("question")
    const once = spokenMs(levelsOf(segmentOf(speech)))
    const twice = spokenMs(levelsOf(concat(segmentOf(speech), silence(640), speech)))
    assert.closeTo(twice, 2 * once, 64)
  })

  const noises: ReadonlyArray<readonly [string, Int16Array]> = [
    ["silence", silence(2000)],
    ["white noise", whiteNoise(2000, 0.3)],
    ["pink noise", pinkNoise(2000, 0.3)],
    ["a hum", tone(2000, 100)],
    ["a door slam", doorSlam(1500, 500)],
    ["nothing at all", new Int16Array(0)]
  ]
  it.each(noises)("is none in %s", (_, samples) => assert.strictEqual(spokenMs(levelsOf(samples)), 0))

  it("does not depend on how loud the line is", () => {
    const speech = loadSpeech("hello").map((sample) => sample / 4)
    assert.closeTo(spokenMs(levelsOf(segmentOf(speech))), 3135, 300)
  })
})

describe("sandbox transcript", () => {
  it("is in tenths of a second", () => {
    assert.strictEqual(describeSpeech(1840), "[1.8s of speech]")
    assert.strictEqual(describeSpeech(1000), "[1s of speech]")
    assert.strictEqual(describeSpeech(12), "[0.1s of speech]")
  })

  it("is told apart from typed words", () => {
    const words = `${describeSpeech(1200)} what  is this ${describeSpeech(500)}`
    assert.deepStrictEqual(readTurn(words), { speech: [1.2, 0.5], text: "what is this" })
    assert.deepStrictEqual(readTurn("[some of speech]"), { speech: [], text: "[some of speech]" })
    assert.deepStrictEqual(readTurn(""), { speech: [], text: "" })
  })

  const SpokenMs = Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 600_000 }))

  it.prop(
    "can be read back, and is what turn-taking takes for words, of which nothing else is known",
    [SpokenMs],
    ([ms]) => {
      const text = describeSpeech(ms)
      assert.closeTo(readTurn(text).speech[0] ?? 0, ms / 1000, 0.051)
      assert.isTrue(isSpoken(text, { voicedMs: Math.max(ms, 200), peak: 0.9 }))
      assert.strictEqual(interjection(text), "words")
      assert.strictEqual(completeness(text, "What is your telephone number?"), "open")
    }
  )
})

describe("SandboxSpeechToText", () => {
  const appended = Effect.fnUntraced(function* (segment: number, samples: Int16Array, pieceSamples = 256) {
    const session = yield* openSession
    for (let at = 0; at < samples.length; at += pieceSamples) {
      yield* session.append(segment, samples.subarray(at, at + pieceSamples))
    }
    return session
  })

  it.effect("says how long somebody spoke, whatever the pieces the audio comes in", () =>
    Effect.gen(function* () {
      const segment = segmentOf(loadSpeech("question"))
      for (const size of [1, 160, 256, 257, 5000, segment.length]) {
        const session = yield* appended(1, segment, size)
        assert.strictEqual(yield* session.commit(1), "[1.9s of speech]", `${size} samples a piece`)
      }
    })
  )

  it.effect("says nothing where there was no speech", () =>
    Effect.gen(function* () {
      const session = yield* appended(1, pinkNoise(2000, 0.2))
      assert.strictEqual(yield* session.commit(1), "")
      assert.strictEqual(yield* session.commit(7), "")
    })
  )

  it.effect("keeps segments apart and forgets those that are over", () =>
    Effect.gen(function* () {
      const session = yield* appended(1, segmentOf(loadSpeech("hello")))
      yield* session.append(2, segmentOf(loadSpeech("yes")))
      assert.strictEqual(yield* session.commit(2), "[0.4s of speech]")
      yield* session.discard(1)
      assert.strictEqual(yield* session.commit(1), "")
      assert.strictEqual(yield* session.commit(2), "")
    })
  )

  it.effect("tells more and more while it goes on, and in the pause what the final transcript will be", () =>
    Effect.gen(function* () {
      const told = yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* appended(3, segmentOf(loadSpeech("hello")))
          const final = yield* session.commit(3)
          const interims = yield* Effect.forkDetach(Stream.runCollect(session.interims))
          return { final, interims }
        })
      )
      const interims = yield* Fiber.join(told.interims)
      const lengths = interims.map(({ text }) => readTurn(text).speech[0] ?? 0)
      assert.isTrue(interims.every(({ segment }) => segment === 3))
      assert.isTrue(lengths.length >= 4 && lengths.length <= 16, `${lengths.join(", ")} s`)
      assert.deepStrictEqual(
        lengths,
        lengths.toSorted((one, other) => one - other)
      )
      assert.isAtMost(lengths[0] ?? 9, 0.5)
      assert.strictEqual(interims.at(-1)?.text, told.final)
    })
  )

  it.effect("tells nothing of what is too short to be told early", () =>
    Effect.gen(function* () {
      const interims = yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* appended(1, segmentOf(loadSpeech("yes").subarray(0, 250 * BYTES_PER_MS)))
          assert.strictEqual(yield* session.commit(1), "[0.3s of speech]")
          return yield* Effect.forkDetach(Stream.runCollect(session.interims))
        })
      )
      assert.deepStrictEqual(yield* Fiber.join(interims), [])
    })
  )
})
