/** Second choices: what is asked when a service fails, and that nothing is lost on the way. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Layer, Schedule, type Scope, Stream } from "effect"
import type * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import { TestClock } from "effect/testing"
import * as Circuit from "../../src/layers/Circuit.ts"
import * as FallbackLanguageModel from "../../src/layers/FallbackLanguageModel.ts"
import * as FallbackSpeechToText from "../../src/layers/FallbackSpeechToText.ts"
import * as FallbackTextToSpeech from "../../src/layers/FallbackTextToSpeech.ts"
import { SpeechToTextError, TextToSpeechError } from "../../src/schema/Errors.ts"
import { SpeechToText, type SpeechToTextSession } from "../../src/services/SpeechToText.ts"
import { TextToSpeech, type TextToSpeechSession } from "../../src/services/TextToSpeech.ts"
import { type LanguageModelReply, scriptedLanguageModel } from "../../src/testing/ScriptedLanguageModel.ts"

const patience = Duration.seconds(1)
const settings: Circuit.CircuitSettings = { failures: 2, windowMs: 60_000, openMs: 30_000 }

/** Runs an effect to its end, a tenth of a second at a time. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* Effect.forkScoped(Effect.repeat(TestClock.adjust("100 millis"), Schedule.forever))
    return yield* Fiber.join(fiber)
  })

describe("a language model with a second choice", () => {
  const make = Effect.fnUntraced(function* (...replies: ReadonlyArray<LanguageModelReply | string>) {
    const asked: Array<number> = []
    const candidates = yield* Effect.forEach(replies, (reply, index) =>
      Effect.gen(function* () {
        const scripted = scriptedLanguageModel({
          replies: () => {
            asked.push(index)
            return reply
          }
        })
        const model = Context.get(yield* Layer.build(scripted), LanguageModel.LanguageModel)
        return { model, circuit: yield* Circuit.make(`model ${index}`, settings), patience }
      })
    )
    const [first, ...others] = candidates
    assert(first !== undefined)
    return { asked, model: FallbackLanguageModel.make(first, ...others) }
  })

  const wordsOf = (model: LanguageModel.LanguageModel): Effect.Effect<string, AiError.AiError, Scope.Scope> =>
    inTime(
      Stream.runFold(
        model.streamText({ prompt: "hello" }),
        () => "",
        (words, part) => words + (part.type === "text-delta" ? part.delta : "")
      )
    )

  it.effect("asks only the first one while it answers", () =>
    Effect.gen(function* () {
      const { asked, model } = yield* make("From the first one.", "From the second one.")
      assert.strictEqual(yield* wordsOf(model), "From the first one.")
      assert.deepStrictEqual(asked, [0])
    })
  )

  for (const fault of [{ kind: "refuse" }, { kind: "hang" }, { kind: "stall", afterTokens: 0 }] as const) {
    it.effect(`asks the second one when the first one does this: ${fault.kind}`, () =>
      Effect.gen(function* () {
        const { asked, model } = yield* make({ text: "Never.", fault }, "From the second one.")
        assert.strictEqual(yield* wordsOf(model), "From the second one.")
        assert.deepStrictEqual(asked, [0, 1])
      })
    )
  }

  it.effect("does not begin again what was begun", () =>
    Effect.gen(function* () {
      const { asked, model } = yield* make({ text: "One two.", fault: { kind: "cut", afterTokens: 1 } }, "No.")
      yield* Effect.flip(wordsOf(model))
      assert.deepStrictEqual(asked, [0])
    })
  )

  it.effect("leaves alone what keeps failing, for all calls, and fails when nobody is left to be asked", () =>
    Effect.gen(function* () {
      const { asked, model } = yield* make({ fault: { kind: "refuse" } }, "From the second one.")
      for (let n = 0; n < 4; n++) yield* wordsOf(model)
      assert.deepStrictEqual(asked, [0, 1, 0, 1, 1, 1])
      const alone = yield* make({ fault: { kind: "hang" } })
      for (let n = 0; n < 4; n++) yield* Effect.flip(wordsOf(alone.model))
      assert.deepStrictEqual(alone.asked, [0, 0])
    })
  )
})

describe("recognition with a second choice", () => {
  type Answer = (segment: number, level: number) => Effect.Effect<string, SpeechToTextError>

  /** A recogniser that tells what it heard: the sum of each segment's samples. */
  const make = Effect.fnUntraced(function* (...answers: ReadonlyArray<Answer>) {
    const opened: Array<number> = []
    const closed: Array<number> = []
    const candidates = yield* Effect.forEach(answers, (answer, index) =>
      Effect.map(Circuit.make(`recogniser ${index}`, settings), (circuit) => {
        const open = Effect.gen(function* () {
          opened.push(index)
          yield* Effect.addFinalizer(() => Effect.sync(() => void closed.push(index)))
          const heard = new Map<number, number>()
          const append = (segment: number, samples: Int16Array): void => {
            // As the real one: a segment that was not ended is dropped when the next one begins.
            if (!heard.has(segment)) for (const id of heard.keys()) if (id < segment && !ended.has(id)) heard.delete(id)
            heard.set(segment, (heard.get(segment) ?? 0) + samples.reduce((sum, sample) => sum + sample, 0))
          }
          return {
            append: (segment, samples) => Effect.sync(() => append(segment, samples)),
            appendUnsafe: append,
            commit: (segment) =>
              Effect.suspend(() => {
                ended.add(segment)
                return answer(segment, heard.get(segment) ?? 0)
              }),
            discard: (segment) => Effect.sync(() => void heard.delete(segment)),
            interims: Stream.make({ segment: 0, text: `from ${index}` })
          } satisfies SpeechToTextSession
        })
        const ended = new Set<number>()
        return { service: { open }, circuit, patience }
      })
    )
    const service = Context.get(yield* Layer.build(FallbackSpeechToText.layer(candidates)), SpeechToText)
    return { session: yield* service.open, service, opened, closed }
  })

  const works: Answer = (segment, level) => Effect.delay(Effect.succeed(`${segment}: ${level}`), "200 millis")
  const gone = new SpeechToTextError({ reason: "Disconnected", message: "gone" })
  const fails: Answer = () => Effect.fail(gone)
  const hangs: Answer = () => Effect.never
  const say = (session: SpeechToTextSession, segment: number, ...levels: ReadonlyArray<number>) =>
    Effect.forEach(levels, (level) => session.append(segment, Int16Array.of(level)), { discard: true })

  for (const [name, first] of Object.entries({ fails, hangs })) {
    it.effect(`says a segment again to the second one when the first one ${name}, and stays with it`, () =>
      Effect.gen(function* () {
        const { closed, opened, session } = yield* make(first, works)
        yield* say(session, 1, 10, 20, 30)
        assert.strictEqual(yield* inTime(session.commit(1)), "1: 60")
        yield* say(session, 2, 5)
        assert.strictEqual(yield* inTime(session.commit(2)), "2: 5")
        assert.deepStrictEqual(opened, [0, 1])
        assert.deepStrictEqual(closed, [0])
      })
    )
  }

  it.effect("takes along what was heard without an effect, too", () =>
    Effect.gen(function* () {
      const { session } = yield* make(fails, works)
      session.appendUnsafe?.(1, Int16Array.of(10))
      session.appendUnsafe?.(1, Int16Array.of(20))
      assert.strictEqual(yield* inTime(session.commit(1)), "1: 30")
      session.appendUnsafe?.(2, Int16Array.of(5))
      assert.strictEqual(yield* inTime(session.commit(2)), "2: 5")
    })
  )

  it.effect("takes segments along that wait for their words and one that is still open", () =>
    Effect.gen(function* () {
      const { session } = yield* make(hangs, works)
      yield* say(session, 1, 10)
      const first = yield* Effect.forkChild(session.commit(1))
      yield* Effect.yieldNow
      yield* say(session, 2, 20)
      const second = yield* Effect.forkChild(session.commit(2))
      yield* Effect.yieldNow
      yield* say(session, 3, 7)
      assert.deepStrictEqual(yield* inTime(Effect.all([Fiber.join(first), Fiber.join(second)])), ["1: 10", "2: 20"])
      yield* say(session, 3, 8)
      assert.strictEqual(yield* inTime(session.commit(3)), "3: 15")
    })
  )

  it.effect("fails when nobody is left, and at once when that has happened often enough", () =>
    Effect.gen(function* () {
      const { service, session } = yield* make(fails)
      for (const segment of [1, 2, 3]) {
        yield* say(session, segment, 1)
        const error = yield* Effect.flip(session.commit(segment))
        assert.strictEqual(error.reason, segment < 3 ? "Disconnected" : "Overloaded")
      }
      const another = yield* service.open
      yield* say(another, 1, 1)
      assert.strictEqual((yield* Effect.flip(another.commit(1))).reason, "Overloaded")
    })
  )

  it.effect("begins a call with the second one while the first one is left alone", () =>
    Effect.gen(function* () {
      const { opened, service, session } = yield* make(fails, works)
      yield* say(session, 1, 1)
      yield* inTime(session.commit(1))
      const other = yield* service.open
      yield* say(other, 1, 1)
      yield* inTime(other.commit(1))
      yield* service.open
      assert.deepStrictEqual(opened, [0, 1, 0, 1, 1])
    })
  )

  it.effect("gives up on a segment with whoever asked", () =>
    Effect.gen(function* () {
      let interrupted = false
      const { session } = yield* make(() =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true)))
      )
      yield* say(session, 1, 1)
      const fiber = yield* Effect.forkChild(session.commit(1))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.isTrue(interrupted)
    })
  )
})

