import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, Stream } from "effect"
import { type SpeechAudio } from "../../src/services/TextToSpeech.ts"
import {
  type TtsEmulator,
  type TtsEmulatorScript,
  TtsConnectionFault,
  TtsItemFault
} from "../../src/testing/TtsEmulator.ts"
import {
  collecting,
  heard,
  KEY,
  openSession,
  samplesBySentence,
  sameSamples,
  speech,
  type Synthesis,
  textsOf,
  withEmulator,
  withLogs
} from "../support/Synthesis.ts"

const texts = ["Good morning to you.", "How can I help?", "Take your time."] as const

/** Texts that were committed, with their contexts. */
const committed = (tts: TtsEmulator) =>
  Effect.map(tts.events, (events) =>
    events.flatMap((event) => (event._tag === "Committed" ? [`${event.context} ${event.text}`] : []))
  )

/** Gives each text this fault the first time it is said, or every time. */
const faults = (byText: Readonly<Record<string, TtsItemFault>>, always = false) => {
  const seen = new Set<string>()
  return ({ text }: { readonly text: string }): TtsItemFault | undefined => {
    if (seen.has(text) && !always) return undefined
    seen.add(text)
    return byText[text]
  }
}

/** Checks that all was said but the end of the second text. */
const assertCutShort = (audio: ReadonlyArray<SpeechAudio>) => {
  const [first, second, third] = samplesBySentence(audio)
  assert.isTrue(sameSamples(first, speech(texts[0])))
  const whole = speech(texts[1])
  const length = second?.length ?? 0
  assert.isAbove(length, 0)
  assert.isBelow(length, whole.length)
  assert.isTrue(sameSamples(second, whole.slice(0, length)))
  assert.isTrue(sameSamples(third, speech(texts[2])))
}

describe("interrupting a reply", () => {
  const scripts: Readonly<Record<string, TtsEmulatorScript>> = {
    "that stops at once": {},
    "that still sends audio it had ready": { lateDeltas: 5 },
    "that does not answer": { acknowledgeCancel: false, lateDeltas: 5 },
    "that names no context on done": { contextIds: "not done", lateDeltas: 5 }
  }
  for (const [name, script] of Object.entries(scripts)) {
    it.live(`cancels it and goes on with the next one, on a service ${name}`, () =>
      withEmulator(
        { ...script, itemFault: faults({ [texts[1]]: TtsItemFault.Stall({ afterMs: 300 }) }) },
        ({ session, tts }) =>
          Effect.gen(function* () {
            const { audio, fiber } = yield* collecting(session.speak(Stream.fromIterable(texts)))
            yield* tts.awaitEvent("Delta", ({ item }) => item === 1)
            yield* Fiber.interrupt(fiber)
            const told = audio.length
            const next = yield* Effect.forkChild(heard(session, ["Pardon?", "I see."]))
            yield* tts.awaitEvent("Cancelled", ({ context }) => context === "r1")
            assert.deepStrictEqual(yield* Fiber.join(next), ["Pardon?", "I see."])
            assert.strictEqual(audio.length, told)
            assert.strictEqual((yield* tts.awaitEvent("Asked")).connection, 0)
            assert.isFalse((yield* tts.events).some((event) => event._tag === "Closed"))
          })
      )
    )
  }

  it.live("takes another connection where audio does not say whose it is", () =>
    withEmulator(
      { contextIds: "none", lateDeltas: 5, itemFault: faults({ [texts[1]]: TtsItemFault.Stall({ afterMs: 300 }) }) },
      ({ session, tts }) =>
        Effect.gen(function* () {
          const { fiber } = yield* collecting(session.speak(Stream.fromIterable(texts)))
          yield* tts.awaitEvent("Delta", ({ item }) => item === 1)
          yield* Fiber.interrupt(fiber)
          assert.deepStrictEqual(yield* heard(session, ["Pardon?", "I see."]), ["Pardon?", "I see."])
          const { code } = yield* tts.awaitEvent("Closed", ({ connection }) => connection === 0)
          assert.strictEqual(code, 1000)
        })
    )
  )

  it.live("leaves no text behind that is still waiting", () =>
    withEmulator({ itemFault: () => TtsItemFault.Stall({}) }, ({ session, tts }) =>
      Effect.gen(function* () {
        let finished = false
        const endless = Stream.fromIterable(texts).pipe(
          Stream.concat(Stream.never),
          Stream.ensuring(Effect.sync(() => (finished = true)))
        )
        const { fiber } = yield* collecting(session.speak(endless))
        yield* tts.awaitEvent("Committed", ({ text }) => text === texts[2])
        yield* Fiber.interrupt(fiber)
        assert.isTrue(finished)
        yield* tts.awaitEvent("Cancelled")
      })
    )
  )
})

