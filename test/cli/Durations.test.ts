import { assert, describe, it } from "@effect/vitest"
import { parseDuration } from "../../src/cli/Durations.ts"

describe("parseDuration", () => {
  it.each([
    ["800ms", 800],
    ["1.5s", 1500],
    ["2m", 120_000],
    [" 0s ", 0],
    ["800", undefined],
    ["800 ms", undefined],
    ["-1s", undefined],
    ["1h", undefined],
    ["soon", undefined],
    ["", undefined]
  ])("understands %o as %o milliseconds", (text, ms) => {
    assert.strictEqual(parseDuration(text), ms)
  })
})
