import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Queue, Redacted, Stream } from "effect"
import { type TtsEmulator, TtsItemFault } from "../../src/testing/TtsEmulator.ts"
import {
  collecting,
  heard,
  KEY,
  samplesBySentence,
  sameSamples,
  speech,
  textsOf,
  withEmulator
} from "../support/Synthesis.ts"

const texts = ["Good morning to you.", "How can I help?", "Take your time."] as const

/** Texts that were committed, with their contexts. */
const committed = (tts: TtsEmulator) =>
  Effect.map(tts.events, (events) =>
    events.flatMap((event) => (event._tag === "Committed" ? [`${event.context} ${event.text}`] : []))
  )

const connections = (tts: TtsEmulator) =>
  Effect.map(tts.events, (events) => events.filter((event) => event._tag === "Asked").length)

describe("the connection", () => {
  it.live("asks for the model, the voice and raw audio, with the key in a header", () =>
    withEmulator({ apiKey: Redacted.make(KEY) }, ({ session, tts }) =>
      Effect.gen(function* () {
        const { headers, query } = yield* tts.awaitEvent("Asked")
        assert.deepStrictEqual(query, {
          model: "hexgrad/Kokoro-82M",
          voice: "af_heart",
          response_format: "pcm",
          sample_rate: "24000",
          segment: "never"
        })
        assert.isString(headers["sec-websocket-key"])
        assert.deepStrictEqual(yield* heard(session, texts), texts)
      })
    )
  )

  it.live("is one for all replies of a call, and closed with 1000 at its end", () =>
    withEmulator({}, ({ open, tts }) =>
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const session = yield* open
            assert.deepStrictEqual(yield* heard(session, texts), texts)
            assert.deepStrictEqual(yield* heard(session, ["And another."]), ["And another."])
          })
        )
        const { by, code, connection } = yield* tts.awaitEvent("Closed")
        assert.deepStrictEqual({ by, code }, { by: "client", code: 1000 })
        const events = yield* tts.events
        assert.deepStrictEqual(
          events.flatMap((event) => (event._tag === "Committed" && event.connection !== connection ? [event] : [])),
          []
        )
      })
    )
  )

  it.live("is replaced in the background when it is lost between replies", () =>
    withEmulator({}, ({ session, tts }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* heard(session, texts), texts)
        yield* tts.hangUp(1000)
        yield* tts.awaitEvent("Ready", ({ connection }) => connection === 1)
        yield* tts.cut
        yield* tts.awaitEvent("Ready", ({ connection }) => connection === 2)
        assert.deepStrictEqual(yield* heard(session, texts), texts)
        assert.strictEqual(yield* connections(tts), 3)
      })
    )
  )

  it.live("is replaced before the service runs out of contexts", () =>
    withEmulator({ maxContexts: 100 }, ({ session, tts }) =>
      Effect.gen(function* () {
        for (let i = 0; i < 110; i++) assert.deepStrictEqual(yield* heard(session, [`${i}.`]), [`${i}.`])
        assert.strictEqual(yield* connections(tts), 2)
        const events = yield* tts.events
        assert.isFalse(events.some((event) => event._tag === "Violated"))
      })
    )
  )
})

