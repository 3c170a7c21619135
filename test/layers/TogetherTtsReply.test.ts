import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type Habits, initialHabits } from "../../src/layers/TogetherTtsContext.ts"
import { LOOK_AHEAD, step } from "../../src/layers/TogetherTtsReply.ts"
import {
  deadline,
  defaultPatience as patience,
  initial,
  type ReplyInput,
  type ReplyOutput,
  type ReplyState
} from "../../src/layers/TogetherTtsReplyState.ts"
import { type FailureReason, TextToSpeechError } from "../../src/schema/Errors.ts"
import { encodeWav } from "../../src/streams/Wav.ts"

const failure = (reason: FailureReason) => new TextToSpeechError({ reason, message: reason })

/** Speech of this many seconds at 24 kHz. */
const seconds = (duration: number): Uint8Array => new Uint8Array(2 * Math.round(24_000 * duration))

/** 15 characters: a second of speech. */
const SECOND = "Fifteen letters"

/** A reply that is told things, and the time. What it wants to have done is noted as words. */
const makeReply = (habits: Habits = initialHabits) => {
  let state: ReplyState = initial("r1", habits)
  let now = 1000
  const noted: Array<string> = []
  const note = (output: ReplyOutput): void => {
    switch (output._tag) {
      case "Say":
        noted.push(`say ${output.context} ${output.text}`)
        break
      case "Cancel":
        noted.push(`cancel ${output.context}`)
        break
      case "Emit": {
        if (output.audio.brokeOff !== undefined) {
          noted.push(`broke off ${output.audio.sentence} ${output.audio.brokeOff}`)
          break
        }
        const ms = Math.round((output.audio.samples.length * 1000) / output.audio.sampleRate)
        noted.push(`emit ${output.audio.sentence} ${ms}`)
        break
      }
      case "Ended":
        noted.push("ended")
        break
      case "Failed":
        noted.push(`failed ${output.error.reason}`)
    }
  }
  const tell = (input: ReplyInput): void => {
    const [next, outputs] = step(state, input, now, patience)
    state = next
    outputs.forEach(note)
  }
  return {
    tell,
    say: (...texts: ReadonlyArray<string>) => texts.forEach((text) => tell({ _tag: "Text", text })),
    textEnded: () => tell({ _tag: "TextEnded" }),
    connected: () => tell({ _tag: "Connected" }),
    audio: (duration: number, item?: string, context = "r1") =>
      tell({ _tag: "Audio", context, item, bytes: seconds(duration) }),
    bytes: (bytes: Uint8Array, item?: string) => tell({ _tag: "Audio", context: "r1", item, bytes }),
    done: (item?: string, context = "r1") => tell({ _tag: "Done", context, item }),
    fails: (reason: FailureReason, context = "r1") =>
      tell({ _tag: "Failed", context, error: failure(reason), said: undefined }),
    lost: () => tell({ _tag: "Disconnected", error: failure("Disconnected") }),
    taken: (sentence: number) => tell({ _tag: "Taken", sentence }),
    /** Lets time pass, with the clock's ticks when they are due. */
    wait: (ms: number) => {
      const until = now + ms
      for (let due = deadline(state, patience); due !== undefined && due <= until; due = deadline(state, patience)) {
        if (noted.some((each) => each === "ended" || each.startsWith("failed"))) break
        now = Math.max(now, due)
        tell({ _tag: "Clock" })
      }
      now = until
    },
    /** What was noted since the last time. */
    noted: () => noted.splice(0),
    habits: () => state.context.habits
  }
}

/** One that is connected and was given its whole text. */
const speaking = (texts: ReadonlyArray<string>, habits?: Habits) => {
  const reply = makeReply(habits)
  reply.connected()
  reply.say(...texts)
  reply.textEnded()
  reply.noted()
  return reply
}

const learned = (reply: { readonly habits: () => Habits }): Habits => reply.habits()

