import { assert, describe, it } from "@effect/vitest"
import { Console, Effect, Layer, type LogLevel, Redacted } from "effect"
import * as Logging from "../../src/layers/Logging.ts"
import { LogConfig } from "../../src/services/LogConfig.ts"

interface Settings {
  readonly level?: LogLevel.LogLevel
  readonly format?: "pretty" | "json"
  readonly includePii?: boolean
}

/** What the program writes to the console, line by line. */
const written = (program: Effect.Effect<void>, settings: Settings = {}) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const write = (...parts: ReadonlyArray<unknown>) => {
      lines.push(parts.map((part) => (typeof part === "string" ? part : JSON.stringify(part))).join(" "))
    }
    const console: Console.Console = Object.assign(Object.create(globalThis.console), { log: write, error: write })
    const config = { level: "Info", format: "json", includePii: false, ...settings } as const
    yield* program.pipe(
      Effect.provide(Logging.layer.pipe(Layer.provide(Layer.succeed(LogConfig, config)))),
      Effect.provideService(Console.Console, console)
    )
    return lines
  })

const turn = Effect.logInfo("Turn ended").pipe(
  Effect.annotateLogs({ call: "CA1", "pii.transcript": "my secret words", key: Redacted.make("my secret key") })
)

describe("the log", () => {
  it.effect("is one JSON object a line for machines", () =>
    Effect.gen(function* () {
      const lines = yield* written(Effect.andThen(turn, Effect.logError("two\nlines", { code: 7 })))
      assert.strictEqual(lines.length, 2)
      const [first, second] = lines.map((line) => JSON.parse(line))
      assert.deepInclude(first, { level: "INFO", message: "Turn ended" })
      assert.deepInclude(second, { level: "ERROR", message: ["two\nlines", { code: 7 }] })
      assert.isFalse(lines.some((line) => line.includes("\n")))
    })
  )

  it.effect("is for people when it is to be pretty", () =>
    Effect.gen(function* () {
      const lines = yield* written(turn, { format: "pretty" })
      assert.include(lines[0], "INFO")
      assert.include(lines[0], "Turn ended")
      assert.include(lines.join("\n"), "CA1")
    })
  )

  it.effect.each(["json", "pretty"] as const)("keeps private things and secrets out of %s", (format) =>
    Effect.gen(function* () {
      const both = Effect.andThen(turn, Effect.logInfo("fields", { turn: 3, "pii.caller": "my secret number" }))
      const text = (yield* written(both, { format })).join("\n")
      assert.notInclude(text, "secret")
      assert.notInclude(text, "pii.")
      assert.include(text, "CA1")
      assert.match(text, /turn"?:\s?3/)
    })
  )

  it.effect.each(["json", "pretty"] as const)("writes private things, never secrets, into %s if asked to", (format) =>
    Effect.gen(function* () {
      const text = (yield* written(turn, { format, includePii: true })).join("\n")
      assert.include(text, "my secret words")
      assert.notInclude(text, "my secret key")
      assert.include(text, "<redacted>")
    })
  )

  it.effect("leaves out what is less severe than configured", () =>
    Effect.gen(function* () {
      const all = Effect.all([Effect.logDebug("a"), Effect.logInfo("b"), Effect.logWarning("c")], { discard: true })
      const messages = (lines: ReadonlyArray<string>) => lines.map((line) => JSON.parse(line).message)
      assert.deepStrictEqual(messages(yield* written(all, { level: "Debug" })), ["a", "b", "c"])
      assert.deepStrictEqual(messages(yield* written(all, { level: "Warn" })), ["c"])
      assert.deepStrictEqual(messages(yield* written(all, { level: "None" })), [])
    })
  )
})
