import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Queue } from "effect"
import { type TtsConnection } from "../../src/layers/TogetherTtsConnection.ts"
import { initialHabits } from "../../src/layers/TogetherTtsContext.ts"
import { makeReplyRun } from "../../src/layers/TogetherTtsReplyRun.ts"
import { type ReplyInput } from "../../src/layers/TogetherTtsReplyState.ts"

/** A reply that goes on, and what the connection was asked for; it says a sentence once `said` is done. */
const setUp = (said: Effect.Effect<void> = Effect.void) =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const note = (what: string): Effect.Effect<void> => Effect.sync(() => void asked.push(what))
    const connection: TtsConnection = {
      attach: () => Effect.void,
      say: (_, context, text) => Effect.andThen(note(`say ${context} ${text}`), said),
      cancel: (context) => note(`cancel ${context}`),
      finish: (context) => note(`finish ${context}`),
      replace: note("replace"),
      overran: () => false
    }
    const reply = yield* makeReplyRun<never>({ connection, replies: 0, habits: initialHabits })
    const fiber = yield* Effect.forkChild(reply.run, { startImmediately: true })
    return { asked, fiber, reply }
  })

const text = (text: string): ReplyInput => ({ _tag: "Text", text })

const audio: ReplyInput = { _tag: "Audio", context: "r1", item: "i", bytes: new Uint8Array(48_000) }

const done: ReplyInput = { _tag: "Done", context: "r1", item: "i" }

describe("a reply as it goes on", () => {
  it.effect("has its audio there in the very moment it comes", () =>
    Effect.gen(function* () {
      const { asked, reply } = yield* setUp()
      reply.tell({ _tag: "Connected" })
      reply.tell(text("Fifteen letters"))
      assert.deepStrictEqual(asked, ["say r1 Fifteen letters"])
      reply.tell(audio)
      reply.tell(audio)
      assert.strictEqual(Queue.sizeUnsafe(reply.audio), 2)
    })
  )

  it.effect("takes in what happens while it does something when that is done, in order", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const { asked, fiber, reply } = yield* setUp(Deferred.await(gate))
      reply.tell({ _tag: "Connected" })
      reply.tell(text("One."))
      reply.tell(audio)
      reply.tell(done)
      reply.tell(text("Two."))
      assert.deepStrictEqual(asked, ["say r1 One."])
      assert.strictEqual(Queue.sizeUnsafe(reply.audio), 0)
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.yieldNow
      assert.deepStrictEqual(asked, ["say r1 One.", "say r1 Two."])
      reply.endText(Exit.void)
      reply.tell(audio)
      reply.tell(done)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(asked.slice(2), ["finish r1"])
      assert.strictEqual((yield* Queue.collect(reply.audio)).length, 2)
    })
  )

  it.effect("has no room for more text while too much of it waits", () =>
    Effect.gen(function* () {
      const { reply } = yield* setUp()
      for (let i = 0; i < 15; i++) reply.tell(text(`${i}.`))
      assert.isTrue(reply.room.isOpen())
      reply.tell(text("16."))
      assert.isFalse(reply.room.isOpen())
      reply.tell({ _tag: "Connected" })
      assert.isTrue(reply.room.isOpen())
    })
  )

  it.effect("fails by itself when it breaks, and not whoever tells it something", () =>
    Effect.gen(function* () {
      const { reply } = yield* setUp()
      reply.tell({ _tag: "Connected" })
      reply.tell(text("Fifteen letters"))
      // No bytes can do this; an error of ours might.
      reply.tell({ ...audio, bytes: undefined as unknown as Uint8Array })
      const exit = yield* Effect.exit(Queue.take(reply.audio))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )
})
