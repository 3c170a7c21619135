import { assert, describe, it } from "@effect/vitest"
import { type Response } from "effect/ai"
import { type ChatInput, type ChatOutput, initial, onHalt, step } from "../../src/layers/TogetherChatStream.ts"
import { type ChatChunk, type ChatDelta, type ChatUsage } from "../../src/schema/TogetherChat.ts"

const options = {
  endpoint: { model: "test-model", url: "http://localhost/v1/chat/completions" },
  tools: new Set(["weather", "now"]),
  json: false,
  id: "r"
}

/** Runs inputs through the machine, then the end of the stream. */
const run = (
  inputs: ReadonlyArray<ChatInput>,
  overrides: Partial<Parameters<typeof initial>[0]> = {}
): ReadonlyArray<ChatOutput> => {
  let state = initial({ ...options, ...overrides })
  const outputs: Array<ChatOutput> = []
  for (const input of inputs) {
    const [next, out] = step(state, input)
    state = next
    outputs.push(...out)
  }
  return [...outputs, ...onHalt(state)]
}

const chunk = (chunk: ChatChunk): ChatInput => ({ _tag: "Chunk", chunk })
const delta = (delta: ChatDelta, finish_reason: string | null = null, usage: ChatUsage | null = null): ChatInput =>
  chunk({ choices: [{ index: 0, delta, finish_reason }], usage })
const say = (content: string): ChatInput => delta({ content })
const finish = (reason = "stop", usage: ChatUsage | null = null): ChatInput => delta({ content: "" }, reason, usage)
const done: ChatInput = { _tag: "Done" }

/** Outputs as short words: one table row reads like the reply it describes. */
const summary = (outputs: ReadonlyArray<ChatOutput>): ReadonlyArray<string> =>
  outputs.map((output) => {
    switch (output._tag) {
      case "Failure":
        return `failure ${output.reason._tag}`
      case "Notice":
        return "notice"
      case "Part":
        return partSummary(output.part)
    }
  })

const partSummary = (part: Response.StreamPartEncoded): string => {
  switch (part.type) {
    case "text-start":
    case "text-end":
    case "reasoning-start":
    case "reasoning-end":
    case "tool-params-end":
      return `${part.type} ${part.id}`
    case "text-delta":
    case "reasoning-delta":
    case "tool-params-delta":
      return `${part.type} ${part.id} ${part.delta}`
    case "tool-params-start":
      return `${part.type} ${part.id} ${part.name}`
    case "tool-call":
      return `${part.type} ${part.id} ${part.name} ${JSON.stringify(part.params)}`
    case "finish":
      return `finish ${part.reason}`
    default:
      return part.type
  }
}

const failureOf = (outputs: ReadonlyArray<ChatOutput>): string => {
  const last = outputs.at(-1)
  return last?._tag === "Failure" ? last.reason.message : "no failure"
}

const finishOf = (outputs: ReadonlyArray<ChatOutput>): Response.FinishPartEncoded => {
  const finishes = outputs.flatMap((output) =>
    output._tag === "Part" && output.part.type === "finish" ? [output.part] : []
  )
  assert.strictEqual(finishes.length, 1, "exactly one finish part")
  const part = finishes[0]
  assert(part !== undefined)
  return part
}

const helloParts = ["text-start r-0", "text-delta r-0 Hello", "text-delta r-0  there", "text-end r-0"]
const weatherParts = [
  "tool-params-start c1 weather",
  'tool-params-delta c1 {"city":',
  'tool-params-delta c1 "Paris"}',
  "tool-params-end c1",
  'tool-call c1 weather {"city":"Paris"}'
]

interface Row {
  readonly name: string
  readonly inputs: ReadonlyArray<ChatInput>
  readonly outputs: ReadonlyArray<string>
}