describe("a reply", () => {
  it.live("is spoken in order and whole, each reply in a context of its own", () =>
    withEmulator({}, ({ session, tts }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* heard(session, texts), texts)
        assert.deepStrictEqual(yield* heard(session, ["Bye."]), ["Bye."])
        assert.deepStrictEqual(yield* committed(tts), [...texts.map((text) => `r1 ${text}`), "r2 Bye."])
      })
    )
  )

  it.live("sends the next sentence before the audio of the one before has begun", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      yield* withEmulator({ firstAudio: () => Deferred.await(gate) }, ({ session, tts }) =>
        Effect.gen(function* () {
          const reply = yield* Effect.forkChild(heard(session, texts))
          yield* tts.awaitEvent("Committed", ({ text }) => text === texts[2])
          assert.isFalse((yield* tts.events).some((event) => event._tag === "Delta"))
          yield* Deferred.succeed(gate, undefined)
          assert.deepStrictEqual(yield* Fiber.join(reply), texts)
        })
      )
    })
  )

  it.live("gives the audio of a sentence while the next one is not yet known", () =>
    withEmulator({}, ({ session, tts }) =>
      Effect.gen(function* () {
        const sentences = yield* Queue.unbounded<string, Cause.Done>()
        const { audio, fiber, piece } = yield* collecting(session.speak(Stream.fromQueue(sentences)))
        for (const [index, text] of texts.entries()) {
          Queue.offerUnsafe(sentences, text)
          yield* tts.awaitEvent("Spoken", ({ item }) => item === index)
          let samples = 0
          while (samples < speech(text).length) {
            const next = yield* piece
            assert.strictEqual(next.sentence, index)
            assert.strictEqual(next.sampleRate, 24_000)
            samples += next.samples.length
          }
        }
        Queue.endUnsafe(sentences)
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(textsOf(audio, texts), texts)
      })
    )
  )

  it.live("synthesises no further ahead than it is listened to", () =>
    withEmulator({}, ({ session, tts }) =>
      Effect.gen(function* () {
        const many = Array.from({ length: 24 }, (_, i) => `Text ${i}.`)
        let read = 0
        const sentences = Stream.fromIterable(many).pipe(Stream.tap(() => Effect.sync(() => read++)))
        // Nobody goes on after the first piece.
        const { fiber } = yield* collecting(session.speak(sentences).pipe(Stream.tap(() => Effect.never)))
        yield* tts.awaitEvent("Spoken", ({ item }) => item === 3)
        yield* Fiber.interrupt(fiber)
        yield* tts.awaitEvent("Cancelled")
        assert.strictEqual((yield* committed(tts)).length, 4)
        assert.isAtMost(read, 21)
        assert.deepStrictEqual(yield* heard(session, many), many)
      })
    )
  )

  it.live("ends when there is nothing to say", () =>
    withEmulator({}, ({ session, tts }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* heard(session, []), [])
        assert.deepStrictEqual(yield* heard(session, ["…", " "]), [])
        assert.deepStrictEqual(yield* committed(tts), [])
      })
    )
  )

  it.live("says what it was given before its text failed, and fails as the text did", () =>
    withEmulator({}, ({ session }) =>
      Effect.gen(function* () {
        const broken = Stream.concat(Stream.fromIterable(texts), Stream.fail("no more"))
        const { audio, fiber } = yield* collecting(session.speak(broken))
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === "no more")
        assert.deepStrictEqual(textsOf(audio, texts), texts)
      })
    )
  )

  it.live("fails when the call's session is over", () =>
    Effect.gen(function* () {
      const session = yield* Effect.scoped(withEmulator({}, ({ session }) => Effect.succeed(session)))
      const error = yield* Effect.flip(heard(session, texts))
      assert.strictEqual(error.reason, "Disconnected")
    })
  )
})

describe("whatever the service's audio looks like", () => {
  const looks = {
    "a header on the first delta of the connection": { header: "connection" },
    "a header on each item": { header: "item" },
    "a header cut in two": { header: "split" },
    "single bytes": { deltaBytes: [1, 1, 1, 4001], header: "item" },
    "even deltas": { deltaBytes: [960] },
    "binary frames": { binary: true },
    "no context ids": { contextIds: "none" },
    "no context ids on done": { contextIds: "not done" },
    "no item ids": { itemIds: "none" },
    neither: { itemIds: "none", contextIds: "none" },
    "item ids that count on through the connection": { itemIds: "connection" },
    "item ids that begin again with each commit": { itemIds: "commit" },
    "strange messages between": { strangeMessages: true },
    "pauses between deltas": { realTimeFactor: 0.05 }
  } as const

  for (const [name, script] of Object.entries(looks)) {
    it.live(`plays it whole and in order with ${name}`, () =>
      withEmulator(script, ({ session, tts }) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* heard(session, texts), texts)
          assert.deepStrictEqual(yield* heard(session, ["Once more."]), ["Once more."])
          assert.strictEqual(yield* connections(tts), 1)
        })
      )
    )
  }

  it.live("goes by the header's rate", () =>
    withEmulator({ header: "item", sampleRate: 16_000 }, ({ session }) =>
      Effect.gen(function* () {
        const audio = yield* Stream.runCollect(session.speak(Stream.fromIterable(texts)))
        assert.isTrue(audio.every(({ sampleRate }) => sampleRate === 16_000))
        assert.deepStrictEqual(textsOf(audio, texts), texts)
      })
    )
  )

  it.live("goes on after a sentence without audio", () =>
    withEmulator({ itemFault: ({ text }) => (text === texts[1] ? TtsItemFault.Silent() : undefined) }, ({ session }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* heard(session, texts), [texts[0], "nothing", texts[2]])
      })
    )
  )

  it.live("plays all items of a commit, and knows where the next sentence begins", () =>
    withEmulator({ pieces: (text) => text.split(/(?<=[.]) /), itemIds: "shared" }, ({ session }) =>
      Effect.gen(function* () {
        const [one, two, three] = ["I am afraid we are closed.", "Is there anything else?", "Let me know."] as const
        const { audio, fiber, piece } = yield* collecting(session.speak(Stream.make(`${one} ${two}`, three)))
        const both = Int16Array.of(...speech(one), ...speech(two))
        let missing = both.length + speech(three).length
        while (missing > 0) missing -= (yield* piece).samples.length
        const [first, second] = samplesBySentence(audio)
        assert.isTrue(sameSamples(first, both))
        assert.isTrue(sameSamples(second, speech(three)))
        yield* Fiber.interrupt(fiber)
      })
    )
  )
})
