import { assert, describe, it, layer } from "@effect/vitest"
import { type Cause, Deferred, Effect, Exit, Fiber, Queue, Stream } from "effect"
import * as SandboxTextToSpeech from "../../src/layers/SandboxTextToSpeech.ts"
import { type VoiceSound } from "../../src/layers/SandboxVoiceProgram.ts"
import { loadSileroModel, shippedModel } from "../../src/layers/SileroModel.ts"
import { makeBatcher, makeScorer } from "../../src/layers/SileroVoiceActivity.ts"
import { PHONE_RATE, WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { TextToSpeechError } from "../../src/schema/Errors.ts"
import { type SpeechAudio, TextToSpeech } from "../../src/services/TextToSpeech.ts"
import { levelDb } from "../../src/streams/EnergyScore.ts"
import { decodeMulaw, encodeMulaw } from "../../src/streams/Mulaw.ts"
import { makeResampler } from "../../src/streams/Resample.ts"
import { settle } from "../support/Settle.ts"
import { concat } from "../support/Speech.ts"

const open = Effect.flatMap(TextToSpeech, (speech) => speech.open)

const samplesOf = (audio: ReadonlyArray<SpeechAudio>): Int16Array => concat(...audio.map(({ samples }) => samples))

const sentencesOf = (audio: ReadonlyArray<SpeechAudio>): ReadonlyArray<number> => [
  ...new Set(audio.map(({ sentence }) => sentence))
]

/** As a phone hears it: 8 kHz, mu-law. */
const onThePhone = (samples: Int16Array, sampleRate: number): Int16Array => {
  const resampler = makeResampler(sampleRate, PHONE_RATE)
  return decodeMulaw(encodeMulaw(concat(resampler.push(samples), resampler.flush())))
}

layer(SandboxTextToSpeech.layer, { excludeTestServices: true })("SandboxTextToSpeech", (it) => {
  it.effect("says every sentence, as loud and as long as speech is", () =>
    Effect.gen(function* () {
      const session = yield* open
      const sentences = [
        "Hello, this is a synthetic voice.",
        "It was made on this machine.",
        "Numbers such as 42 and 1,500 are read out too."
      ]
      const words = [6, 6, 13]
      const audio = yield* Stream.runCollect(session.speak(Stream.fromIterable(sentences)))
      assert.deepStrictEqual(sentencesOf(audio), [0, 1, 2])
      assert.isTrue(audio.every(({ samples, sampleRate }) => sampleRate === 16_000 && samples.length <= 1600))
      words.forEach((count, sentence) => {
        const samples = samplesOf(audio.filter((piece) => piece.sentence === sentence))
        const perWordMs = samples.length / 16 / count
        assert.isTrue(perWordMs > 150 && perWordMs < 650, `${perWordMs} ms per word`)
        assert.isTrue(levelDb(samples) > -26 && levelDb(samples) < -15, `${levelDb(samples)} dB`)
      })
    })
  )

  it.effect("says the same for the same text and something else for another one", () =>
    Effect.gen(function* () {
      const session = yield* open
      const say = (text: string) => Effect.map(Stream.runCollect(session.speak(Stream.make(text))), samplesOf)
      const [first, again, other] = yield* Effect.all([say("Say this."), say("Say this."), say("Say that.")])
      assert.deepStrictEqual(first, again)
      assert.notDeepEqual(first, other)
    })
  )

  it.effect("begins without silence, so that nobody waits for it", () =>
    Effect.gen(function* () {
      const session = yield* open
      const samples = samplesOf(yield* Stream.runCollect(session.speak(Stream.make("Right away."))))
      assert.isAbove(levelDb(samples.subarray(0, 1600)), -40)
    })
  )

  it.effect("is a voice to the ears of the call, on the telephone", () =>
    Effect.gen(function* () {
      const session = yield* open
      const text = "You can interrupt me at any time and I will stop talking at once."
      const audio = samplesOf(yield* Stream.runCollect(session.speak(Stream.make(text))))
      const model = yield* loadSileroModel(shippedModel)
      const scorer = makeScorer(yield* makeBatcher(model.run))
      const heard = onThePhone(audio, 16_000)
      const windows = Array.from({ length: Math.floor(heard.length / WINDOW_SAMPLES) }, (_, at) =>
        heard.slice(at * WINDOW_SAMPLES, (at + 1) * WINDOW_SAMPLES)
      )
      const scores = yield* Effect.forEach(windows, scorer.score)
      const voiced = scores.filter((probability) => probability > 0.6).length
      assert.isAbove(voiced / scores.length, 0.8, scores.map((score) => score.toFixed(1)).join(" "))
    })
  )

  it.effect("gives the first sentence before the second is written", () =>
    Effect.gen(function* () {
      const session = yield* open
      const sentences = yield* Queue.unbounded<string, Cause.Done>()
      const begun = yield* Deferred.make<void>()
      yield* Queue.offer(sentences, "First comes this.")
      const speaking = yield* session.speak(Stream.fromQueue(sentences)).pipe(
        Stream.tap(() => Deferred.succeed(begun, undefined)),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* Deferred.await(begun)
      yield* Queue.offer(sentences, "Then comes that.")
      yield* Queue.end(sentences)
      assert.deepStrictEqual(sentencesOf(yield* Fiber.join(speaking)), [0, 1])
    })
  )

  it.effect("serves two calls at once, and one goes on undisturbed when the other is interrupted", () =>
    Effect.gen(function* () {
      const [one, other] = yield* Effect.all([open, open])
      const reply = Stream.make("We both speak at the same time.", "And neither of us notices.")
      const alone = samplesOf(yield* Stream.runCollect(one.speak(reply)))
      const begun = yield* Deferred.make<void>()
      const interrupted = yield* other.speak(Stream.fromIterable(Array.from({ length: 20 }, (_, n) => `${n}.`))).pipe(
        Stream.runForEach(() => Deferred.succeed(begun, undefined)),
        Effect.forkChild
      )
      const together = yield* Effect.forkChild(Stream.runCollect(one.speak(reply)))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(interrupted)
      assert.deepStrictEqual(samplesOf(yield* Fiber.join(together)), alone)
      assert.deepStrictEqual(samplesOf(yield* Stream.runCollect(other.speak(reply))), alone)
    })
  )
})

describe("a reply of the sandbox voice", () => {
  /** A lane whose sounds the test gives: 0.15 s of quiet, then as many samples of sound as the text has characters. */
  const fakeLane = () => {
    const asked: Array<string> = []
    const waiting: Array<(exit: Exit.Exit<VoiceSound, TextToSpeechError>) => void> = []
    const soundOf = (text: string): VoiceSound => {
      const samples = new Int16Array(2400 + text.length)
      samples.fill(1000, 2400)
      return { samples, sampleRate: 16_000 }
    }
    return {
      asked,
      lane: {
        say: (text: string) =>
          Effect.callback<VoiceSound, TextToSpeechError>((resume) => {
            asked.push(text)
            waiting.push(resume)
          })
      },
      answer: (at: number, exit?: Exit.Exit<VoiceSound, TextToSpeechError>) =>
        Effect.suspend(() => {
          waiting[at]?.(exit ?? Exit.succeed(soundOf(asked[at] ?? "")))
          return settle
        })
    }
  }

  const failure = Exit.fail(new TextToSpeechError({ reason: "Rejected", message: "no" }))

  it.effect("asks for a few sentences ahead and no more, and speaks in order whatever is ready first", () =>
    Effect.gen(function* () {
      const { answer, asked, lane } = fakeLane()
      const sentences = Array.from({ length: 12 }, (_, n) => `Sentence ${n}.`)
      const heard: Array<number> = []
      const gate = yield* Queue.unbounded<void>()
      yield* SandboxTextToSpeech.sessionOn(lane)
        .speak(Stream.fromIterable(sentences))
        .pipe(
          Stream.runForEach(({ sentence }) => {
            heard.push(sentence)
            return Queue.take(gate)
          }),
          Effect.forkChild
        )
      yield* settle
      assert.deepStrictEqual(asked, sentences.slice(0, asked.length))
      assert.isTrue(asked.length >= 2 && asked.length <= 5, `${asked.length} asked for`)
      yield* answer(1)
      assert.deepStrictEqual(heard, [])
      yield* answer(0)
      assert.deepStrictEqual(heard, [0])
      assert.isAtMost(asked.length, 6)
    })
  )

  it.effect("is heard up to the sentence that could not be said", () =>
    Effect.gen(function* () {
      const { answer, lane } = fakeLane()
      const heard: Array<number> = []
      const speaking = yield* SandboxTextToSpeech.sessionOn(lane)
        .speak(Stream.make("One.", "Two.", "Three."))
        .pipe(
          Stream.runForEach(({ sentence }) => Effect.sync(() => void heard.push(sentence))),
          Effect.flip,
          Effect.forkChild
        )
      yield* settle
      yield* answer(1, failure)
      yield* answer(0)
      assert.strictEqual((yield* Fiber.join(speaking)).reason, "Rejected")
      assert.deepStrictEqual([...new Set(heard)], [0])
    })
  )

  it.effect("is heard up to where its text broke off", () =>
    Effect.gen(function* () {
      const { answer, lane } = fakeLane()
      const heard: Array<number> = []
      const text = Stream.concat(Stream.make("One.", "Two."), Stream.fail("lost"))
      const speaking = yield* SandboxTextToSpeech.sessionOn(lane)
        .speak(text)
        .pipe(
          Stream.runForEach(({ sentence }) => Effect.sync(() => void heard.push(sentence))),
          Effect.flip,
          Effect.forkChild
        )
      yield* settle
      yield* answer(0)
      yield* answer(1)
      assert.strictEqual(yield* Fiber.join(speaking), "lost")
      assert.deepStrictEqual([...new Set(heard)], [0, 1])
    })
  )

  it.effect("keeps its sentences' numbers where there is nothing to say, and its pauses only between sentences", () =>
    Effect.gen(function* () {
      const { answer, asked, lane } = fakeLane()
      const long = `${"This sentence goes on and on, ".repeat(6)}and ends.`
      const speaking = yield* SandboxTextToSpeech.sessionOn(lane)
        .speak(Stream.make("...", "Yes.", "No,", long))
        .pipe(Stream.runCollect, Effect.forkChild)
      yield* settle
      for (let at = 0; at < 4; at++) yield* answer(at)
      const audio = yield* Fiber.join(speaking)
      assert.deepStrictEqual(sentencesOf(audio), [1, 2, 3])
      assert.strictEqual(asked.length, 4)
      const length = (sentence: number) => samplesOf(audio.filter((piece) => piece.sentence === sentence)).length
      assert.strictEqual(length(1), 480 + "Yes.".length)
      assert.strictEqual(length(2), 2400 + "No,".length)
      assert.strictEqual(length(3), 480 + 480 + asked[2]!.length + asked[3]!.length)
    })
  )

  it.effect("takes back what it asked for when it is interrupted", () =>
    Effect.gen(function* () {
      let open = 0
      const lane = {
        say: () =>
          Effect.callback<VoiceSound, TextToSpeechError>(() => {
            open += 1
            return Effect.sync(() => void open--)
          })
      }
      const speaking = yield* SandboxTextToSpeech.sessionOn(lane)
        .speak(Stream.make("One.", "Two.", "Three."))
        .pipe(Stream.runDrain, Effect.forkChild)
      yield* settle
      assert.isAbove(open, 0)
      yield* Fiber.interrupt(speaking)
      assert.strictEqual(open, 0)
    })
  )
})