describe("what is sent", () => {
  it("sends every sentence as soon as it is there, without waiting for the one before", () => {
    const reply = makeReply()
    reply.connected()
    reply.say("One.")
    reply.say("Two.")
    assert.deepStrictEqual(reply.noted(), ["say r1 One.", "say r1 Two."])
  })

  it("keeps sentences until there is a connection", () => {
    const reply = makeReply()
    reply.say("One.", "Two.")
    assert.deepStrictEqual(reply.noted(), [])
    reply.connected()
    assert.deepStrictEqual(reply.noted(), ["say r1 One.", "say r1 Two."])
  })

  it("passes over what has nothing to say, and keeps the positions of the rest", () => {
    const reply = speaking(["…", "One.", "", " - ", "Two.", "🙂"])
    reply.audio(0.3, "a")
    reply.done("a")
    reply.audio(0.3, "b")
    reply.done("b")
    assert.deepStrictEqual(reply.noted(), ["emit 1 300", "emit 4 300", "ended"])
    const silent = makeReply()
    silent.say("…")
    silent.textEnded()
    assert.deepStrictEqual(silent.noted(), ["ended"])
  })

  it("goes no further ahead of what was taken than it may", () => {
    const reply = makeReply()
    reply.connected()
    reply.say(...Array.from({ length: 9 }, (_, i) => `Sentence ${i}.`))
    const sent = () => reply.noted().filter((each) => each.startsWith("say")).length
    assert.strictEqual(sent(), LOOK_AHEAD + 1)
    // That its audio came changes nothing; that somebody took it does.
    for (const item of ["a", "b", "c", "d"]) {
      reply.audio(1, item)
      reply.done(item)
    }
    assert.strictEqual(sent(), 0)
    reply.taken(0)
    assert.strictEqual(sent(), 0)
    reply.taken(1)
    assert.strictEqual(sent(), 1)
    reply.taken(3)
    assert.strictEqual(sent(), 2)
  })

  it("does not wait for sentences without audio to be taken", () => {
    const reply = makeReply()
    reply.connected()
    reply.say(...Array.from({ length: 6 }, (_, i) => `Sentence ${i}.`))
    reply.noted()
    reply.done("a")
    assert.deepStrictEqual(reply.noted(), ["say r1 Sentence 4."])
  })
})

describe("whose audio it is", () => {
  const indices = (noted: ReadonlyArray<string>): ReadonlyArray<number> =>
    noted.filter((each) => each.startsWith("emit")).map((each) => Number(each.split(" ")[1]))

  const texts = [SECOND, SECOND, SECOND]

  it("counts when every commit has its done, however long the audio is", () => {
    for (const ids of [
      ["tts_1", "tts_2", "tts_3"],
      ["tts_1", "tts_1", "tts_1"],
      [undefined, undefined, undefined]
    ]) {
      const reply = speaking(texts)
      for (const [i, duration] of [3.5, 0.05, 3].entries()) {
        reply.audio(duration / 2, ids[i])
        reply.audio(duration / 2, ids[i])
        reply.done(ids[i])
      }
      assert.deepStrictEqual(reply.noted(), [
        "emit 0 1750",
        "emit 0 1750",
        "emit 1 25",
        "emit 1 25",
        "emit 2 1500",
        "emit 2 1500",
        "ended"
      ])
    }
  })

  it("counts a done without audio", () => {
    const reply = speaking(texts)
    reply.audio(1, "a")
    reply.done("a")
    reply.done("b")
    reply.audio(1, "c")
    reply.done()
    assert.deepStrictEqual(reply.noted(), ["emit 0 1000", "emit 2 1000", "ended"])
  })

  it("takes an item that begins for the end of one whose done is missing, and a late done for nothing new", () => {
    const reply = speaking(texts)
    reply.audio(1, "a")
    reply.audio(1, "b")
    reply.done("a")
    reply.audio(0.5, "b")
    reply.done("b")
    reply.audio(1, "c")
    reply.done("c")
    assert.deepStrictEqual(reply.noted(), ["emit 0 1000", "emit 1 1000", "emit 1 500", "emit 2 1000", "ended"])
  })

  it("goes by length where nothing tells items apart", () => {
    const reply = speaking(texts)
    for (let i = 0; i < 9; i++) reply.audio(0.5)
    reply.wait(patience.doneMs)
    assert.deepStrictEqual(indices(reply.noted()), [0, 0, 0, 0, 0, 0, 0, 0, 1])
    const later = speaking(texts, learned(reply))
    for (let i = 0; i < 9; i++) later.audio(0.5)
    assert.deepStrictEqual(indices(later.noted()), [0, 0, 0, 1, 1, 1, 2, 2, 2])
  })

  it("counts again when a done comes after it went by length", () => {
    const reply = speaking(texts)
    reply.audio(4.5)
    reply.audio(0.5)
    reply.done()
    reply.audio(1)
    reply.done()
    reply.audio(1)
    reply.done()
    assert.deepStrictEqual(indices(reply.noted()), [0, 1, 1, 2])
  })

  it("weighs items against the text's length once a commit was seen to make several", () => {
    const reply = speaking(texts, { dones: "come", whole: false, splits: true })
    for (let i = 0; i < 6; i++) {
      reply.audio(0.45, "a")
      reply.done("a")
    }
    assert.deepStrictEqual(indices(reply.noted()), [0, 0, 1, 1, 2, 2])
  })

  it("joins the items of a text that has several sentences in it", () => {
    const reply = speaking(["Hello! How are you doing today?", "I am well."])
    reply.audio(0.5, "tts_1")
    reply.done("tts_1")
    reply.audio(1.4, "tts_2")
    reply.done("tts_2")
    reply.audio(0.7, "tts_3")
    reply.done("tts_3")
    assert.deepStrictEqual(
      reply.noted().filter((each) => each.startsWith("emit")),
      ["emit 0 500", "emit 0 1400", "emit 1 700"]
    )
  })

  it.prop(
    "never goes back, and loses nothing",
    [
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 }))).check(
        Schema.isMinLength(1),
        Schema.isMaxLength(4)
      ),
      Schema.Array(
        Schema.Struct({
          halves: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 8 })),
          id: Schema.UndefinedOr(Schema.Literals(["a", "b", "c"])),
          done: Schema.Boolean
        })
      ),
      Schema.Struct({
        dones: Schema.Literals(["unknown", "come", "never"]),
        whole: Schema.Boolean,
        splits: Schema.Boolean
      })
    ],
    ([lengths, events, habits]) => {
      const reply = speaking(
        lengths.map((length) => "a".repeat(length)),
        habits
      )
      let sent = 0
      for (const { done, halves, id } of events) {
        if (halves > 0) reply.audio(halves / 2, id)
        sent += halves * 500
        if (done) reply.done(id)
      }
      const emitted = reply.noted().flatMap((each) => (each.startsWith("emit") ? [each.split(" ").map(Number)] : []))
      // A reply that has ended is not told more; what came after its end here is not looked at.
      assert.strictEqual(
        emitted.reduce((sum, [, , ms]) => sum + (ms ?? 0), 0),
        sent
      )
      const indices = emitted.map(([, index]) => index ?? -1)
      assert.deepStrictEqual(
        indices,
        [...indices].sort((a, b) => a - b)
      )
      assert.isTrue(indices.every((index) => index >= 0 && index < lengths.length))
    }
  )
})

