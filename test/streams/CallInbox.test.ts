import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type VoiceWindow, WINDOW_MS, WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { type TurnOutput } from "../../src/schema/Turn.ts"
import { defaultTurnSettings, type TurnSettings } from "../../src/schema/TurnSettings.ts"
import { makeCallInbox } from "../../src/streams/CallInbox.ts"
import { settle } from "../support/Settle.ts"

const windowAt = (atMs: number): VoiceWindow => ({
  atMs,
  samples: new Int16Array(WINDOW_SAMPLES),
  discontinuous: false
})

/** An inbox, and all that was done with what came into it, in order. */
const open = Effect.fnUntraced(function* (hearing: "at once" | "by effects", turns: Partial<TurnSettings> = {}) {
  const done: Array<string> = []
  const note = (what: string) => Effect.sync(() => void done.push(what))
  const inbox = yield* makeCallInbox({
    turns: { ...defaultTurnSettings, ...turns },
    hear: ({ atMs }) => {
      if (hearing === "by effects") return note(`hear ${atMs}`)
      done.push(`hear ${atMs}`)
      return Effect.void
    },
    onOver: (epoch, guessed) => note(`over ${epoch}${guessed ? ", guessed" : ""}`),
    perform: (output: TurnOutput) => note(output._tag)
  })
  /** What was done since it was last asked. */
  const news = () => done.splice(0)
  const speak = (fromMs: number, toMs: number, probability: number): void => {
    for (let atMs = fromMs; atMs < toMs; atMs += WINDOW_MS) inbox.putWindow(windowAt(atMs), probability)
  }
  return { inbox, news, note, speak }
})

describe("a window", () => {
  it.effect("is judged where it comes in while nothing is being decided, and nothing is woken for nothing", () =>
    Effect.gen(function* () {
      const { inbox, news } = yield* open("at once")
      yield* Effect.forkScoped(inbox.run)
      yield* inbox.offer({ _tag: "NoAudio", atMs: 0 })
      yield* settle
      inbox.putWindow(windowAt(32), 0)
      assert.deepStrictEqual(news(), ["hear 32"])
      assert.strictEqual(inbox.state().nowMs, 64)
      // Had the first gone to the consumer, the second would have had to wait for it.
      inbox.putWindow(windowAt(64), 0.99)
      assert.strictEqual(inbox.state().turn?.id, 1)
      // Heard and decided, not yet carried out: that is the consumer's.
      assert.deepStrictEqual(news(), ["hear 64"])
      yield* settle
      assert.deepStrictEqual(news(), ["TurnStarted", "SegmentOpened"])
    })
  )

  it.effect("waits its turn behind what is still to be carried out", () =>
    Effect.gen(function* () {
      const { inbox, news, speak } = yield* open("at once")
      yield* Effect.forkScoped(inbox.run)
      yield* inbox.offer({ _tag: "NoAudio", atMs: -32 })
      yield* settle
      inbox.put({ _tag: "CallStarted" })
      speak(0, 64, 0.99)
      assert.deepStrictEqual(news(), [])
      yield* settle
      assert.deepStrictEqual(news().slice(-4), ["hear 0", "TurnStarted", "SegmentOpened", "hear 32"])
    })
  )

  it.effect("is heard by the effect before what is decided about it is carried out", () =>
    Effect.gen(function* () {
      const { inbox, news, note } = yield* open("by effects")
      yield* Effect.forkScoped(inbox.run)
      inbox.put({ _tag: "NoAudio", atMs: 0 })
      yield* settle
      inbox.putFirst(note("first"))
      yield* settle
      inbox.putWindow(windowAt(32), 0.99)
      assert.deepStrictEqual(news(), ["first"])
      yield* settle
      assert.deepStrictEqual(news(), ["hear 32", "TurnStarted", "SegmentOpened"])
      inbox.putWindow(windowAt(64), 0.99)
      yield* settle
      assert.deepStrictEqual(news(), ["hear 64"])
    })
  )
})

describe("a reply that is over", () => {
  it.effect("is written down before what is decided about it is carried out; any other is not", () =>
    Effect.gen(function* () {
      const { inbox, news } = yield* open("at once", { maxCallMs: 1000, callWarningMs: 0 })
      yield* Effect.forkScoped(inbox.run)
      yield* inbox.offer({ _tag: "CallStarted" })
      yield* inbox.offer({ _tag: "Finished", epoch: 1 })
      yield* settle
      assert.deepStrictEqual(news(), ["ReplyStarted", "ReplyReleased", "over 1"])
      yield* inbox.offer({ _tag: "NoAudio", atMs: 1000 })
      yield* settle
      const last = inbox.state().reply?.epoch ?? 0
      assert.isAbove(last, 1)
      news()
      yield* inbox.offer({ _tag: "Finished", epoch: 1 })
      yield* settle
      assert.deepStrictEqual(news(), [])
      yield* inbox.offer({ _tag: "Finished", epoch: last })
      yield* settle
      assert.deepStrictEqual(news(), [`over ${last}`, "HangUp"])
    })
  )

  it.effect("was guessed if the turn it answers was not over", () =>
    Effect.gen(function* () {
      const { inbox, news, speak } = yield* open("at once")
      yield* Effect.forkScoped(inbox.run)
      speak(0, 960, 0.99)
      speak(960, 1280, 0)
      yield* inbox.offer({ _tag: "Final", segment: 1, text: "When are you open?" })
      yield* inbox.offer({ _tag: "PauseLimit", turn: 1, ms: 1000 })
      speak(1280, 1920, 0)
      yield* settle
      assert.strictEqual(inbox.state().reply?.phase, "speculative")
      news()
      yield* inbox.offer({ _tag: "Finished", epoch: 1, failed: true })
      yield* settle
      assert.strictEqual(news()[0], "over 1, guessed")
    })
  )
})
