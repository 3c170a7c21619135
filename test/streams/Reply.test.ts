import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type CallEventBody } from "../../src/schema/CallEvent.ts"
import { TextToSpeechError } from "../../src/schema/Errors.ts"
import { defaultPhrases } from "../../src/schema/Phrases.ts"
import { type SpeechAudio, type TextToSpeechSession } from "../../src/services/TextToSpeech.ts"
import { defaultPlayoutSettings, makePlayout } from "../../src/streams/Playout.ts"
import { fixedReply, reply } from "../../src/streams/Reply.ts"
import { deadlines, voice } from "../support/Saying.ts"
import { settle } from "../support/Settle.ts"

const failingVoice = (afterSentences: number): TextToSpeechSession => ({
  speak: (sentences) =>
    Stream.concat(
      Stream.take(voice.speak(sentences), afterSentences),
      Stream.fail(new TextToSpeechError({ reason: "Disconnected", message: "the voice is gone" }))
    )
})

const silentVoice: TextToSpeechSession = { speak: (sentences) => Stream.drain(Stream.concat(sentences, Stream.never)) }

/** 200 ms of kept speech for each of some texts. */
const keptOf =
  (...texts: ReadonlyArray<string>) =>
  (text: string): Uint8Array | undefined =>
    texts.includes(text) ? new Uint8Array(1600).fill(7) : undefined

interface RunOptions {
  readonly speech?: TextToSpeechSession
  readonly kept?: (text: string) => Uint8Array | undefined
  readonly fillerWanted?: Effect.Effect<void>
}

/** Runs one reply to its end on a line of its own. */
const run = (words: Stream.Stream<string, { readonly message: string }>, options: RunOptions = {}) =>
  Effect.gen(function* () {
    const beganMs = yield* Clock.currentTimeMillis
    const sinceMs = Effect.map(Clock.currentTimeMillis, (now) => now - beganMs)
    const audibleMs: Array<number> = []
    const failedMs: Array<number> = []
    let sentBytes = 0
    const events: Array<CallEventBody> = []
    const failures: Array<string> = []
    const playout = yield* makePlayout(
      {
        media: (mulaw) => Effect.sync(() => void (sentBytes += mulaw.length)),
        mark: () => Effect.void,
        clear: Effect.void
      },
      defaultPlayoutSettings
    )
    const common = {
      epoch: 1,
      speech: options.speech ?? voice,
      kept: { find: options.kept ?? (() => undefined) },
      playout: yield* playout.begin(1),
      phrases: defaultPhrases,
      deadlines,
      tell: (event: CallEventBody) =>
        Effect.map(sinceMs, (ms) => {
          events.push(event)
          if (event._tag === "Audible") audibleMs.push(ms)
        }),
      failed: (stage: string, error: { readonly message: string }) =>
        Effect.map(sinceMs, (ms) => {
          failures.push(`${stage}: ${error.message}`)
          failedMs.push(ms)
        }),
      news: { onAudible: Effect.void, onEnding: Effect.void }
    }
    yield* playout.release(1)
    const { fillerWanted = Effect.never } = options
    const fiber = yield* Effect.forkChild(reply({ ...common, words, fillerWanted }))
    for (let i = 0; i < 60; i++) {
      yield* settle
      yield* TestClock.adjust("200 millis")
    }
    yield* settle
    const { said } = yield* Fiber.join(fiber)
    const sentences = events.flatMap((event) => (event._tag === "Sentence" ? [event.text] : []))
    const heard = yield* playout.stop(1)
    return { said, sentences, failures, events, sentBytes, audibleMs, failedMs, heard, common }
  })

const broken = Stream.fail({ message: "no answer" })

