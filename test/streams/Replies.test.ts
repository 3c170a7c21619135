import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import { type CallEventBody } from "../../src/schema/CallEvent.ts"
import { defaultPhrases } from "../../src/schema/Phrases.ts"
import { type ReplyCue, type StopReason, type TurnInput } from "../../src/schema/Turn.ts"
import { type TextToSpeechSession } from "../../src/services/TextToSpeech.ts"
import { FILLER, type Playout } from "../../src/streams/Playout.ts"
import { makeReplies } from "../../src/streams/Replies.ts"
import { emptyHeard } from "../../src/streams/ReplyRecord.ts"
import { deadlines, voice } from "../support/Saying.ts"
import { settle } from "../support/Settle.ts"

const words = (text: string): ReadonlyArray<Response.StreamPartEncoded> => [
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta: text },
  { type: "text-end", id: "t" }
]

interface OpenOptions {
  readonly speech?: TextToSpeechSession
  /** What the model answers; "Yes." by default. */
  readonly answer?: Stream.Stream<Response.StreamPartEncoded>
  /** What the caller is to have heard of a reply. */
  readonly heard?: { readonly answer: string; readonly playedMs: number }
}

/** Replies on a line that plays everything at once, and all that was done about them, in order. */
const open = Effect.fnUntraced(function* (options: OpenOptions = {}) {
  const done: Array<string> = []
  const asked: Array<ReadonlyArray<string>> = []
  const offered: Array<TurnInput> = []
  const told: Array<CallEventBody> = []
  const model = yield* LanguageModel.make({
    generateText: () => Effect.succeed([]),
    streamText: ({ prompt }) => {
      asked.push(
        prompt.content.map(({ content, role }) => {
          const text = typeof content === "string" ? content : content.map((part) => ("text" in part ? part.text : ""))
          return `${role}: ${String(text)}`
        })
      )
      return Stream.ensuring(
        options.answer ?? Stream.fromIterable(words("Yes.")),
        Effect.sync(() => void done.push("model let go"))
      )
    }
  })
  const playout: Playout = {
    begin: () =>
      Effect.succeed({
        isAudible: () => false,
        sentence: () => {},
        mayBeWhole: () => true,
        play: (audio) => Stream.runDrain(audio)
      }),
    release: () => Effect.void,
    hold: () => Effect.void,
    stop: (epoch) =>
      Effect.sync(() => {
        done.push(`line cleared of ${epoch}`)
        return { ...emptyHeard, ...options.heard }
      }),
    marked: () => Effect.void
  }
  const replies = yield* makeReplies({
    persona: { id: "test", name: "Test", prompt: "Be brief.", greeting: "Hello!" },
    phrases: defaultPhrases,
    deadlines,
    model,
    tools: { ask: (model, prompt) => model.streamText({ prompt }) },
    speech: options.speech ?? voice,
    kept: { find: (text) => (text === defaultPhrases.filler ? new Uint8Array(160) : undefined) },
    playout,
    offer: (input) => Effect.sync(() => void offered.push(input)),
    tell: (event) => Effect.sync(() => void told.push(event)),
    failed: () => Effect.void
  })
  const sentencesOf = (epoch: number) =>
    told.flatMap((event) => (event._tag === "Sentence" && event.epoch === epoch ? [[event.index, event.text]] : []))
  return { replies, done, asked, offered, told, sentencesOf }
})

/** Has the agent answer "And on Sunday?" and tells what the model was asked with. */
const promptAfter = Effect.fnUntraced(function* ({ asked, replies }: Effect.Success<ReturnType<typeof open>>) {
  yield* replies.start(9, { _tag: "Answer", text: "And on Sunday?" })
  yield* settle
  return asked.at(-1)
})

const question: ReplyCue = { _tag: "Answer", text: "Are you open?" }
const heard = { answer: "Yes, we", playedMs: 400 }

