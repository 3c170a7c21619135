import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Option, Stream } from "effect"
import { type SpeechAudio, TextToSpeech } from "../../src/services/TextToSpeech.ts"
import { scriptedTextToSpeech, type TextToSpeechScript } from "../../src/testing/ScriptedTextToSpeech.ts"
import { inVirtualTime } from "../../src/testing/VirtualTime.ts"
import { wordsIn } from "../../src/testing/WordHearing.ts"
import { lexiconOf, soundOf, wordsOf } from "../../src/testing/WordSound.ts"

interface Piece extends SpeechAudio {
  readonly atMs: number
}

/** What comes of some sentences, and how it ends: `undefined` for well. */
const speak = (script: TextToSpeechScript, ...replies: ReadonlyArray<ReadonlyArray<string>>) =>
  Effect.gen(function* () {
    const { speak } = yield* (yield* TextToSpeech).open
    return yield* Effect.forEach(replies, (sentences) =>
      Effect.gen(function* () {
        const pieces: Array<Piece> = []
        const ending = yield* speak(Stream.fromIterable(sentences)).pipe(
          Stream.runForEach((audio) =>
            Effect.map(Clock.currentTimeMillis, (atMs) => void pieces.push({ ...audio, atMs }))
          ),
          Effect.timeoutOption("1 minute"),
          Effect.map((done) => (Option.isSome(done) ? undefined : "hangs")),
          Effect.catch((error) => Effect.succeed(error.reason))
        )
        return { pieces, ending }
      })
    )
  }).pipe(Effect.scoped, Effect.provide(scriptedTextToSpeech(script)), inVirtualTime)

const joined = (pieces: ReadonlyArray<Piece>): Int16Array =>
  Int16Array.from(pieces.flatMap(({ samples }) => [...samples]))

const msOf = (pieces: ReadonlyArray<Piece>): number =>
  pieces.reduce((sum, { sampleRate, samples }) => sum + (samples.length * 1000) / sampleRate, 0)

describe("a scripted synthesiser", () => {
  it.live("speaks every sentence in turn, in audio that carries its words", () =>
    Effect.gen(function* () {
      const texts = ["Good morning.", "How can I help you?"]
      const [reply] = yield* speak({}, texts)
      assert.isUndefined(reply?.ending)
      const pieces = reply?.pieces ?? []
      assert.isTrue(pieces.every(({ sampleRate }) => sampleRate === 24_000))
      assert.deepStrictEqual(wordsIn(joined(pieces), lexiconOf(...texts), 24_000), wordsOf(texts.join(" ")))
      const second = pieces.filter(({ sentence }) => sentence === 1)
      assert.deepStrictEqual(wordsIn(joined(second), lexiconOf(...texts), 24_000), wordsOf("How can I help you?"))
      assert.isTrue(pieces.slice(-second.length).every(({ sentence }) => sentence === 1))
    })
  )

  it.live("keeps to its pace", () =>
    Effect.gen(function* () {
      const script = { sampleRate: 8000, firstByteMs: 300, realTimeFactor: 0.5, pieceMs: 100, tailMs: 40 }
      const [reply] = yield* speak(script, ["Good morning.", "You?"])
      const pieces = reply?.pieces ?? []
      const firstMs = soundOf("Good morning.").length / 8 + 40
      assert.strictEqual(msOf(pieces), firstMs + 180 + 40)
      // Each piece comes half as long after the one before as it lasts, each sentence 300 ms after the last one's end.
      assert.deepStrictEqual(
        pieces.map(({ atMs }) => atMs),
        [350, 400, 450, 500, 550, 600, 650, 660, 1010, 1060, 1070]
      )
    })
  )

  it.live("fails as it is told, sentence by sentence of a call", () =>
    Effect.gen(function* () {
      const script: TextToSpeechScript = {
        sampleRate: 8000,
        sentences: [
          undefined,
          { fault: { kind: "fail", reason: "Overloaded", afterMs: 150 } },
          { fault: { kind: "hang", afterMs: 60 } },
          { fault: { kind: "no end" } },
          { fault: { kind: "silent" } },
          { firstByteMs: 2000 }
        ]
      }
      const one = ["Good morning."]
      const [well, failed, hung, endless, silent, late] = yield* speak(script, one, one, one, one, one, one)
      const allMs = msOf(well?.pieces ?? [])
      assert.deepStrictEqual([well?.ending, allMs], [undefined, soundOf("Good morning.").length / 8 + 100])
      assert.deepStrictEqual([failed?.ending, msOf(failed?.pieces ?? [])], ["Overloaded", 150])
      assert.deepStrictEqual([hung?.ending, msOf(hung?.pieces ?? [])], ["hangs", 60])
      assert.deepStrictEqual([endless?.ending, msOf(endless?.pieces ?? [])], ["hangs", allMs])
      assert.deepStrictEqual([silent?.ending, silent?.pieces], [undefined, []])
      assert.isUndefined(late?.ending)
      const gap = (late?.pieces[0]?.atMs ?? 0) - (endless?.pieces.at(-1)?.atMs ?? 0)
      assert.isAbove(gap, 2000)
    })
  )

  it.live("goes on to the next sentence after one without audio", () =>
    Effect.gen(function* () {
      const script: TextToSpeechScript = { sampleRate: 8000, sentences: [{ fault: { kind: "silent" } }] }
      const [reply] = yield* speak(script, ["One.", "Two."])
      assert.deepStrictEqual(
        reply?.pieces.map(({ sentence }) => sentence),
        [1, 1, 1]
      )
    })
  )
})