describe("a reply", () => {
  it.effect("says the words sentence by sentence and tells of each step once", () =>
    Effect.gen(function* () {
      const { events, failures, heard, sentences } = yield* run(Stream.make("Hello ", "there. How", " are you?"))
      assert.deepStrictEqual(sentences, ["Hello there.", "How are you?"])
      assert.deepStrictEqual(failures, [])
      assert.strictEqual(heard.text, "Hello there. How are you?")
      for (const tag of ["FirstToken", "FirstAudio", "Audible"]) {
        assert.strictEqual(events.filter((event) => event._tag === tag).length, 1, tag)
      }
    })
  )

  it.effect("says nothing, and tells so, when the model fails", () =>
    Effect.gen(function* () {
      const { failures, said, sentBytes } = yield* run(broken)
      assert.isFalse(said)
      assert.strictEqual(sentBytes, 0)
      assert.deepStrictEqual(failures, ["language model: no answer"])
    })
  )

  it.effect("says that it broke off when the model fails in the middle", () =>
    Effect.gen(function* () {
      const { sentences } = yield* run(Stream.concat(Stream.make("The first thing is. And the sec"), broken))
      assert.deepStrictEqual(sentences, ["The first thing is.", "And the sec", defaultPhrases.brokeOff])
    })
  )

  it.effect("says nothing, and tells so, when there is nothing in the answer to be said", () =>
    Effect.gen(function* () {
      const { said, sentences } = yield* run(Stream.make("🎉"))
      assert.isFalse(said)
      assert.deepStrictEqual(sentences, [])
    })
  )

  it.effect("says nothing, and tells so, when the voice fails before its first sound", () =>
    Effect.gen(function* () {
      const { failures, said, sentBytes } = yield* run(Stream.make("Hello there."), {
        speech: failingVoice(0),
        kept: keptOf(defaultPhrases.brokeOff)
      })
      assert.isFalse(said)
      assert.deepStrictEqual(failures, ["text to speech: the voice is gone"])
      assert.strictEqual(sentBytes, 0)
    })
  )

  it.effect("says that it broke off when the voice fails in the middle, after what was said", () =>
    Effect.gen(function* () {
      const { heard, said, sentBytes } = yield* run(Stream.make("Hello there. ", "How are you?"), {
        speech: failingVoice(1),
        kept: keptOf(defaultPhrases.brokeOff)
      })
      assert.isTrue(said)
      assert.isAbove(sentBytes, 1600)
      assert.include(heard.text, defaultPhrases.brokeOff)
    })
  )

  describe("when its voice breaks off", () => {
    /** In the voice's own pace. */
    const kept = (text: string) =>
      text === defaultPhrases.brokeOff ? new Uint8Array((text.length / 15) * 8000) : undefined
    const first = "It is ten minutes on foot from here to the station."
    const words = Stream.make(first)
    const gone = new TextToSpeechError({ reason: "Disconnected", message: "the voice is gone" })

    /** A piece of the first sentence, which would take 3.4 s. */
    const piece = (ms: number, brokeOff?: "surely" | "perhaps") => ({
      sentence: 0,
      samples: new Int16Array(24 * ms).fill(1000),
      sampleRate: 24_000,
      ...(brokeOff === undefined ? {} : { brokeOff })
    })
    /** Says so much of the first sentence, and what comes then. */
    const voiceThat = (
      pieces: ReadonlyArray<SpeechAudio>,
      then: Stream.Stream<never, TextToSpeechError>
    ): TextToSpeechSession => ({
      speak: (sentences) => Stream.concat(Stream.drain(sentences), Stream.concat(Stream.fromIterable(pieces), then))
    })
    const inPart = `It is ten minutes ${defaultPhrases.brokeOff}`
    const whole = `${first} ${defaultPhrases.brokeOff}`

    const cases = [
      ["fails and does not say how far it got", [piece(1300)], Stream.fail(gone), inPart, "the voice is gone"],
      [
        "fails and says that it broke off",
        [piece(1300), piece(0, "surely")],
        Stream.fail(gone),
        inPart,
        "the voice is gone"
      ],
      ["fails when all may have been said", [piece(3000)], Stream.fail(gone), whole, "the voice is gone"],
      ["goes quiet", [piece(1300)], Stream.never, inPart, "no more speech came within 3 s"],
      ["ends in the middle", [piece(1300, "surely")], Stream.empty, inPart, "the last sentence broke off"]
    ] as const
    for (const [name, pieces, then, heard, failure] of cases) {
      it.effect(`remembers what there was of it if it ${name}`, () =>
        Effect.gen(function* () {
          const result = yield* run(words, { speech: voiceThat(pieces, then), kept })
          assert.isTrue(result.said)
          assert.strictEqual(result.heard.answer, heard)
          assert.deepStrictEqual(result.failures, [`text to speech: ${failure}`])
        })
      )
    }

    it.effect("ends when all may have been said and only the end is not told", () =>
      Effect.gen(function* () {
        const { failures, heard, said } = yield* run(words, { speech: voiceThat([piece(3000)], Stream.never), kept })
        assert.isTrue(said)
        assert.strictEqual(heard.answer, first)
        assert.deepStrictEqual(failures, [])
      })
    )

    it.effect("does not take waiting for words for it", () =>
      Effect.gen(function* () {
        const late = Stream.fromEffect(Effect.delay(Effect.succeed("And by bus it is four."), "8 seconds"))
        const { failures, heard } = yield* run(Stream.concat(Stream.make(`${first} `), late), { kept })
        assert.strictEqual(heard.answer, `${first} And by bus it is four.`)
        assert.deepStrictEqual(failures, [])
      })
    )
  })

  it.effect("gives up on a voice that says nothing", () =>
    Effect.gen(function* () {
      const { failures, said, sentBytes } = yield* run(Stream.make("Hello there."), { speech: silentVoice })
      assert.isFalse(said)
      assert.deepStrictEqual(failures, ["text to speech: no speech came within 3 s"])
      assert.strictEqual(sentBytes, 0)
    })
  )
})