describe("a sentence that fails", () => {
  const error = { message: `cannot say "${texts[1]}"`, type: "server_error" }

  it.live("is said once more when nothing of it was heard", () =>
    withEmulator({ itemFault: faults({ [texts[1]]: TtsItemFault.Fail({ error }) }) }, ({ session, tts }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* heard(session, texts), [...texts])
        assert.deepStrictEqual(yield* committed(tts), [
          ...texts.map((text) => `r1 ${text}`),
          `r1.2 ${texts[1]}`,
          `r1.2 ${texts[2]}`
        ])
        yield* tts.awaitEvent("Cancelled", ({ context }) => context === "r1")
      })
    )
  )

  it.live("is left at that when some of it was heard", () =>
    withEmulator(
      { itemFault: faults({ [texts[1]]: TtsItemFault.Fail({ error, afterMs: 200 }) }, true) },
      ({ session }) =>
        Effect.gen(function* () {
          assertCutShort(yield* Stream.runCollect(session.speak(Stream.fromIterable(texts))))
        })
    )
  )

  it.live("fails the reply when it fails again, in words that do not repeat it", () =>
    withEmulator({ itemFault: faults({ [texts[1]]: TtsItemFault.Fail({ error }) }, true) }, ({ logs, session }) =>
      Effect.gen(function* () {
        const { audio, fiber } = yield* collecting(session.speak(Stream.fromIterable(texts)))
        const failure = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual(failure.reason, "Overloaded")
        assert.notInclude(failure.message, texts[1])
        // What the service said about it is in the log, but only where private things are.
        assert.strictEqual(logs.length, 2)
        for (const line of logs) {
          assert.match(line, /"pii\.said":"cannot say/)
          assert.notInclude(line.replace(/"pii\.said":"(?:[^"\\]|\\.)*"/, ""), texts[1])
        }
        assert.deepStrictEqual(textsOf(audio, texts), [texts[0]])
        // The next reply is none the worse for it.
        assert.deepStrictEqual(yield* heard(session, ["Pardon?"]), ["Pardon?"])
      })
    )
  )

  it.live("is said once more after an error that names no context", () =>
    withEmulator(
      { itemFault: faults({ [texts[1]]: TtsItemFault.Error({ error: { code: "no_healthy_workers" } }) }) },
      ({ session }) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* heard(session, texts), [...texts])
        })
    )
  )

  it.live("fails the reply at once when the voice is not known", () =>
    withEmulator(
      { itemFault: () => TtsItemFault.Fail({ error: { message: "Unknown voice", code: "voice_not_found" } }) },
      ({ session, tts }) =>
        Effect.gen(function* () {
          const failure = yield* Effect.flip(heard(session, texts))
          assert.strictEqual(failure.reason, "Rejected")
          assert.include(failure.message, "af_heart")
          assert.strictEqual((yield* committed(tts)).filter((each) => each.endsWith(texts[0])).length, 1)
        })
    )
  )
})

