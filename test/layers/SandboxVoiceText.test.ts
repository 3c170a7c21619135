import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { plainText, spokenPieces } from "../../src/layers/SandboxVoiceText.ts"

describe("plainText", () => {
  const cases: ReadonlyArray<readonly [string, string]> = [
    ["It’s “fine”", `It's "fine"`],
    ["naïve café, Straße, Ærø", "naive cafe, Strasse, aero"],
    ["wait — what", "wait, what"],
    ["well…", "well..."],
    ["£3.50 or €12", "3.50 pounds or 12 euros"],
    ["21°", "21 degrees"],
    ["a\u0000b\nc", "a b c"],
    ["👍 日本語", ""]
  ]
  it.each(cases)("%s", (text, expected) => assert.strictEqual(plainText(text), expected))

  it("parts what is too long for a word", () => {
    assert.strictEqual(plainText("x".repeat(90)), `${"x".repeat(40)} ${"x".repeat(40)} ${"x".repeat(10)}`)
  })
})

describe("spokenPieces", () => {
  it("leaves a short sentence whole", () => {
    assert.deepStrictEqual(spokenPieces("Hello, this is short."), ["Hello, this is short."])
  })

  it("cuts a long sentence after a clause", () => {
    const first = "This first part is long enough to be cut off by itself, as everybody who reads it can see,"
    const second = "and then the sentence goes on for quite a while."
    assert.deepStrictEqual(spokenPieces(`${first} ${second}`), [first, second])
  })

  it("cuts between words where there is no clause", () => {
    const pieces = spokenPieces("word ".repeat(60))
    assert.strictEqual(pieces.join(" "), "word ".repeat(60).trim())
    assert.strictEqual(pieces.length, 3)
  })

  it.each(["", "   ", "...", "—", "👍", "( )"])("has nothing to say of %j", (text) => {
    assert.deepStrictEqual(spokenPieces(text), [])
  })

  it.prop("keeps every letter and digit, in pieces of at most 120 printable characters", [Schema.String], ([text]) => {
    const pieces = spokenPieces(text)
    for (const piece of pieces) assert.match(piece, /^[\x21-\x7e](?:[\x20-\x7e]{0,118}[\x21-\x7e])?$/)
    const spoken = (words: string) => words.replace(/[^A-Za-z0-9]/g, "")
    assert.strictEqual(spoken(pieces.join("")), spoken(plainText(text)))
  })
})
