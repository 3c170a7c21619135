import { assert, describe, it } from "@effect/vitest"
import { cut, pad, padStart, table, wrap } from "../../src/cli/Columns.ts"

describe("columns", () => {
  it.each([
    ["short", 5, "short"],
    ["a bit longer", 6, "a bit…"],
    ["abcdef", 4, "abc…"],
    ["日本語です", 6, "日本…"],
    ["", 3, ""]
  ])("cut %o to %o", (text, width, expected) => {
    assert.strictEqual(cut(text, width), expected)
  })

  it("fill up by what is seen", () => {
    assert.strictEqual(pad("日本", 6), "日本  ")
    assert.strictEqual(padStart("日本", 6), "  日本")
    assert.strictEqual(pad("too long", 3), "too long")
  })

  it.each<readonly [string, number, ReadonlyArray<string>]>([
    ["one two three", 7, ["one two", "three"]],
    ["one\ntwo", 20, ["one two"]],
    ["extraordinarily so", 5, ["extraordinarily", "so"]],
    ["", 5, [""]]
  ])("break %o at %o", (text, width, lines) => {
    assert.deepStrictEqual(wrap(text, width), lines)
  })

  it("make a table", () => {
    assert.deepStrictEqual(
      table([
        ["", "wait"],
        ["first", "1 ms"],
        ["second one", ""]
      ]),
      ["                wait", "  first         1 ms", "  second one"]
    )
    assert.deepStrictEqual(table([]), [])
  })
})