describe("when a reply is over", () => {
  it("ends with the last done", () => {
    const reply = speaking([SECOND])
    reply.audio(0.9)
    assert.deepStrictEqual(reply.noted(), ["emit 0 900"])
    reply.done()
    assert.deepStrictEqual(reply.noted(), ["ended"])
  })

  it("does not end before the text does", () => {
    const reply = makeReply()
    reply.connected()
    reply.say(SECOND)
    reply.audio(1)
    reply.done()
    reply.wait(60_000)
    assert.notInclude(reply.noted(), "ended")
    reply.textEnded()
    assert.deepStrictEqual(reply.noted(), ["ended"])
  })

  it("waits a little for more where one done may not be all, and learns when it was", () => {
    const text = "Hello! How are you doing today?"
    const first = speaking([text])
    first.audio(2.1)
    first.done()
    first.wait(patience.moreMs - 1)
    assert.deepStrictEqual(first.noted(), ["emit 0 2100"])
    first.wait(1)
    assert.deepStrictEqual(first.noted(), ["ended"])
    const second = speaking([text], learned(first))
    second.audio(2.1)
    second.done()
    assert.deepStrictEqual(second.noted(), ["emit 0 2100", "ended"])
  })

  it("plays what comes after the first done of such a text", () => {
    const reply = speaking(["Hello! How are you doing today?"])
    reply.audio(0.5, "tts_1")
    reply.done("tts_1")
    reply.wait(patience.moreMs - 1)
    reply.audio(1.5, "tts_1")
    reply.done("tts_1")
    reply.wait(patience.moreMs)
    assert.deepStrictEqual(reply.noted(), ["emit 0 500", "emit 0 1500", "ended"])
    assert.isTrue(reply.habits().splits)
  })

  it("waits for more when speech was too short to be all of it", () => {
    const reply = speaking([SECOND, SECOND])
    reply.audio(0.5, "a")
    reply.done("a")
    reply.audio(0.5, "b")
    reply.done("b")
    assert.deepStrictEqual(reply.noted(), ["emit 0 500", "emit 1 500"])
    reply.audio(0.5, "c")
    reply.done("c")
    reply.audio(0.5, "d")
    reply.done("d")
    reply.wait(patience.moreMs)
    assert.deepStrictEqual(reply.noted(), ["emit 1 500", "emit 1 500", "ended"])
  })

  it("knows from audio after the last done that there is more to come, in this reply and in others", () => {
    const reply = makeReply()
    reply.connected()
    reply.say(SECOND)
    reply.audio(0.5, "a")
    reply.wait(60_000)
    assert.isFalse(reply.habits().splits)
    reply.audio(0.5, "b")
    assert.isTrue(reply.habits().splits)
    reply.noted()
    reply.textEnded()
    reply.wait(patience.doneMs - 1)
    assert.deepStrictEqual(reply.noted(), [])
    reply.wait(1)
    assert.deepStrictEqual(reply.noted(), ["ended"])
  })

  it("is patient where counting is no use and speech is plainly missing", () => {
    const reply = speaking([SECOND, SECOND], { dones: "come", whole: false, splits: true })
    for (let i = 0; i < 2; i++) {
      reply.audio(0.5)
      reply.done()
    }
    reply.wait(patience.doneMs - 1)
    assert.deepStrictEqual(reply.noted(), ["emit 0 500", "emit 0 500"])
    reply.audio(1)
    reply.done()
    reply.wait(patience.moreMs)
    assert.deepStrictEqual(reply.noted(), ["emit 1 1000", "ended"])
  })

  it("ends without a done when it was quiet for long enough", () => {
    const reply = speaking([SECOND, SECOND])
    reply.audio(1.1)
    reply.audio(1.1)
    reply.wait(patience.doneMs - 1)
    assert.deepStrictEqual(reply.noted(), ["emit 0 1100", "emit 0 1100"])
    reply.wait(1)
    assert.deepStrictEqual(reply.noted(), ["ended"])
  })

  it("goes on with text that comes after a missing done", () => {
    const reply = makeReply()
    reply.connected()
    reply.say(SECOND)
    reply.audio(1, "a")
    reply.wait(60_000)
    reply.noted()
    reply.say(SECOND)
    reply.textEnded()
    reply.audio(1, "b")
    reply.done("b")
    assert.deepStrictEqual(reply.noted(), [`say r1 ${SECOND}`, "emit 1 1000", "ended"])
  })

  it("fails when no audio comes", () => {
    const reply = speaking([SECOND])
    reply.wait(patience.audioMs - 1)
    assert.deepStrictEqual(reply.noted(), [])
    reply.wait(1)
    assert.deepStrictEqual(reply.noted(), ["failed Stalled"])
  })

  it("fails when later sentences never come, counting from the last sign of life", () => {
    const reply = speaking([SECOND, SECOND])
    reply.wait(5000)
    reply.audio(1)
    reply.done()
    reply.wait(patience.audioMs - 1)
    assert.deepStrictEqual(reply.noted(), ["emit 0 1000"])
    reply.wait(1)
    assert.deepStrictEqual(reply.noted(), ["failed Stalled"])
  })

  it("fails when speech stops with sentences to go", () => {
    const reply = speaking([SECOND, SECOND, SECOND], { dones: "come", whole: false, splits: false })
    reply.audio(0.5)
    reply.wait(patience.doneMs)
    assert.deepStrictEqual(reply.noted(), ["emit 0 500", "broke off 0 surely", "failed Stalled"])
  })

  it("is not held up by text that keeps coming while nothing is spoken", () => {
    const reply = makeReply()
    reply.connected()
    for (let i = 0; i < 3; i++) {
      reply.say(SECOND)
      reply.wait(3000)
    }
    assert.include(reply.noted(), "failed Stalled")
  })

  it("fails when there is no speech at all, but not for one sentence without", () => {
    const reply = speaking([SECOND, SECOND])
    reply.done()
    reply.done()
    assert.deepStrictEqual(reply.noted(), ["failed Malformed"])
    const partly = speaking([SECOND, SECOND])
    partly.done()
    partly.audio(1)
    partly.done()
    assert.deepStrictEqual(partly.noted(), ["emit 1 1000", "ended"])
  })

  it("fails when speech never stops", () => {
    const reply = speaking([SECOND])
    for (let i = 0; i < 35; i++) reply.audio(1)
    const noted = reply.noted()
    assert.strictEqual(noted.filter((each) => each === "emit 0 1000").length, 34)
    assert.strictEqual(noted.at(-1), "failed Malformed")
  })

  it("fails when there is no connection, with what is known of the reason", () => {
    const unknown = makeReply()
    unknown.say(SECOND)
    unknown.wait(patience.connectionMs)
    assert.deepStrictEqual(unknown.noted(), ["failed Unreachable"])
    const known = makeReply()
    known.say(SECOND)
    known.tell({ _tag: "Unconnected", error: failure("Overloaded") })
    known.wait(patience.connectionMs - 1)
    assert.deepStrictEqual(known.noted(), [])
    known.wait(1)
    assert.deepStrictEqual(known.noted(), ["failed Overloaded"])
  })

  it("fails at once when connections are refused and there is something to say", () => {
    const reply = makeReply()
    reply.tell({ _tag: "Refused", error: failure("Unauthorized") })
    assert.deepStrictEqual(reply.noted(), [])
    reply.say(SECOND)
    assert.deepStrictEqual(reply.noted(), ["failed Unauthorized"])
    const lucky = makeReply()
    lucky.tell({ _tag: "Refused", error: failure("Unauthorized") })
    lucky.connected()
    lucky.say(SECOND)
    assert.deepStrictEqual(lucky.noted(), [`say r1 ${SECOND}`])
  })
})