describe("a filler", () => {
  const slowly = (millis: number, text = "Hello there.") =>
    Stream.fromEffect(Effect.delay(Effect.succeed(text), Duration.millis(millis)))
  const wanted = Effect.sleep("1 second")
  const kept = keptOf(defaultPhrases.filler)

  it.effect("goes ahead of an answer that is late", () =>
    Effect.gen(function* () {
      const { audibleMs, heard, sentences } = yield* run(slowly(3000), { kept, fillerWanted: wanted })
      assert.deepStrictEqual(sentences, [defaultPhrases.filler, "Hello there."])
      assert.deepInclude(heard, { text: `${defaultPhrases.filler} Hello there.`, answer: "Hello there." })
      assert.deepStrictEqual(audibleMs, [1000])
    })
  )

  it.effect("is not said when the answer comes before it is wanted, or when nothing was kept", () =>
    Effect.gen(function* () {
      const inTime = yield* run(slowly(900), { kept, fillerWanted: wanted })
      assert.deepStrictEqual(inTime.sentences, ["Hello there."])
      const nothingKept = yield* run(slowly(3000), { fillerWanted: wanted })
      assert.deepStrictEqual(nothingKept.sentences, ["Hello there."])
    })
  )

  it.effect("is said once, and to its end, whatever becomes of the answer", () =>
    Effect.gen(function* () {
      const gone = new TextToSpeechError({ reason: "Disconnected", message: "the voice is gone" })
      const failsLate: TextToSpeechSession = {
        speak: (sentences) => Stream.concat(Stream.drain(sentences), Stream.fail(gone))
      }
      for (const speech of [silentVoice, failsLate]) {
        const { heard, said, sentences } = yield* run(slowly(1050), { speech, kept, fillerWanted: wanted })
        assert.isFalse(said)
        assert.strictEqual(sentences[0], defaultPhrases.filler)
        assert.deepInclude(heard, { text: defaultPhrases.filler, answer: "" })
      }
      const { heard, said } = yield* run(Stream.concat(Stream.drain(slowly(1050)), broken), {
        kept,
        fillerWanted: wanted
      })
      assert.isFalse(said)
      assert.deepInclude(heard, { text: defaultPhrases.filler, answer: "" })
    })
  )

  it.effect("does not give the voice more time", () =>
    Effect.gen(function* () {
      const { events, failedMs } = yield* run(Stream.make("Hello there."), {
        speech: silentVoice,
        kept,
        fillerWanted: wanted
      })
      assert.isTrue(events.some((event) => event._tag === "Audible"))
      assert.deepStrictEqual(failedMs, [3000])
    })
  )
})

it.effect("a fixed reply that is kept needs no voice", () =>
  Effect.gen(function* () {
    const { common } = yield* run(Stream.empty)
    let sent = 0
    const playout = yield* makePlayout(
      { media: (mulaw) => Effect.sync(() => void (sent += mulaw.length)), mark: () => Effect.void, clear: Effect.void },
      defaultPlayoutSettings
    )
    const track = yield* playout.begin(2)
    yield* playout.release(2)
    const kept = { find: () => new Uint8Array(800).fill(3) }
    const fiber = yield* Effect.forkChild(
      fixedReply({ ...common, epoch: 2, playout: track, kept, speech: failingVoice(0) }, "Hi.")
    )
    yield* settle
    assert.strictEqual(sent, 800)
    yield* TestClock.adjust("5 seconds")
    yield* settle
    yield* Fiber.join(fiber)
    assert.deepInclude(yield* playout.stop(2), { text: "Hi." })
  })
)

it.effect("a fixed reply that is kept by the time its voice has failed is said after all", () =>
  Effect.gen(function* () {
    const { common } = yield* run(Stream.empty)
    const playout = yield* makePlayout(
      { media: () => Effect.void, mark: () => Effect.void, clear: Effect.void },
      defaultPlayoutSettings
    )
    const track = yield* playout.begin(2)
    yield* playout.release(2)
    let made = false
    const kept = { find: () => (made ? new Uint8Array(800).fill(3) : undefined) }
    const fiber = yield* Effect.forkChild(
      fixedReply({ ...common, epoch: 2, playout: track, kept, speech: silentVoice }, "Hi there. How can I help?")
    )
    yield* settle
    made = true
    yield* TestClock.adjust("10 seconds")
    yield* settle
    assert.deepStrictEqual(yield* Fiber.join(fiber), { said: true })
    const { generated, text } = yield* playout.stop(2)
    assert.deepStrictEqual([text, generated], ["Hi there. How can I help?", "Hi there. How can I help?"])
  })
)