describe("what is said", () => {
  it.effect.each([
    ["Greeting", "Hello!"],
    ["AskAgain", defaultPhrases.askAgain],
    ["Apology", defaultPhrases.noAnswer],
    ["GiveUp", defaultPhrases.giveUp],
    ["StillThere", defaultPhrases.stillThere],
    ["NobodyThere", defaultPhrases.nobodyThere],
    ["TimeWarning", defaultPhrases.timeWarning],
    ["TimeUp", defaultPhrases.timeUp]
  ] as const)("for %s is always the same", ([cue, text]) =>
    Effect.gen(function* () {
      const { asked, offered, replies, sentencesOf } = yield* open()
      yield* replies.start(1, { _tag: cue })
      yield* settle
      assert.strictEqual(
        sentencesOf(1)
          .map(([, sentence]) => sentence)
          .join(" "),
        text
      )
      assert.deepStrictEqual(offered, [{ _tag: "Finished", epoch: 1 }])
      assert.deepStrictEqual(asked, [])
    })
  )

  it.effect("to the caller's words is the model's", () =>
    Effect.gen(function* () {
      const { asked, replies, sentencesOf } = yield* open()
      yield* replies.start(1, question)
      yield* settle
      assert.deepStrictEqual(sentencesOf(1), [[0, "Yes."]])
      assert.deepStrictEqual(asked, [["system: Be brief.", "user: Are you open?"]])
    })
  )

  it.effect("while an answer is waited for is a filler, for the answer that it is wanted for", () =>
    Effect.gen(function* () {
      const { replies, sentencesOf } = yield* open({ answer: Stream.never })
      yield* replies.start(1, question)
      yield* replies.start(2, question)
      yield* settle
      yield* replies.fill(2)
      yield* replies.fill(7)
      yield* settle
      assert.deepStrictEqual(sentencesOf(1), [])
      assert.deepStrictEqual(sentencesOf(2), [[FILLER, defaultPhrases.filler]])
    })
  )

  it.effect("came to nothing if what makes it breaks", () =>
    Effect.gen(function* () {
      const { offered, replies } = yield* open({ speech: { speak: () => Stream.die("a defect") } })
      yield* replies.start(1, question)
      yield* settle
      assert.deepStrictEqual(offered, [{ _tag: "Finished", epoch: 1, failed: true }])
    })
  )
})

describe("the conversation", () => {
  it.effect("has what the caller heard of a reply, behind what it answers", () =>
    Effect.gen(function* () {
      const call = yield* open({ heard })
      const { replies, told } = call
      assert.strictEqual(replies.lastSaid(), "")
      yield* replies.start(1, question)
      yield* replies.over(1, true)
      assert.strictEqual(replies.lastSaid(), "Yes, we")
      assert.deepStrictEqual(told.at(-1), { _tag: "Heard", epoch: 1, text: "", generated: "", playedMs: 400 })
      assert.deepStrictEqual(yield* promptAfter(call), [
        "system: Be brief.",
        "user: Are you open?",
        "assistant: Yes, we",
        "user: And on Sunday?"
      ])
    })
  )

  it.effect("has no question where the agent was not asked anything", () =>
    Effect.gen(function* () {
      const call = yield* open({ heard })
      yield* call.replies.start(1, { _tag: "Greeting" })
      yield* call.replies.over(1, true)
      assert.deepStrictEqual(yield* promptAfter(call), [
        "system: Be brief.",
        "assistant: Yes, we",
        "user: And on Sunday?"
      ])
    })
  )

  const recorded: Readonly<Record<StopReason, boolean>> = {
    "barge-in": true,
    "key pressed": true,
    "time up": true,
    "caller went on": false,
    "words changed": false,
    "no turn": false
  }
  for (const [reason, record] of Object.entries(recorded) as ReadonlyArray<[StopReason, boolean]>) {
    it.effect(`${record ? "has" : "has nothing of"} a reply that was stopped: ${reason}`, () =>
      Effect.gen(function* () {
        const call = yield* open({ heard })
        yield* call.replies.start(1, question)
        yield* call.replies.stop(1, reason)
        assert.strictEqual(call.replies.lastSaid(), record ? "Yes, we" : "")
        assert.strictEqual((yield* promptAfter(call))?.includes("user: Are you open?"), record)
      })
    )
  }

  it.effect("does not tell of a reply that was neither said nor heard", () =>
    Effect.gen(function* () {
      const { replies, told } = yield* open()
      yield* replies.start(1, question)
      yield* replies.stop(1, "words changed")
      assert.notInclude(
        told.map(({ _tag }) => _tag),
        "Heard"
      )
    })
  )
})

describe("a reply that is stopped", () => {
  it.effect("is off the line before what makes it is let go of, and does not tell that it is over", () =>
    Effect.gen(function* () {
      const { done, offered, replies } = yield* open({ answer: Stream.never })
      yield* replies.start(1, question)
      yield* settle
      yield* replies.stop(1, "barge-in")
      yield* settle
      assert.deepStrictEqual(done, ["line cleared of 1", "model let go"])
      assert.notInclude(
        offered.map(({ _tag }) => _tag),
        "Finished"
      )
    })
  )
})
