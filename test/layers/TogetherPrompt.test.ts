import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { type LanguageModel, Prompt, Tool } from "effect/ai"
import { lowerPrompt, lowerRequest } from "../../src/layers/TogetherPrompt.ts"
import { ChatRequest } from "../../src/schema/TogetherChat.ts"

const messages = (input: Prompt.RawInput) => Result.getOrThrow(lowerPrompt(Prompt.make(input)))

const defaults = { model: "m", temperature: 0.2, maxTokens: 400 }

const lower = (options: Partial<Parameters<typeof lowerRequest>[0]>) =>
  lowerRequest(
    { prompt: Prompt.make("Hi"), tools: [], toolChoice: "auto", responseFormat: { type: "text" }, ...options },
    defaults
  )

const request = (options: Partial<Parameters<typeof lowerRequest>[0]>): ChatRequest => Result.getOrThrow(lower(options))

const reasonOf = (options: Partial<Parameters<typeof lowerRequest>[0]>) =>
  Result.getOrThrow(Result.flip(lower(options)))

const Weather = Tool.make("weather", {
  description: "Weather in a city",
  parameters: Schema.Struct({ city: Schema.String, unit: Schema.optionalKey(Schema.String) }),
  success: Schema.String
})

const toolCall = (id: string, name = "weather") =>
  ({ type: "tool-call", id, name, params: { city: "Paris" }, providerExecuted: false }) as const
const toolResult = (id: string, result: unknown, isFailure = false) =>
  ({ type: "tool-result", id, name: "weather", result, isFailure, providerExecuted: false }) as const
const wireCall = (id: string) => ({
  id,
  type: "function" as const,
  function: { name: "weather", arguments: '{"city":"Paris"}' }
})

describe("messages", () => {
  it("are what was said", () => {
    assert.deepStrictEqual(
      messages([
        { role: "system", content: "Be kind." },
        { role: "assistant", content: "Hello." },
        {
          role: "user",
          content: [
            { type: "text", text: "Hi, " },
            { type: "text", text: "you." }
          ]
        }
      ]),
      [
        { role: "system", content: "Be kind." },
        { role: "assistant", content: "Hello." },
        { role: "user", content: "Hi, you." }
      ]
    )
  })

  it("have no thoughts, and none without words", () => {
    assert.deepStrictEqual(
      messages([
        { role: "assistant", content: [{ type: "reasoning", text: "Hm." }] },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "Hm." },
            { type: "text", text: "Hello." }
          ]
        }
      ]),
      [{ role: "assistant", content: "Hello." }]
    )
  })

  it("have the result of a tool after its call", () => {
    assert.deepStrictEqual(
      messages([
        { role: "user", content: "Weather?" },
        { role: "assistant", content: [{ type: "text", text: "Let me see." }, toolCall("a")] },
        { role: "tool", content: [toolResult("a", "Rain")] }
      ]),
      [
        { role: "user", content: "Weather?" },
        { role: "assistant", content: "Let me see.", tool_calls: [wireCall("a")] },
        { role: "tool", tool_call_id: "a", content: "Rain" }
      ]
    )
  })

  const results: ReadonlyArray<readonly [name: string, part: ReturnType<typeof toolResult>, content: string]> = [
    ["text as it is", toolResult("a", "Rain"), "Rain"],
    ["other values as JSON", toolResult("a", { sky: "grey", degrees: 7 }), '{"sky":"grey","degrees":7}'],
    ["nothing as null", toolResult("a", undefined), "null"],
    ["a failure as an error", toolResult("a", { code: 7 }, true), '{"error":{"code":7}}']
  ]
  for (const [name, part, content] of results) {
    it(`give ${name} for a tool's result`, () =>
      assert.deepStrictEqual(
        messages([
          { role: "assistant", content: [toolCall("a")] },
          { role: "tool", content: [part] }
        ])[1],
        { role: "tool", tool_call_id: "a", content }
      ))
  }

  it("give what a tool has for the model, if it has", () => {
    const part = { ...toolResult("a", { long: "value" }), modelOutput: [{ type: "text", text: "short" }] } as const
    assert.deepStrictEqual(
      messages([
        { role: "assistant", content: [toolCall("a")] },
        { role: "tool", content: [part] }
      ])[1],
      { role: "tool", tool_call_id: "a", content: "short" }
    )
  })

  it("move results up to their calls, answer calls without one and drop results without a call", () => {
    assert.deepStrictEqual(
      messages([
        { role: "tool", content: [toolResult("forgotten", "x")] },
        { role: "assistant", content: [toolCall("a"), toolCall("b")] },
        { role: "user", content: "Still there?" },
        { role: "tool", content: [toolResult("b", "Snow")] }
      ]),
      [
        { role: "assistant", content: null, tool_calls: [wireCall("a"), wireCall("b")] },
        { role: "tool", tool_call_id: "a", content: '{"error":"The call was interrupted; there is no result."}' },
        { role: "tool", tool_call_id: "b", content: "Snow" },
        { role: "user", content: "Still there?" }
      ]
    )
  })

  it("keep results apart when a later turn uses an id again", () => {
    const turn = (result: string): ReadonlyArray<Prompt.MessageEncoded> => [
      { role: "assistant", content: [toolCall("0")] },
      { role: "tool", content: [toolResult("0", result)] }
    ]
    assert.deepStrictEqual(
      messages([...turn("Rain"), ...turn("Snow")]).flatMap((message) =>
        message.role === "tool" ? message.content : []
      ),
      ["Rain", "Snow"]
    )
  })

  it("are only words", () => {
    const prompt = Prompt.make([
      { role: "user", content: [{ type: "file", mediaType: "image/png", data: new Uint8Array([1]) }] }
    ])
    const reason = reasonOf({ prompt })
    assert.strictEqual(reason._tag, "InvalidUserInputError")
    assert.include(reason.message, '"image/png"; only text can be sent')
  })

  it("cannot hold a result that JSON cannot", () => {
    const prompt = Prompt.make([
      { role: "assistant", content: [toolCall("a")] },
      { role: "tool", content: [toolResult("a", { big: 1n })] }
    ])
    assert.strictEqual(reasonOf({ prompt })._tag, "ToolResultEncodingError")
  })
})

