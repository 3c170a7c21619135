import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { makeProgress } from "../../src/cli/CallProgress.ts"
import { makeGroundTruth, type Utterance } from "../../src/testing/GroundTruth.ts"

const utterance = (index: number, startMs: number): Utterance => ({ index, startMs, endMs: startMs + 500, text: "" })

/** A call that begins after a second, of which is told what a caller would tell. */
const follow = (columns: number | undefined) =>
  Effect.gen(function* () {
    const written: Array<string> = []
    const truth = yield* makeGroundTruth
    const progress = makeProgress(truth, { columns, write: (text) => void written.push(text) })
    yield* progress.say("Calling http://agent.test")
    const following = yield* Effect.forkChild(progress.follow(["What time do you open?"]))
    const at = (ms: number) => TestClock.adjust(ms)

    yield* at(1000)
    truth.setUnsafe({ originMs: 1000, utterances: [] })
    yield* progress.tell({ _tag: "Waits", forMs: 5000 })
    yield* at(400)
    yield* progress.tell({ _tag: "Waited" })
    yield* at(3600)
    truth.setUnsafe({ originMs: 1000, utterances: [utterance(0, 3990)] })
    yield* at(600)
    yield* progress.tell({ _tag: "Waits", forMs: 1500 })
    yield* at(1540)
    yield* progress.tell({ _tag: "Waited" })
    yield* progress.tell({ _tag: "HangsUp" })
    yield* at(100)
    yield* Fiber.interrupt(following)
    return written
  })

describe("progress", () => {
  it.effect("is a line for each thing that happens where there is no terminal", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* follow(undefined), [
        "Calling http://agent.test\n",
        "   0.0 s  waiting for the greeting\n",
        "   0.4 s  agent speaks\n",
        "   4.0 s  caller: What time do you open?\n",
        "   4.6 s  waiting for the answer\n",
        "   6.1 s  no answer\n",
        "   6.1 s  hanging up\n"
      ])
    })
  )

  it.effect("is one line that is written over at a terminal, cut to its width and blank at the end", () =>
    Effect.gen(function* () {
      const written = yield* follow(24)
      assert.isTrue(written.every((text) => text.startsWith("\r\u001b[2K") && !text.includes("\n")))
      assert.isTrue(written.every((text) => text.length <= 5 + 23))
      const seen = written.map((text) => text.slice(5))
      assert.strictEqual(seen[0], "Calling http://agent.t…")
      assert.include(seen, "   0.5 s  agent speaks")
      assert.include(seen, "   4.1 s  caller: What…")
      assert.strictEqual(seen.at(-1), "")
    })
  )
})