describe("a connection that is lost in the middle of a reply", () => {
  const losses: Readonly<Record<string, (afterMs: number | undefined) => TtsItemFault>> = {
    "is closed": (afterMs) => TtsItemFault.Close({ code: 1000, ...(afterMs === undefined ? {} : { afterMs }) }),
    breaks: (afterMs) => TtsItemFault.Cut(afterMs === undefined ? {} : { afterMs })
  }
  for (const [name, loss] of Object.entries(losses)) {
    it.live(`says what was not begun on the next one when it ${name} between sentences`, () =>
      withEmulator({ itemFault: faults({ [texts[1]]: loss(undefined) }) }, ({ session, tts }) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* heard(session, texts), [...texts])
          const again = (yield* tts.events).filter((event) => event._tag === "Committed" && event.connection === 1)
          assert.strictEqual(again.length, 2)
        })
      )
    )

    it.live(`goes on behind the sentence it was at when it ${name} in the middle of one`, () =>
      withEmulator({ itemFault: faults({ [texts[1]]: loss(200) }) }, ({ session }) =>
        Effect.gen(function* () {
          assertCutShort(yield* Stream.runCollect(session.speak(Stream.fromIterable(texts))))
        })
      )
    )
  }

  it.live("says a sentence again whose turn had not come when it went", () =>
    withEmulator({ firstAudio: ({ number }) => (number === 0 ? Effect.never : 0) }, ({ session, tts }) =>
      Effect.gen(function* () {
        const reply = yield* Effect.forkChild(heard(session, texts))
        yield* tts.awaitEvent("Began")
        yield* tts.cut
        assert.deepStrictEqual(yield* Fiber.join(reply), [...texts])
      })
    )
  )
})

describe("a service that does not want us", () => {
  const fails = (reason: string, { logs, session }: Synthesis) =>
    Effect.gen(function* () {
      const first = yield* Effect.flip(heard(session, texts))
      assert.strictEqual(first.reason, reason)
      assert.isFalse(first.retryable)
      const second = yield* Effect.flip(heard(session, texts))
      assert.strictEqual(second.reason, reason)
      assert.notInclude(first.message + String(first.cause) + logs.join(), KEY)
      return first
    })

  it.live("is not asked again when the key is wrong", () =>
    withEmulator({ apiKey: Redacted.make("another") }, (synthesis) =>
      Effect.gen(function* () {
        yield* fails("Unauthorized", synthesis)
        const asked = (yield* synthesis.tts.events).filter((event) => event._tag === "Asked")
        assert.strictEqual(asked.length, 1)
      })
    )
  )

  for (const [status, reason] of [
    [402, "QuotaExceeded"],
    [403, "Unauthorized"]
  ] as const) {
    it.live(`says why when it answers ${status}`, () =>
      withEmulator({ connectionFault: () => TtsConnectionFault.Refuse({ status }) }, (synthesis) =>
        fails(reason, synthesis)
      )
    )
  }

  it.live("says which model when it does not know it", () =>
    withEmulator({ models: ["another/model"] }, (synthesis) =>
      Effect.gen(function* () {
        const error = yield* fails("Rejected", synthesis)
        assert.include(error.message, "hexgrad/Kokoro-82M")
      })
    )
  )

  it.live("says which voice when it does not know it", () =>
    withEmulator({ voices: ["tara"] }, (synthesis) =>
      Effect.gen(function* () {
        const error = yield* fails("Rejected", synthesis)
        assert.include(error.message, "af_heart")
        assert.include(error.message, "voice_not_found")
      })
    )
  )

  for (const [name, fault] of [
    ["503", TtsConnectionFault.Refuse({ status: 503 })],
    ["429", TtsConnectionFault.Refuse({ status: 429 })],
    ["no healthy workers", TtsConnectionFault.CloseBeforeReady({ code: 4503, reason: "no_healthy_workers" })]
  ] as const) {
    it.live(`is asked again after ${name}, while the reply waits`, () =>
      withEmulator({ connectionFault: (connection) => (connection === 0 ? fault : undefined) }, ({ logs, session }) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* heard(session, texts), [...texts])
          assert.strictEqual(logs.length, 1)
          assert.include(logs[0], name === "429" ? "RateLimited" : "Overloaded")
        })
      )
    )
  }

  it.live("cannot be asked with a key that no header can hold", () =>
    withLogs((logs) =>
      Effect.gen(function* () {
        const session = yield* openSession(
          NodeWS.layerWebSocketConstructor,
          new URL("http://127.0.0.1:9/v1"),
          `${KEY}\n`
        )
        const error = yield* Effect.flip(heard(session, texts))
        assert.strictEqual(error.reason, "Rejected")
        assert.notInclude(error.message + logs.join(), KEY)
      })
    )
  )
})
