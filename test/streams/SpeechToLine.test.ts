import { assert, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { type SpeechAudio } from "../../src/services/TextToSpeech.ts"
import { type ReplyAudio } from "../../src/streams/Playout.ts"
import { speechToLine } from "../../src/streams/SpeechToLine.ts"

const piece = (sentence: number, ms: number, sampleRate = 24_000): SpeechAudio => ({
  sentence,
  samples: new Int16Array((sampleRate / 1000) * ms).fill(4000),
  sampleRate
})

const through = (...pieces: ReadonlyArray<SpeechAudio>) =>
  Stream.fromIterable(pieces).pipe(speechToLine, Stream.runCollect)

const bytesOf = (audio: ReadonlyArray<ReplyAudio>, sentence: number): number =>
  audio.filter((each) => each.sentence === sentence).reduce((sum, { mulaw }) => sum + mulaw.length, 0)

it.effect("speech of any rate is as long on the line", () =>
  Effect.gen(function* () {
    for (const rate of [8000, 16_000, 24_000]) {
      const audio = yield* through(piece(0, 100, rate), piece(0, 60, rate), piece(1, 40, rate))
      assert.strictEqual(bytesOf(audio, 0) + bytesOf(audio, 1), 1600, `${rate} Hz`)
    }
    const mixed = yield* through(piece(0, 100, 16_000), piece(1, 100, 24_000))
    assert.deepStrictEqual([bytesOf(mixed, 0), bytesOf(mixed, 1)], [800, 800])
  })
)

it.effect("that a sentence broke off is told after all of its audio, with or without samples", () =>
  Effect.gen(function* () {
    const empty = { ...piece(0, 0), brokeOff: "surely" } as const
    for (const pieces of [
      [piece(0, 100), empty],
      [{ ...piece(0, 100), brokeOff: "surely" } as const],
      [piece(0, 100, 16_000), empty]
    ]) {
      const audio = yield* through(...pieces, piece(1, 50))
      const end = audio.findIndex(({ brokeOff }) => brokeOff !== undefined)
      assert.deepStrictEqual(audio[end], { sentence: 0, mulaw: new Uint8Array(0), brokeOff: "surely" })
      assert.strictEqual(bytesOf(audio.slice(0, end), 0), 800)
      assert.strictEqual(bytesOf(audio.slice(end), 0), 0)
      assert.strictEqual(bytesOf(audio, 1), 400)
    }
  })
)
