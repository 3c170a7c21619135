import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type ContentPiece, endContent, initialContent, stepContent } from "../../src/layers/TogetherToolText.ts"

/** Feeds content in pieces of the given sizes, over and over, and puts neighbouring text back together. */
const read = (content: string, sizes: ReadonlyArray<number> = [1000], bareJson = true): ReadonlyArray<ContentPiece> => {
  let state = initialContent({ bareJson })
  const pieces: Array<ContentPiece> = []
  for (let at = 0, turn = 0; at < content.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    const [next, out] = stepContent(state, content.slice(at, at + size))
    state = next
    pieces.push(...out)
    at += size
  }
  return joined([...pieces, ...endContent(state)])
}

const joined = (pieces: ReadonlyArray<ContentPiece>): ReadonlyArray<ContentPiece> => {
  const result: Array<ContentPiece> = []
  for (const piece of pieces) {
    const last = result.at(-1)
    if ((piece._tag === "Text" || piece._tag === "Reasoning") && last?._tag === piece._tag) {
      result[result.length - 1] = { _tag: piece._tag, text: last.text + piece.text }
    } else result.push(piece)
  }
  return result
}

const text = (text: string): ContentPiece => ({ _tag: "Text", text })
const thought = (text: string): ContentPiece => ({ _tag: "Reasoning", text })
const call = (name: string, params: Record<string, unknown> = {}): ContentPiece => ({ _tag: "Call", name, params })
const unusable: ContentPiece = { _tag: "Unusable" }
const paris = call("weather", { city: "Paris" })

const cases: ReadonlyArray<readonly [content: string, pieces: ReadonlyArray<ContentPiece>]> = [
  ["Hello there.", [text("Hello there.")]],
  ["  \n Hello", [text("Hello")]],
  ["   ", []],
  ["Is 3 < 4? Yes [really].", [text("Is 3 < 4? Yes [really].")]],
  ["3 <", [text("3 <")]],
  ["[laughs] Hello", [text("[laughs] Hello")]],
  ["{curly} words", [text("{curly} words")]],
  ['<function=weather>{"city":"Paris"}</function>', [paris]],
  ['<function=weather>{"city":"Paris"}', [paris]],
  ['<function=weather{"city":"Paris"}</function>', [paris]],
  ["<function=now></function>", [call("now")]],
  ['One moment. <function=weather>{"city":"Paris"}</function>', [text("One moment. "), paris]],
  ['<function=weather>{"city":"Paris"}</function> Done.', [paris, text("Done.")]],
  ["<function=weather>{city: Paris}</function>", [unusable]],
  ["<function=weather>nonsense", [unusable]],
  ['<|python_tag|>{"name":"weather","parameters":{"city":"Paris"}}<|eom_id|>', [paris]],
  ['<|python_tag|>{"name":"weather","parameters":{"city":"Paris"}}', [paris]],
  ['<|python_tag|>{"name":"weather","parameters":{"city":"Paris"}}; {"name":"now"}', [paris, call("now")]],
  ['<|python_tag|>weather.call(city="Paris")', [unusable]],
  ['<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>', [paris]],
  ['<tool_call>{"name": "weather", "arguments": "{\\"city\\": \\"Paris\\"}"}</tool_call>', [paris]],
  ['[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Paris"}}]', [paris]],
  ['{"name":"weather","parameters":{"city":"Paris"}}', [paris]],
  [' {"type":"function","name":"weather","parameters":{"city":"Paris"}}}', [paris]],
  ['{"type":"function","function":{"name":"weather","arguments":{"city":"Paris"}}}', [paris]],
  ['[{"name":"weather","arguments":{"city":"Paris"}}, {"name":"now","arguments":{}}]', [paris, call("now")]],
  ['{"name":"weather","parameters":{"city":"Paris"}} ; {"name":"now","parameters":{}}', [paris, call("now")]],
  ['{"name":"weather","parameters":{"city":"a } \\" { b"}}', [call("weather", { city: 'a } " { b' })]],
  ['{"name":"weather","parameters":"no"}', [unusable]],
  ['{"name":"weather","parameters":{"ci', [unusable]],
  ['{"name":"Ann"} is JSON.', [text('{"name":"Ann"} is JSON.')]],
  ['{"price": 3}', [text('{"price": 3}')]],
  ['Say {"name":"weather","parameters":{}} aloud', [text('Say {"name":"weather","parameters":{}} aloud')]],
  ["<think>Hm. Well.</think>Hello", [thought("Hm. Well."), text("Hello")]],
  ['<think>Call it.</think>\n\n{"name":"now","parameters":{}}', [thought("Call it."), call("now")]],
  ["<think>never closed", [thought("never closed")]],
  ["Hello</think> there<|eot_id|>", [text("Hello there")]],
  ["Let me see. <funct", [text("Let me see. "), unusable]]
]

describe("content of a reply", () => {
  for (const [content, pieces] of cases) {
    it(`is understood: ${JSON.stringify(content)}`, () => {
      assert.deepStrictEqual(read(content), pieces)
      assert.deepStrictEqual(read(content, [1]), pieces, "one character at a time")
    })
  }

  it("takes JSON for text when the reply is JSON on request", () => {
    const json = '{"name":"weather","parameters":{}}'
    assert.deepStrictEqual(read(json, [3], false), [text(json)])
  })

  it("gives text out as soon as it cannot be markup", () => {
    const [state, first] = stepContent(initialContent({ bareJson: true }), "Hello <")
    assert.deepStrictEqual(first, [text("Hello ")])
    assert.deepStrictEqual(stepContent(state, "3")[1], [text("<3")])
  })

  const sizes = Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 12 })))
  it.prop(
    "is the same however it is cut",
    [Schema.Literals(cases.map(([content]) => content)), sizes],
    ([content, sizes]) => {
      assert.deepStrictEqual(read(content, sizes), read(content))
    }
  )
})