describe("when something goes wrong on the way", () => {
  it("says a sentence that failed once more, with all that follow it, in another context", () => {
    const reply = speaking([SECOND, SECOND])
    reply.fails("Overloaded")
    assert.deepStrictEqual(reply.noted(), ["cancel r1", `say r1.2 ${SECOND}`, `say r1.2 ${SECOND}`])
    reply.audio(1, "a", "r1")
    reply.done("a", "r1")
    reply.fails("Overloaded", "r1")
    assert.deepStrictEqual(reply.noted(), [])
    reply.audio(1, "a", "r1.2")
    reply.done("a", "r1.2")
    reply.audio(1, "b", "r1.2")
    reply.done("b", "r1.2")
    assert.deepStrictEqual(reply.noted(), ["emit 0 1000", "emit 1 1000", "ended"])
  })

  it("gives up when it fails again", () => {
    const reply = speaking([SECOND])
    reply.fails("Overloaded")
    reply.fails("Overloaded", "r1.2")
    assert.include(reply.noted(), "failed Overloaded")
  })

  it("allows every sentence its own failure", () => {
    const reply = speaking(["One letter.", "Two letters."])
    reply.fails("Overloaded")
    reply.audio(1, "a", "r1.2")
    reply.done("a", "r1.2")
    reply.noted()
    reply.fails("Overloaded", "r1.2")
    assert.deepStrictEqual(reply.noted(), ["cancel r1.2", "say r1.3 Two letters."])
  })

  it("goes on behind a sentence that was heard in part", () => {
    const reply = speaking(["One letter.", "Two letters."])
    reply.audio(0.3)
    reply.fails("Overloaded")
    assert.deepStrictEqual(reply.noted(), ["emit 0 300", "broke off 0 surely", "cancel r1", "say r1.2 Two letters."])
    reply.audio(1, undefined, "r1.2")
    reply.done(undefined, "r1.2")
    assert.deepStrictEqual(reply.noted(), ["emit 1 1000", "ended"])
  })

  it("ends when the last sentence was heard in part", () => {
    const reply = speaking([SECOND])
    reply.audio(0.5)
    reply.lost()
    assert.deepStrictEqual(reply.noted(), ["emit 0 500", "broke off 0 surely", "ended"])
  })

  it("says that a sentence broke off which had too little speech and no done", () => {
    const reply = speaking([SECOND])
    reply.audio(0.5)
    reply.wait(patience.doneMs)
    assert.deepStrictEqual(reply.noted(), ["emit 0 500", "broke off 0 surely", "ended"])
  })

  it("says that a sentence may have broken off which had no done, where they come", () => {
    const reply = speaking([SECOND], { dones: "come", whole: false, splits: false })
    reply.audio(0.7)
    reply.wait(patience.doneMs)
    assert.deepStrictEqual(reply.noted(), ["emit 0 700", "broke off 0 perhaps", "ended"])
    const never = speaking([SECOND], { dones: "never", whole: false, splits: false })
    never.audio(0.7)
    never.wait(patience.doneMs)
    assert.deepStrictEqual(never.noted(), ["emit 0 700", "ended"])
  })

  it("fails at once over what cannot get better", () => {
    for (const reason of ["Rejected", "Unauthorized", "QuotaExceeded"] as const) {
      const reply = speaking([SECOND])
      reply.fails(reason)
      assert.deepStrictEqual(reply.noted(), [`failed ${reason}`])
    }
  })

  it("says what was not begun on the next connection, and gives up on the third loss over the same sentence", () => {
    const reply = speaking(["One letter.", "Two letters."])
    reply.audio(1, "a")
    reply.done("a")
    reply.noted()
    reply.lost()
    assert.deepStrictEqual(reply.noted(), [])
    reply.connected()
    assert.deepStrictEqual(reply.noted(), ["say r1.2 Two letters."])
    reply.lost()
    reply.connected()
    assert.deepStrictEqual(reply.noted(), ["say r1.3 Two letters."])
    reply.lost()
    assert.deepStrictEqual(reply.noted(), ["failed Disconnected"])
  })

  it("does not mind the loss of a connection it needs no more", () => {
    const reply = makeReply()
    reply.connected()
    reply.say(SECOND)
    reply.audio(1)
    reply.done()
    reply.lost()
    reply.wait(60_000)
    assert.deepStrictEqual(reply.noted(), [`say r1 ${SECOND}`, "emit 0 1000"])
    reply.textEnded()
    assert.deepStrictEqual(reply.noted(), ["ended"])
  })

  it("gives a new connection its time, however long the sentence had waited for its turn", () => {
    const reply = makeReply()
    reply.connected()
    reply.say("One.", "Two.", "Three.", "Four.", "Five.")
    for (const item of ["a", "b", "c", "d"]) {
      reply.audio(1, item)
      reply.done(item)
    }
    for (let i = 0; i < 2; i++) {
      reply.wait(60_000)
      reply.lost()
      reply.wait(patience.connectionMs - 1)
      assert.isFalse(reply.noted().some((each) => each.startsWith("failed")))
      if (i === 0) reply.connected()
    }
    reply.wait(1)
    assert.deepStrictEqual(reply.noted(), ["failed Disconnected"])
  })
})