describe("a request", () => {
  it("asks for a short stream with usage", () => {
    assert.deepStrictEqual(request({}), {
      model: "m",
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.2,
      max_tokens: 400
    })
  })

  it("offers tools by their JSON schema", () => {
    assert.deepStrictEqual(request({ tools: [Weather] }).tools, [
      {
        type: "function",
        function: {
          name: "weather",
          description: "Weather in a city",
          parameters: {
            type: "object",
            properties: { city: { type: "string" }, unit: { type: "string" } },
            required: ["city"],
            additionalProperties: true
          }
        }
      }
    ])
  })

  it("names the properties of a tool that has none", () => {
    const parameters = request({ tools: [Tool.make("now")] }).tools?.[0]?.function.parameters
    assert.deepStrictEqual(parameters, { type: "object", properties: {}, additionalProperties: false })
  })

  it("says whether arguments must follow the schema to the letter", () => {
    const tools = request({ tools: [Weather.annotate(Tool.Strict, true)] }).tools
    assert.strictEqual(tools?.[0]?.function.strict, true)
  })

  const choices: ReadonlyArray<readonly [LanguageModel.ToolChoice<string>, ChatRequest["tool_choice"]]> = [
    ["auto", "auto"],
    ["none", "none"],
    ["required", "required"],
    [{ tool: "weather" }, { type: "function", function: { name: "weather" } }],
    [{ oneOf: ["weather"] }, "auto"],
    [{ mode: "required", oneOf: ["weather"] }, "required"]
  ]
  for (const [toolChoice, expected] of choices) {
    it(`turns the choice ${JSON.stringify(toolChoice)} into ${JSON.stringify(expected)}`, () =>
      assert.deepStrictEqual(request({ tools: [Weather], toolChoice }).tool_choice, expected))
  }

  it("says nothing of a choice when there are no tools", () =>
    assert.notProperty(request({ toolChoice: "none" }), "tool_choice"))

  it("asks for JSON by its schema", () => {
    const schema = Schema.Struct({ yes: Schema.Boolean })
    assert.deepStrictEqual(
      request({ responseFormat: { type: "json", objectName: "answer", schema } }).response_format,
      {
        type: "json_schema",
        json_schema: {
          name: "answer",
          schema: {
            type: "object",
            properties: { yes: { type: "boolean" } },
            required: ["yes"],
            additionalProperties: true
          }
        }
      }
    )
  })

  it("is refused for a tool name that the service does not take", () => {
    for (const name of ["look up", "look-up", "look.up", "", "x".repeat(65)]) {
      const reason = reasonOf({ tools: [Tool.make(name)] })
      assert.strictEqual(reason._tag, "ToolConfigurationError", name)
      assert.include(reason.message, "letters, digits and underscores")
    }
  })

  it("is refused for a tool of another provider", () => {
    const Search = Tool.providerDefined({ id: "other.search", customName: "Search", providerName: "search" })()
    assert.strictEqual(reasonOf({ tools: [Search] })._tag, "ToolConfigurationError")
  })

  it.effect("fits the schema of the wire", () =>
    Effect.gen(function* () {
      const body = request({ tools: [Weather, Tool.make("now")], toolChoice: { tool: "now" } })
      const decoded = yield* Schema.decodeUnknownEffect(ChatRequest)(JSON.parse(JSON.stringify(body)))
      assert.deepStrictEqual(decoded, body)
    })
  )
})
