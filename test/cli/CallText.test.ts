import { assert, describe, it } from "@effect/vitest"
import { stripVTControlCharacters } from "node:util"
import { type CallSummary, type TurnSummary } from "../../src/cli/CallSummary.ts"
import { renderSummary } from "../../src/cli/CallText.ts"

const turn = (turn: number, said: string, more: Partial<TurnSummary> = {}): TurnSummary => ({
  turn,
  said,
  startMs: 5110,
  endMs: 7020,
  answerAtMs: 7830,
  voiceToVoiceMs: 810,
  bargeIn: null,
  problem: null,
  ...more
})

const unanswered = { answerAtMs: null, voiceToVoiceMs: null, problem: "Too bad." }

const summary: CallSummary = {
  url: "http://127.0.0.1:3001/twiml",
  callSid: "CA1",
  durationMs: 16_000,
  end: "caller hung up",
  greetingMs: 420,
  turns: [turn(1, "What time do you open?")],
  timeline: [
    { by: "agent", startMs: 420, endMs: 4310, said: "", interrupted: false },
    { by: "caller", startMs: 5110, endMs: 7020, said: "What time do you open?", interrupted: false },
    { by: "agent", startMs: 7830, endMs: 12_000, said: "", interrupted: true },
    { by: "caller", startMs: 11_600, endMs: 11_610, said: "Stop!", interrupted: false }
  ],
  transcript: null,
  notes: [],
  recording: null,
  answered: true
}

const plain = { columns: 60, colors: false }

const lines = (more: Partial<CallSummary>, style = plain) => renderSummary({ ...summary, ...more }, style).split("\n")

/** The lines of a section, without its title. */
const section = (title: string, more: Partial<CallSummary>, style = plain) => {
  const all = lines(more, style)
  const from = all.indexOf(title) + 1
  return from === 0
    ? undefined
    : all.slice(
        from,
        all.findIndex((line, n) => n >= from && /^(?:[A-Z].*)?$/.test(line))
      )
}

describe("renderSummary", () => {
  it("shows the call, who spoke when, and how long the caller waited", () => {
    assert.deepStrictEqual(lines({}), [
      "Call to http://127.0.0.1:3001/twiml, 16.0 s, caller hung up",
      "",
      "Timeline",
      "          0 s            5 s            10 s           15 s",
      "  caller  ················█████···············█············",
      "  agent   ·████████████···········█████████████············",
      "",
      "    0.42 s –   4.31 s  agent",
      "    5.11 s –   7.02 s  caller  What time do you open?",
      "    7.83 s –  12.00 s  agent   interrupted",
      "   11.60 s –  11.61 s  caller  Stop!",
      "",
      "Latency",
      "                               voice to voice",
      "  greeting, from the start             420 ms",
      "  1  What time do you open?            810 ms",
      ""
    ])
  })

  it("has a column for interruptions if there are any, and says what there is no time for", () => {
    const turns = [
      turn(1, "one", { bargeIn: { wantedAfterMs: 800, afterMs: 801, agentSilentAfterMs: 340 } }),
      turn(2, "two", { bargeIn: { wantedAfterMs: 800, afterMs: null, agentSilentAfterMs: null }, ...unanswered }),
      turn(3, "three", { startMs: null, endMs: null, ...unanswered })
    ]
    assert.deepStrictEqual(section("Latency", { turns, greetingMs: null }), [
      "                              voice to voice    agent silent after",
      "  greeting, from the start              none",
      "  1  one                              810 ms                340 ms",
      "  2  two                           no answer            was silent",
      "  3  three                          not said"
    ])
  })

  it("sets numbers of turns under each other", () => {
    const turns = Array.from({ length: 10 }, (_, n) => turn(n + 1, "x"))
    assert.deepStrictEqual(
      section("Latency", { turns })?.map((line) => line.slice(0, 7)),
      ["       ", "  greet", ...turns.map(({ turn }) => `  ${turn === 10 ? "10" : ` ${turn}`}  x`)]
    )
  })

  it("breaks the transcript into lines and marks what was not heard", () => {
    const transcript = [
      { by: "agent", text: "We open at nine in the morning on weekdays, and at ten", unheard: "on Saturdays." },
      { by: "caller", text: "", unheard: "" }
    ] as const
    assert.deepStrictEqual(section("Transcript", { transcript }), [
      "  agent   We open at nine in the morning on weekdays, and",
      "          at ten",
      "          (not heard: on Saturdays.)",
      "  caller  (no words)"
    ])
    assert.isUndefined(section("Transcript", { transcript: [] }))
  })

  it("cuts long words off in the timeline and in the table", () => {
    const said = "a rather long thing to say on the phone, which goes on and on and on"
    const [row = ""] = (section("Latency", { turns: [turn(1, said)] }) ?? []).slice(-1)
    assert.match(row, /^ {2}1 {2}a rather long thing to say on….* 810 ms$/)
    assert.isAtMost(row.length, 60)
    const timeline = [{ by: "caller", startMs: 0, endMs: 1000, said, interrupted: false }] as const
    assert.include(lines({ timeline }).join("\n"), "    0.00 s –   1.00 s  caller  a rather long thing to say…\n")
  })

  it("ends with notes and the recording", () => {
    assert.deepStrictEqual(lines({ notes: ["It is hot."], recording: "call.wav" }).slice(-5), [
      "Notes",
      "  It is hot.",
      "",
      "Recorded to call.wav: caller on the left channel, agent on the right",
      ""
    ])
  })

  it.each([
    [0, " ".repeat(10)],
    [900, "          0 s"],
    [59_000, "          0 s     10 s    20 s    30 s     40 s    50 s"],
    [7_200_000, "          0 s         1800 s      3600 s      5400 s"],
    [720_000_000, "          0 s"]
  ])("has a scale that fits %o ms into the columns", (durationMs, scale) => {
    assert.strictEqual(section("Timeline", { durationMs, timeline: [] })?.[0], scale)
  })

  it("uses colors only where they are wanted", () => {
    const colored = renderSummary({ ...summary, notes: ["It is hot."] }, { columns: 80, colors: true })
    assert.include(colored, "\u001b[1mTimeline\u001b[0m")
    assert.strictEqual(
      stripVTControlCharacters(colored),
      renderSummary({ ...summary, notes: ["It is hot."] }, { columns: 80, colors: false })
    )
  })
})
