import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type GuideMessage, nextWords, sandboxPersona } from "../../src/layers/SandboxGuide.ts"
import { aboutSeconds, numberWords, readNumber } from "../../src/layers/SandboxNumbers.ts"
import { describeSpeech } from "../../src/layers/SandboxTranscript.ts"

const caller = (text: string): GuideMessage => ({ role: "user", text })
const agent = (text: string): GuideMessage => ({ role: "assistant", text })

const speech = (seconds: number) => caller(describeSpeech(seconds * 1000))

/** What is said to each turn of a caller who hears everything to its end. */
const conversation = (...turns: ReadonlyArray<GuideMessage>): ReadonlyArray<string> => {
  const messages: Array<GuideMessage> = [agent(sandboxPersona.greeting)]
  return turns.map((turn) => {
    messages.push(turn)
    const words = nextWords(messages)
    messages.push(agent(words))
    return words
  })
}

describe("SandboxGuide", () => {
  const table: ReadonlyArray<readonly [words: string, answer: RegExp]> = [
    ["help", /^I answer the phone, .* no language model here/],
    ["What can you do?", /^I answer the phone/],
    ["who are you", /no language model/],
    ["Please count for me", /^I count to thirty\. .* One\. Two\. Three\. .* Twenty-nine\. Thirty\.$/],
    ["count to 5", /Four\. Five\.$/],
    ["count up to twenty-one please", /Twenty\. Twenty-one\.$/],
    ["count to a million", /Thirty\.$/],
    ["count to 0", /Thirty\.$/],
    ["what counts here", /^You typed: what counts here\./],
    ["Goodbye!", /Goodbye!$/],
    ["The sky is blue", /^You typed: The sky is blue\. I can only repeat it, for there is no language model here\. /],
    ["Is it?", /^You typed: Is it\? I can only/],
    ["how long did I speak?", /^I have not heard you speak yet\./],
    ["(The caller pressed 4 * 0 #)", /^You pressed four, star, zero, pound\. /],
    ["(The caller pressed A)", /^You pressed A\. /],
    ["(The caller pressed 1)", /^You pressed one\. I count to thirty\./],
    ["(The caller pressed 1 #)", /^You pressed one, pound\. I count to thirty\./],
    ["(The caller pressed 2)", /^You pressed two\. I have not heard you speak yet\./],
    ["(The caller pressed 3)", /^You pressed three\. I answer the phone/],
    ["(The caller pressed 1 2 3)", /^You pressed one, two, three\. /],
    ["[1.8s of speech]", /^I heard you speak for about two seconds\. .* no ears for words/],
    ["[0.3s of speech]", /^I heard you speak for about half a second\. /],
    ["[1s of speech] [1.4s of speech]", /for about two and a half seconds, with a pause in between\./],
    ["[1s of speech] help", /^I answer the phone/],
    ["   ", /^I answer the phone/]
  ]
  it.each(table)("to %j it says %s", (words, answer) => assert.match(nextWords([caller(words)]), answer))

  it("explains something else every time, until it has explained everything", () => {
    const turns = Array.from({ length: 9 }, () => speech(2))
    const tips = conversation(...turns).map((words) => words.replace(/^I heard you[^.]*\. (What you said.*?\. )?/, ""))
    assert.strictEqual(new Set(tips.slice(0, 8)).size, 8)
    assert.strictEqual(tips[8], tips[0])
  })

  it("says only once that it has no ears for words", () => {
    const [first, second] = conversation(speech(1), speech(1))
    assert.include(first, "no ears for words")
    assert.notInclude(second, "no ears for words")
  })

  it("knows when it was interrupted, by what was heard of it", () => {
    const counting = [agent(sandboxPersona.greeting), caller("count")]
    const interrupted = [...counting, agent("I count to thirty. Interrupt me whenever you like. One. Two."), speech(1)]
    assert.match(nextWords(interrupted), /^I heard you speak for about one second, and you interrupted me\./)
    const finished = [...counting, agent(nextWords(counting)), speech(1)]
    assert.match(nextWords(finished), /^I heard you speak for about one second\./)
    assert.match(nextWords([agent("Hello, this is the Parley"), speech(1)]), /and you interrupted me/)
    assert.match(nextWords([agent("Are you still there?"), speech(1)]), /^I heard you speak for about one second\./)
  })

  it("adds up what it heard", () => {
    const messages = [
      agent(sandboxPersona.greeting),
      speech(2),
      agent("I heard you speak"),
      speech(1.5),
      agent("I heard you speak for about one"),
      caller("(The caller pressed 2)")
    ]
    assert.strictEqual(
      nextWords(messages),
      "You pressed two. So far you spoke twice, for about three and a half seconds in all, and you interrupted me twice."
    )
    const [, report] = conversation(speech(2), caller("how long have I spoken?"))
    assert.strictEqual(report, "So far you spoke once, for about two seconds in all, and you did not interrupt me.")
  })

  it("does not read out more of a long text than anybody wants to hear", () => {
    const words = nextWords([caller("blah ".repeat(200))])
    assert.match(words, /blah, and so on\. I can only repeat it/)
    assert.isBelow(words.length, 450)
  })

  it("greets when nothing was said", () => assert.strictEqual(nextWords([]), sandboxPersona.greeting))

  it("says what it can do when nobody asked", () => assert.match(nextWords([agent("Hm.")]), /^I answer the phone/))

  const Messages = Schema.Array(Schema.Struct({ role: Schema.Literals(["user", "assistant"]), text: Schema.String }))

  it.prop("says something to everything, the same every time", [Messages], ([messages]) => {
    const words = nextWords(messages)
    assert.match(words, /[.!?]$/)
    assert.strictEqual(nextWords(messages), words)
  })
})

describe("SandboxNumbers", () => {
  const names: ReadonlyArray<readonly [number, string]> = [
    [0, "zero"],
    [13, "thirteen"],
    [20, "twenty"],
    [21, "twenty-one"],
    [99, "ninety-nine"],
    [100, "100"],
    [1.5, "1.5"]
  ]
  it.each(names)("%d is %s", (value, name) => assert.strictEqual(numberWords(value), name))

  it("reads what it writes", () => {
    for (let value = 0; value < 100; value++) {
      assert.strictEqual(readNumber(numberWords(value)), value)
      assert.strictEqual(readNumber(` ${value} `), value)
    }
    assert.isUndefined(readNumber("many"))
    assert.isUndefined(readNumber(""))
  })

  const lengths: ReadonlyArray<readonly [number, string]> = [
    [0.1, "about half a second"],
    [0.9, "about one second"],
    [1.5, "about one and a half seconds"],
    [2.1, "about two seconds"],
    [61, "about sixty-one seconds"],
    [98.8, "about ninety-nine seconds"],
    [150, "about three minutes"]
  ]
  it.each(lengths)("%d s is %s", (seconds, words) => assert.strictEqual(aboutSeconds(seconds), words))
})