const replies: ReadonlyArray<Row> = [
  {
    name: "text",
    inputs: [say("Hello"), say(" there"), finish(), done],
    outputs: [...helloParts, "finish stop"]
  },
  {
    name: "who answers, once",
    inputs: [
      chunk({ id: "x", model: "m", choices: [{ delta: { content: "Hi" } }] }),
      chunk({ id: "x", model: "m", choices: [] }),
      finish(),
      done
    ],
    outputs: ["response-metadata", "text-start r-0", "text-delta r-0 Hi", "text-end r-0", "finish stop"]
  },
  {
    name: "chunks without choices, delta or content",
    inputs: [
      chunk({}),
      chunk({ choices: null }),
      chunk({ choices: [] }),
      chunk({ choices: [{}] }),
      delta({ content: null }),
      say("Hello"),
      say(" there"),
      finish(),
      done
    ],
    outputs: [...helloParts, "finish stop"]
  },
  {
    name: "no choice but the first",
    inputs: [
      say("Hello"),
      chunk({
        choices: [
          { index: 1, delta: { content: "other" } },
          { index: 0, delta: { content: " there" } }
        ]
      }),
      finish(),
      done
    ],
    outputs: [...helloParts, "finish stop"]
  },
  {
    name: "a finish reason twice",
    inputs: [say("Hello"), say(" there"), finish(), finish(), done],
    outputs: [...helloParts, "finish stop"]
  },
  {
    name: "text after a finish reason",
    inputs: [say("Hello"), delta({ content: " there" }, "stop"), finish(), done],
    outputs: [...helloParts, "finish stop"]
  },
  {
    name: "no last event, but a finish reason",
    inputs: [say("Hello"), say(" there"), finish()],
    outputs: [...helloParts, "finish stop"]
  },
  {
    name: "a last event without a finish reason",
    inputs: [say("Hello"), say(" there"), done],
    outputs: [...helloParts, "finish stop"]
  },
  {
    name: "nothing after the last event",
    inputs: [say("Hello"), say(" there"), done, say("more"), done],
    outputs: [...helloParts, "finish stop"]
  },
  {
    name: "thoughts apart from text",
    inputs: [
      delta({ reasoning: "Hm." }),
      delta({ reasoning_content: " Well." }),
      say("Hello"),
      delta({ reasoning: "More?" }),
      say(" there"),
      finish(),
      done
    ],
    outputs: [
      "reasoning-start r-0",
      "reasoning-delta r-0 Hm.",
      "reasoning-delta r-0  Well.",
      "reasoning-end r-0",
      "text-start r-1",
      "text-delta r-1 Hello",
      "text-end r-1",
      "reasoning-start r-2",
      "reasoning-delta r-2 More?",
      "reasoning-end r-2",
      "text-start r-3",
      "text-delta r-3  there",
      "text-end r-3",
      "finish stop"
    ]
  },
  {
    name: "a tool call as recorded: an early finish reason, then another",
    inputs: [
      delta({ content: "" }),
      delta({ tool_calls: [{ index: 0, id: "c1", function: { name: "weather", arguments: "" } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] }, "tool_calls"),
      finish("tool_calls"),
      done
    ],
    outputs: [...weatherParts, "finish tool-calls"]
  },
  {
    name: "fragments after the finish reason",
    inputs: [
      delta({ tool_calls: [{ index: 0, id: "c1", function: { name: "weather" } }] }, "tool_calls"),
      delta({ tool_calls: [{ index: 0, id: "c1", function: { arguments: '{"city":' } }] }),
      delta({ tool_calls: [{ index: 0, id: null, function: { name: null, arguments: '"Paris"}' } }] }),
      done
    ],
    outputs: [...weatherParts, "finish tool-calls"]
  },
  {
    name: "a name that comes late",
    inputs: [
      delta({ tool_calls: [{ index: 0, id: "c1" }] }),
      delta({ tool_calls: [{ index: 0, function: { name: "now", arguments: "{}" } }] }),
      finish("tool_calls"),
      done
    ],
    outputs: [
      "tool-params-start c1 now",
      "tool-params-delta c1 {}",
      "tool-params-end c1",
      "tool-call c1 now {}",
      "finish tool-calls"
    ]
  },
  {
    name: "two calls whose fragments alternate",
    inputs: [
      delta({
        tool_calls: [
          { index: 0, id: "a", function: { name: "now" } },
          { index: 1, id: "b", function: { name: "weather", arguments: "{" } }
        ]
      }),
      delta({ tool_calls: [{ index: 0, function: { arguments: "{}" } }] }),
      delta({ tool_calls: [{ index: 1, function: { arguments: "}" } }] }),
      finish("tool_calls"),
      done
    ],
    outputs: [
      "tool-params-start a now",
      "tool-params-start b weather",
      "tool-params-delta b {",
      "tool-params-delta a {}",
      "tool-params-delta b }",
      "tool-params-end a",
      "tool-call a now {}",
      "tool-params-end b",
      "tool-call b weather {}",
      "finish tool-calls"
    ]
  },
  {
    name: "calls without index, id or text arguments",
    inputs: [
      delta({ tool_calls: [{ function: { name: "weather", arguments: { city: "Paris" } } }] }),
      delta({ tool_calls: [{ id: "b", function: { name: "now" } }] }),
      delta({ tool_calls: [{ function: { arguments: "{}" } }] }),
      finish("tool_calls"),
      done
    ],
    outputs: [
      "tool-params-start r-call-0 weather",
      'tool-params-delta r-call-0 {"city":"Paris"}',
      "tool-params-start b now",
      "tool-params-delta b {}",
      "tool-params-end r-call-0",
      'tool-call r-call-0 weather {"city":"Paris"}',
      "tool-params-end b",
      "tool-call b now {}",
      "finish tool-calls"
    ]
  },
  {
    name: "a call without arguments",
    inputs: [
      delta({ tool_calls: [{ index: 0, id: "c", function: { name: "now", arguments: "" } }] }),
      finish("stop"),
      done
    ],
    outputs: ["tool-params-start c now", "tool-params-end c", "tool-call c now {}", "finish tool-calls"]
  },
  {
    name: "text before a call",
    inputs: [
      say("Hello"),
      say(" there"),
      delta({ tool_calls: [{ index: 0, id: "c", function: { name: "now" } }] }),
      finish("tool_calls"),
      done
    ],
    outputs: [...helloParts, "tool-params-start c now", "tool-params-end c", "tool-call c now {}", "finish tool-calls"]
  },
  {
    name: "a call written as text",
    inputs: [
      say("Hello"),
      say(" there"),
      say("<function=we"),
      say('ather>{"city":"Paris"}</function>'),
      finish(),
      done
    ],
    outputs: [
      ...helloParts,
      "tool-params-start r-call-0 weather",
      'tool-params-delta r-call-0 {"city":"Paris"}',
      "tool-params-end r-call-0",
      'tool-call r-call-0 weather {"city":"Paris"}',
      "finish tool-calls"
    ]
  },
  {
    name: "a call of an unknown tool written as text",
    inputs: [say("Hello"), say(" there"), say("<function=fly>{}</function>"), finish(), done],
    outputs: [...helloParts, "notice", "finish stop"]
  },
  {
    name: "a reply cut by the token limit",
    inputs: [say("Hello"), say(" there"), finish("length"), done],
    outputs: [...helloParts, "finish length"]
  },
  {
    name: "a finish reason that is not on the last chunk",
    inputs: [say("Hello"), say(" there"), finish("length"), delta({ content: "" })],
    outputs: [...helloParts, "finish length"]
  },
  {
    name: "a reply that was filtered away",
    inputs: [finish("content_filter"), done],
    outputs: ["finish content-filter"]
  },
  {
    name: "a finish reason nobody knows",
    inputs: [say("Hello"), say(" there"), finish("aliens"), done],
    outputs: [...helloParts, "finish other"]
  },
  {
    name: "a connection lost after the model had finished",
    inputs: [say("Hello"), say(" there"), finish("eos"), { _tag: "Failed", reason: { _tag: "irrelevant" } as never }],
    outputs: [...helloParts, "finish stop"]
  }
]

const failures: ReadonlyArray<Row & { readonly message: RegExp }> = [
  {
    name: "an error object",
    inputs: [say("Hello"), chunk({ error: { message: "secret words", type: "server_error", code: null } })],
    outputs: ["text-start r-0", "text-delta r-0 Hello", "failure InternalProviderError"],
    message: /could not answer with the model "test-model" \(status 500, server_error\)/
  },
  {
    name: "an error that is a string",
    inputs: [chunk({ error: "secret words" })],
    outputs: ["failure InternalProviderError"],
    message: /could not answer/
  },
  {
    name: "an error object about the rate",
    inputs: [chunk({ error: { type: "dynamic_request_limited" } })],
    outputs: ["failure RateLimitError"],
    message: /Rate limit/
  },
  {
    name: "an error object with a status for its code",
    inputs: [chunk({ error: { message: "secret words", code: 402 } })],
    outputs: ["failure QuotaExhaustedError"],
    message: /Quota/
  },
  {
    name: "an end without an end",
    inputs: [say("Hello")],
    outputs: ["text-start r-0", "text-delta r-0 Hello", "failure InternalProviderError"],
    message: /answer of the model "test-model" broke off/
  },
  { name: "no chunk at all", inputs: [], outputs: ["failure InvalidResponseError"], message: /without a single chunk/ },
  {
    name: "an empty reply",
    inputs: [finish(), done],
    outputs: ["failure InvalidOutputError"],
    message: /"test-model" said nothing/
  },
  {
    name: "a blank reply",
    inputs: [say("  \n"), finish(), done],
    outputs: ["failure InvalidOutputError"],
    message: /said nothing/
  },
  {
    name: "an empty reply at the token limit",
    inputs: [finish("length"), done],
    outputs: ["failure InvalidOutputError"],
    message: /token limit/
  },
  {
    name: "thoughts without words",
    inputs: [delta({ reasoning: "Hm." }), finish(), done],
    outputs: ["reasoning-start r-0", "reasoning-delta r-0 Hm.", "reasoning-end r-0", "failure InvalidOutputError"],
    message: /thought but said nothing/
  },
  {
    name: "nothing but an unknown tool's call written as text",
    inputs: [say("<function=fly>{}</function>"), finish(), done],
    outputs: ["notice", "failure InvalidOutputError"],
    message: /calls none of the offered tools/
  },
  {
    name: "a call of a tool that was not offered",
    inputs: [
      delta({ tool_calls: [{ index: 0, id: "c", function: { name: "fly", arguments: "{}" } }] }),
      finish("tool_calls"),
      done
    ],
    outputs: ["tool-params-start c fly", "tool-params-delta c {}", "failure ToolNotFoundError"],
    message: /'fly' not found. Available tools: weather, now/
  },
  {
    name: "arguments that are not JSON",
    inputs: [
      delta({ tool_calls: [{ index: 0, id: "c", function: { name: "weather", arguments: '{"city":"secret wor' } }] }),
      finish("length"),
      done
    ],
    outputs: ["tool-params-start c weather", 'tool-params-delta c {"city":"secret wor', "failure InvalidOutputError"],
    message: /called the tool "weather" with arguments that are not JSON/
  }
]

describe("a completion", () => {
  for (const { inputs, name, outputs } of replies) {
    it(`has ${name}`, () => assert.deepStrictEqual(summary(run(inputs)), outputs))
  }
})

describe("a completion fails", () => {
  for (const { inputs, message, name, outputs } of failures) {
    it(`by ${name}`, () => {
      const got = run(inputs)
      assert.deepStrictEqual(summary(got), outputs)
      assert.match(failureOf(got), message)
      assert.notInclude(failureOf(got), "secret")
    })
  }
})

describe("tools", () => {
  const fly = delta({ tool_calls: [{ index: 0, id: "c", function: { name: "fly", arguments: "{}" } }] })

  it("may have any name when they are checked elsewhere", () =>
    assert.include(summary(run([fly, finish("tool_calls"), done], { tools: undefined })), "tool-call c fly {}"))

  it("cannot be called by text when none are offered", () => {
    const outputs = run([say('{"name":"now","parameters":{}}'), finish(), done], { tools: new Set<string>() })
    assert.deepStrictEqual(summary(outputs), ["notice", "failure InvalidOutputError"])
  })

  it("are not looked for in JSON that was asked for", () => {
    const outputs = run([say('{"name":"now","parameters":{}}'), finish(), done], { json: true })
    assert.include(summary(outputs), 'text-delta r-0 {"name":"now","parameters":{}}')
    assert.strictEqual(finishOf(outputs).reason, "stop")
  })
})

describe("usage", () => {
  const total = { total_tokens: 30, prompt_tokens: 20, completion_tokens: 10 }
  const counted = {
    inputTokens: { total: 20, cacheRead: 8, cacheWrite: undefined, uncached: 12 },
    outputTokens: { total: 10, reasoning: 4, text: 6 }
  }
  const flat = { ...total, cached_tokens: 8, reasoning_tokens: 4 }
  const nested = {
    ...total,
    prompt_tokens_details: { cached_tokens: 8 },
    completion_tokens_details: { reasoning_tokens: 4 }
  }
  const rows: ReadonlyArray<readonly [name: string, inputs: ReadonlyArray<ChatInput>]> = [
    ["with the finish reason", [say("Hi"), finish("stop", flat), done]],
    ["nested", [say("Hi"), finish("stop", nested), done]],
    ["in a later chunk without choices", [say("Hi"), finish(), chunk({ choices: [], usage: flat }), done]],
    ["before the second finish reason", [say("Hi"), finish("stop", flat), finish(), done]]
  ]
  for (const [name, inputs] of rows) {
    it(`comes ${name}`, () => assert.deepStrictEqual(finishOf(run(inputs)).usage, counted))
  }

  it("may be missing", () => {
    const { usage } = finishOf(run([say("Hi"), finish(), done]))
    assert.strictEqual(usage.inputTokens.total, undefined)
    assert.strictEqual(usage.outputTokens.total, undefined)
  })
})