describe("a voice with a second choice", () => {
  type Speak = TextToSpeechSession["speak"]

  const make = Effect.fnUntraced(function* (...voices: ReadonlyArray<Speak>) {
    const candidates = yield* Effect.forEach(voices, (speak, index) =>
      Effect.map(Circuit.make(`voice ${index}`, settings), (circuit) => ({
        service: { open: Effect.succeed({ speak }) },
        circuit,
        patience
      }))
    )
    const service = Context.get(yield* Layer.build(FallbackTextToSpeech.layer(candidates)), TextToSpeech)
    return yield* service.open
  })

  const gone = new TextToSpeechError({ reason: "Disconnected", message: "gone" })

  /** Speaks at the usual rate; the audio's level is the voice, and it fails after so much of a sentence. */
  const voice =
    (level: number, failsIn?: { readonly sentence: number; readonly share: number }): Speak =>
    (sentences) =>
      sentences.pipe(
        Stream.zipWithIndex,
        Stream.flatMap(([text, sentence]) => {
          const whole = Math.round((text.length / 15) * 8000)
          const share = failsIn?.sentence === sentence ? failsIn.share : 1
          const audio = { sentence, sampleRate: 8000, samples: new Int16Array(Math.round(whole * share)).fill(level) }
          const said = audio.samples.length === 0 ? Stream.empty : Stream.make(audio)
          return share < 1 ? Stream.concat(said, Stream.fail(gone)) : said
        })
      )

  const said = (session: TextToSpeechSession, ...texts: ReadonlyArray<string>) =>
    inTime(
      Effect.map(Stream.runCollect(session.speak(Stream.fromIterable(texts))), (pieces) =>
        pieces.map(({ samples, sentence }) => [sentence, samples[0]])
      )
    )

  it.effect("uses only the first one while it speaks", () =>
    Effect.gen(function* () {
      const session = yield* make(voice(1), voice(2))
      assert.deepStrictEqual(yield* said(session, "One.", "Two."), [
        [0, 1],
        [1, 1]
      ])
    })
  )

  it.effect("has the second one say what the first one did not, and stays with it", () =>
    Effect.gen(function* () {
      const session = yield* make(voice(1, { sentence: 1, share: 0 }), voice(2))
      assert.deepStrictEqual(yield* said(session, "One.", "Two.", "Three."), [
        [0, 1],
        [1, 2],
        [2, 2]
      ])
      assert.deepStrictEqual(yield* said(session, "Four."), [[0, 2]])
    })
  )

  it.effect("says a sentence again that was hardly begun, and not one that was nearly said", () =>
    Effect.gen(function* () {
      const hardly = yield* make(voice(1, { sentence: 1, share: 0.2 }), voice(2))
      assert.deepStrictEqual(yield* said(hardly, "One.", "Two.", "Three."), [
        [0, 1],
        [1, 1],
        [1, 2],
        [2, 2]
      ])
      const nearly = yield* make(voice(1, { sentence: 1, share: 0.9 }), voice(2))
      assert.deepStrictEqual(yield* said(nearly, "One.", "Two.", "Three."), [
        [0, 1],
        [1, 1],
        [2, 2]
      ])
    })
  )

  it.effect("does not wait for one that says nothing, and loses no sentence of a slow text", () =>
    Effect.gen(function* () {
      const deaf: Speak = (sentences) => Stream.drain(Stream.concat(sentences, Stream.never))
      const session = yield* make(deaf, voice(2))
      const slowly = Stream.fromIterable(["One.", "Two.", "Three."]).pipe(
        Stream.mapEffect((text) => Effect.delay(Effect.succeed(text), "700 millis"))
      )
      const pieces = yield* inTime(Stream.runCollect(session.speak(slowly)))
      assert.deepStrictEqual(
        pieces.map(({ samples, sentence }) => [sentence, samples[0]]),
        [
          [0, 2],
          [1, 2],
          [2, 2]
        ]
      )
    })
  )

  it.effect("fails when nobody is left, and with the text's own error when that fails", () =>
    Effect.gen(function* () {
      const alone = yield* make(voice(1, { sentence: 0, share: 0 }))
      for (const reason of ["Disconnected", "Disconnected", "Overloaded"]) {
        assert.strictEqual((yield* Effect.flip(said(alone, "One."))).reason, reason)
      }
      const session = yield* make(voice(1), voice(2))
      const broken = Stream.concat(Stream.make("One."), Stream.fail("no more text" as const))
      assert.strictEqual(yield* inTime(Effect.flip(Stream.runDrain(session.speak(broken)))), "no more text")
    })
  )
})