describe("what audio may look like", () => {
  const ramp = (length: number) => Int16Array.from({ length }, (_, i) => (i * 37) % 20_000)

  const samplesOf = (outputs: ReadonlyArray<ReplyOutput>): ReadonlyArray<number> =>
    outputs.flatMap((output) => (output._tag === "Emit" ? [...output.audio.samples] : []))

  it.prop(
    "is put together from pieces cut anywhere, with or without a header on each item",
    [
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 99 }))).check(Schema.isMinLength(1)),
      Schema.Boolean
    ],
    ([sizes, headed]) => {
      let state = step(initial("r1", initialHabits), { _tag: "Connected" }, 0, patience)[0]
      state = step(state, { _tag: "Text", text: "One." }, 0, patience)[0]
      state = step(state, { _tag: "Text", text: "Two." }, 0, patience)[0]
      for (const item of [1, 2]) {
        const samples = ramp(300 * item)
        const file = encodeWav({ channels: [samples], sampleRate: 16_000 })
        const bytes = headed ? file : file.subarray(44)
        const outputs: Array<ReplyOutput> = []
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length] ?? 1
          const input: ReplyInput = {
            _tag: "Audio",
            context: "r1",
            item: `tts_${item}`,
            bytes: bytes.subarray(at, at + size)
          }
          const [next, more] = step(state, input, 0, patience)
          state = next
          outputs.push(...more)
          at += size
        }
        assert.deepStrictEqual(samplesOf(outputs), [...samples])
        assert.isTrue(
          outputs.every((each) => each._tag === "Emit" && each.audio.sampleRate === (headed ? 16_000 : 24_000))
        )
        state = step(state, { _tag: "Done", context: "r1", item: `tts_${item}` }, 0, patience)[0]
      }
    }
  )

  it("does not carry half a sample over to the next item", () => {
    const reply = speaking([SECOND, SECOND])
    reply.bytes(new Uint8Array(24_001), "a")
    reply.done("a")
    reply.bytes(new Uint8Array(24_001), "b")
    assert.deepStrictEqual(reply.noted(), ["emit 0 500", "emit 1 500"])
  })

  it("is refused when its header tells of something else", () => {
    const reply = speaking([SECOND])
    const file = encodeWav({ channels: [ramp(100)], sampleRate: 24_000 })
    file[20] = 3
    reply.bytes(file)
    assert.deepStrictEqual(reply.noted(), ["failed Malformed"])
  })
})
