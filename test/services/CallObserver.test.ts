import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { type CallEvent } from "../../src/schema/CallEvent.ts"
import { CallObserver } from "../../src/services/CallObserver.ts"

const event: CallEvent = { _tag: "Started", atMs: 0 }
const score: CallEvent = { _tag: "Voice", atMs: 0, audioMs: 0, probability: 0 }

const observe = (name: string, told: Array<string>): CallObserver["Service"] => ({
  open: () =>
    Effect.succeed((event) => (event._tag === "Voice" ? Effect.void : Effect.sync(() => void told.push(name))))
})

it.effect("several observers are told in their order, and what none has a use for need not be run", () =>
  Effect.gen(function* () {
    const told: Array<string> = []
    const all = CallObserver.combine(["first", "second", "third"].map((name) => observe(name, told)))
    const call = { callSid: "CA1", streamSid: "MZ1", parameters: {} }
    const sink = yield* all.open(call, { typed: () => Effect.void, hangUp: Effect.void })
    assert.strictEqual(sink(score), Effect.void)
    yield* sink(event)
    assert.deepStrictEqual(told, ["first", "second", "third"])
  })
)
