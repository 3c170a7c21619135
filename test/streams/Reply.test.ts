import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type CallEventBody } from "../../src/schema/CallEvent.ts"
import { TextToSpeechError } from "../../src/schema/Errors.ts"
import { defaultPhrases } from "../../src/schema/Phrases.ts"
import { type TextToSpeechSession } from "../../src/services/TextToSpeech.ts"
import { defaultPlayoutSettings, makePlayout } from "../../src/streams/Playout.ts"
import { fixedReply, reply } from "../../src/streams/Reply.ts"
import { settle } from "../support/Settle.ts"

const deadlines = {
  transcript: Duration.seconds(1),
  firstToken: Duration.seconds(5),
  stall: Duration.seconds(4),
  firstAudio: Duration.seconds(3)
}

/** Says 100 ms for every sentence. */
const voice: TextToSpeechSession = {
  speak: (sentences) =>
    Stream.map(Stream.zipWithIndex(sentences), ([, sentence]) => ({
      sentence,
      samples: new Int16Array(2400).fill(1000),
      sampleRate: 24000
    }))
}

const failingVoice = (afterSentences: number): TextToSpeechSession => ({
  speak: (sentences) =>
    Stream.concat(
      Stream.take(voice.speak(sentences), afterSentences),
      Stream.fail(new TextToSpeechError({ reason: "Disconnected", message: "the voice is gone" }))
    )
})

const silentVoice: TextToSpeechSession = { speak: (sentences) => Stream.drain(Stream.concat(sentences, Stream.never)) }

/** Runs one reply to its end on a line of its own. */
const run = (
  words: Stream.Stream<string, { readonly message: string }>,
  options: { readonly speech?: TextToSpeechSession; readonly kept?: (text: string) => Uint8Array | undefined } = {}
) =>
  Effect.gen(function* () {
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
      tell: (event: CallEventBody) => Effect.sync(() => void events.push(event)),
      failed: (stage: string, error: { readonly message: string }) =>
        Effect.sync(() => void failures.push(`${stage}: ${error.message}`)),
      news: { onAudible: Effect.void, onEnding: Effect.void }
    }
    yield* playout.release(1)
    const fiber = yield* Effect.forkChild(reply({ ...common, words }))
    for (let i = 0; i < 60; i++) {
      yield* settle
      yield* TestClock.adjust("200 millis")
    }
    yield* settle
    yield* Fiber.join(fiber)
    const sentences = events.flatMap((event) => (event._tag === "Sentence" ? [event.text] : []))
    return { sentences, failures, events, sentBytes, heard: yield* playout.stop(1), common }
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

  it.effect("says that there is no answer when the model fails", () =>
    Effect.gen(function* () {
      const { failures, sentences } = yield* run(broken)
      assert.strictEqual(sentences.join(" "), defaultPhrases.noAnswer)
      assert.deepStrictEqual(failures, ["language model: no answer"])
    })
  )

  it.effect("says that it broke off when the model fails in the middle", () =>
    Effect.gen(function* () {
      const { sentences } = yield* run(Stream.concat(Stream.make("The first thing is. And the sec"), broken))
      assert.deepStrictEqual(sentences, ["The first thing is.", "And the sec", defaultPhrases.brokeOff])
    })
  )

  it.effect("says that there is no answer when there was nothing to say in it", () =>
    Effect.gen(function* () {
      const { sentences } = yield* run(Stream.make("🎉"))
      assert.strictEqual(sentences.join(" "), defaultPhrases.noAnswer)
    })
  )

  it.effect("says what was kept when the voice fails", () =>
    Effect.gen(function* () {
      const kept = new Map([[defaultPhrases.noAnswer, new Uint8Array(1600).fill(7)]])
      const { failures, heard, sentBytes } = yield* run(Stream.make("Hello there."), {
        speech: failingVoice(0),
        kept: (text) => kept.get(text)
      })
      assert.deepStrictEqual(failures, ["text to speech: the voice is gone"])
      assert.strictEqual(sentBytes, 1600)
      assert.include(heard.text, defaultPhrases.noAnswer)
    })
  )

  it.effect("says that it broke off when the voice fails in the middle, after what was said", () =>
    Effect.gen(function* () {
      const kept = new Map([[defaultPhrases.brokeOff, new Uint8Array(1600).fill(7)]])
      const { heard, sentBytes } = yield* run(Stream.make("Hello there. ", "How are you?"), {
        speech: failingVoice(1),
        kept: (text) => kept.get(text)
      })
      assert.isAbove(sentBytes, 1600)
      assert.include(heard.text, defaultPhrases.brokeOff)
    })
  )

  it.effect("gives up on a voice that says nothing", () =>
    Effect.gen(function* () {
      const { failures, sentBytes } = yield* run(Stream.make("Hello there."), { speech: silentVoice })
      assert.deepStrictEqual(failures, ["text to speech: no speech came within 3 s"])
      assert.strictEqual(sentBytes, 0)
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
