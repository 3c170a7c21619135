import { assert, describe, it } from "@effect/vitest"
import { type ChatExchange } from "../../src/testing/ChatEmulator.ts"
import { toChatEmulator, toSttEmulator, toTtsEmulator } from "../../src/testing/EmulatorScripts.ts"
import { makeResampler } from "../../src/streams/Resample.ts"
import { speechOf } from "../../src/testing/ScriptedTextToSpeech.ts"
import { SttCommitFault } from "../../src/testing/SttScript.ts"
import { type TtsItem, TtsItemFault } from "../../src/testing/TtsScript.ts"
import { lexiconOf, soundOf } from "../../src/testing/WordSound.ts"

const exchange = (...said: ReadonlyArray<string>): ChatExchange => ({
  number: 7,
  body: {
    model: "scripted",
    stream: true,
    messages: [
      { role: "system", content: "Be brief." },
      ...said.map((content, n) =>
        n % 2 === 0 ? ({ role: "user", content } as const) : ({ role: "assistant", content } as const)
      )
    ]
  },
  headers: {},
  connection: 1
})

const item = (number: number, text = "Hello there."): TtsItem => ({ number, connection: 0, context: "c", text })

describe("the recogniser's script", () => {
  it("hears the same words at the emulator's rate", () => {
    const { words } = toSttEmulator({ words: lexiconOf("book a table for two") })
    const up = makeResampler(8000, 16_000)
    const samples = up.push(soundOf("a table for nobody"))
    assert.isFunction(words)
    assert.strictEqual(typeof words === "function" ? words({ number: 0, samples }) : "", "a table for")
    const heard: Array<number> = []
    const byFunction = toSttEmulator({ words: (samples) => `${heard.push(samples.length)}` }).words
    if (typeof byFunction === "function") byFunction({ number: 0, samples: new Int16Array(3200) })
    assert.deepStrictEqual(heard, [1600])
  })

  it("believes the same of what it has heard so far", () => {
    const up = makeResampler(8000, 16_000)
    const samples = up.push(soundOf("book a table for two"))
    const emulator = toSttEmulator({ words: lexiconOf("book a table for two"), interimEveryMs: 250, rewrites: true })
    const { beliefs } = emulator
    assert(beliefs !== undefined)
    assert.strictEqual(beliefs.everyMs, 250)
    const believe = beliefs.of(0)
    const told = [16, 32, 48, 64].map((ms) => believe(samples.subarray(0, ms * 250)))
    assert.deepStrictEqual(told, ["bo", "book a", "book a tab", "book a table fo"])
    assert.strictEqual(beliefs.of(1)(samples.subarray(0, 16 * 250)), "bo", "a segment of its own")
    assert.isUndefined(toSttEmulator({ words: [] }).beliefs)
  })

  it("is as late and goes wrong as often", () => {
    const script = toSttEmulator({
      words: [],
      delayMs: 90,
      answers: [
        { delayMs: 5 },
        { fault: { kind: "empty" } },
        { fault: { kind: "hang" } },
        { fault: { kind: "twice" } },
        { fault: { kind: "fail", reason: "Disconnected" } },
        { fault: { kind: "fail", reason: "Overloaded" } }
      ]
    })
    const latency = script.latency
    assert.deepStrictEqual(
      [0, 1, 9].map((commit) => (typeof latency === "function" ? latency(commit) : undefined)),
      [5, 90, 90]
    )
    assert.deepStrictEqual(
      [0, 1, 2, 3, 4, 6].map((commit) => script.commitFault?.(commit)),
      [
        undefined,
        SttCommitFault.Empty(),
        SttCommitFault.Silent(),
        SttCommitFault.Twice(),
        SttCommitFault.Cut(),
        undefined
      ]
    )
    assert.strictEqual(script.commitFault?.(5)?._tag, "FailItem")
  })
})

describe("the model's script", () => {
  const { replies } = toChatEmulator({
    replies: [
      "First.",
      { text: "Second.", firstTokenMs: 10, fault: { kind: "cut", afterTokens: 1 } },
      { fault: { kind: "refuse" } },
      { text: "Wait.", calls: [{ name: "Weather", params: { city: "Rome" } }], fault: { kind: "hang" } }
    ],
    tokensPerSecond: 30
  })
  const reply = (...said: ReadonlyArray<string>) =>
    typeof replies === "function" ? replies(exchange(...said)) : undefined

  it("replies to the same messages in the same words, at the same pace", () => {
    assert.deepInclude(reply("a"), { text: "First.", pace: { firstToken: 200, tokensPerSecond: 30 } })
    assert.deepInclude(reply("a", "First.", "b"), { text: "Second.", pace: { firstToken: 10, tokensPerSecond: 30 } })
  })

  it("fails in the same ways, and calls the same tools", () => {
    assert.deepInclude(reply("a", "First.", "b"), { fault: { kind: "cut", afterTokens: 1 } })
    assert.deepInclude(reply("a", "First.", "b", "Second.", "c"), { refusal: { status: 400 } })
    const last = reply("a", "First.", "b", "Second.", "c", "", "d")
    assert.deepInclude(last, { fault: { kind: "hang" } })
    assert.deepInclude(last, { toolCalls: [{ name: "Weather", arguments: { city: "Rome" } }] })
  })
})

describe("the voice's script", () => {
  it("speaks in the same voice, at the same pace, and fails at the same sentences", () => {
    const script = {
      firstByteMs: 80,
      pieceMs: 50,
      realTimeFactor: 0.25,
      sentences: [
        undefined,
        { firstByteMs: 9, fault: { kind: "fail", reason: "Disconnected", afterMs: 40 } },
        { fault: { kind: "no end" } },
        { fault: { kind: "hang" } },
        { fault: { kind: "silent" } }
      ]
    } as const
    const emulator = toTtsEmulator(script)
    assert.deepStrictEqual(emulator.audio?.(item(0)), speechOf(script, "Hello there."))
    assert.deepInclude(emulator, { sampleRate: 24_000, realTimeFactor: 0.25, deltaBytes: [2400] })
    const { firstAudio } = emulator
    assert.deepStrictEqual(
      [0, 1].map((number) => (typeof firstAudio === "function" ? firstAudio(item(number)) : undefined)),
      [80, 9]
    )
    assert.deepStrictEqual(
      [0, 1, 2, 3, 4].map((number) => emulator.itemFault?.(item(number))),
      [
        undefined,
        TtsItemFault.Cut({ afterMs: 40 }),
        TtsItemFault.NoDone(),
        TtsItemFault.Stall({ afterMs: 0 }),
        TtsItemFault.Silent()
      ]
    )
  })
})
