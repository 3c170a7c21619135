import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AgentVoice from "../../src/testing/AgentVoice.ts"
import {
  type CallerScript,
  decide,
  hangUp,
  interrupt,
  listen,
  pause,
  press,
  reset,
  say,
  sendRaw,
  stepsOf,
  waitUntilAgentHangsUp,
  waitUntilAgentQuiet,
  waitUntilAgentSpeaks
} from "../../src/testing/CallerScript.ts"
import { type Decided, initial, type ScriptState, step, waitsForHangUp } from "../../src/testing/ScriptRunner.ts"
import { encodeMulaw } from "../../src/streams/Mulaw.ts"
import { join, quiet, tone } from "./Sounds.ts"

interface Options {
  /** What the agent says, from the beginning of the call. */
  readonly agent?: Int16Array
  /** What a `decide` gives, one frame later. */
  readonly decided?: Decided
  readonly untilMs?: number
}

/** Plays a script frame by frame; outputs in one line each, times in milliseconds, an utterance's audio put together. */
const play = (script: CallerScript, { agent = quiet(0), decided, untilMs = 40_000 }: Options = {}) => {
  const lines: Array<string> = []
  let state: ScriptState = initial(script)
  let voice = AgentVoice.initial
  let answer: Decided | undefined
  let said: { from: number; until: number } | undefined
  const endSaid = (): void => {
    if (said !== undefined) lines.push(`said ${said.from / 8}-${said.until / 8}`)
    said = undefined
  }
  for (let from = 0; from < untilMs * 8 && !state.finished; from += 160) {
    const heard = encodeMulaw(agent.subarray(from, from + 160))
    voice = AgentVoice.hear(voice, from, heard, 1)
    const [next, outputs] = step(state, { from, to: from + 160, agent: voice, decided: answer })
    state = next
    answer = undefined
    for (const output of outputs) {
      if (output._tag === "Voice") {
        assert.isTrue(output.at >= from && output.at + output.samples.length <= from + 160)
        if (said?.until !== output.at) endSaid()
        said = { from: said?.from ?? output.at, until: output.at + output.samples.length }
        continue
      }
      endSaid()
      if (output._tag === "UtteranceStarted") lines.push(`${output.at / 8} begins "${output.text}"`)
      else if (output._tag === "Key") lines.push(`${output.at / 8} key ${output.digit}`)
      else if (output._tag === "Raw") lines.push(`${output.at / 8} raw ${output.frame}`)
      else if (output._tag === "Failed") lines.push(`${output.at / 8} step ${output.step} failed: ${output.message}`)
      else if (output._tag === "Decide") {
        lines.push("decides")
        answer = decided
      } else lines.push(`${output.at / 8} ${output._tag}`)
    }
  }
  endSaid()
  return lines
}

const hello = { audio: tone(50), text: "hello" }

describe("ScriptRunner", () => {
  it.each<readonly [string, CallerScript, Options, ReadonlyArray<string>]>([
    ["hangs up at the end", [], {}, ["0 HangUp"]],
    [
      "says one thing after the other",
      [say(hello), say(tone(15)), hangUp],
      {},
      ['0 begins "hello"', "said 0-50", '50 begins ""', "said 50-65", "65 HangUp"]
    ],
    [
      "pauses to the sample",
      [pause(33.125), say(hello)],
      {},
      ['33.125 begins "hello"', "said 33.125-83.125", "83.125 HangUp"]
    ],
    [
      "does nested steps in order",
      [[pause(10), [say(hello)]], pause(5)],
      {},
      ['10 begins "hello"', "said 10-60", "65 HangUp"]
    ],
    [
      "presses keys at even distances",
      [pause(30), press("1#*D", 100), hangUp],
      {},
      ["30 key 1", "130 key #", "230 key *", "330 key D", "430 HangUp"]
    ],
    ["sends raw frames", [pause(30), sendRaw("{"), sendRaw("}")], {}, ["30 raw {", "30 raw }", "30 HangUp"]],
    ["is lost", [pause(30), reset, say(hello)], {}, ["30 Reset"]],
    [
      "waits for the agent's first sound",
      [waitUntilAgentSpeaks(), say(hello)],
      { agent: join(quiet(111), tone(500)) },
      ['111 begins "hello"', "said 111-161", "161 HangUp"]
    ],
    [
      "does not wait for an agent that is speaking",
      [pause(70), waitUntilAgentSpeaks()],
      { agent: tone(500) },
      ["70 HangUp"]
    ],
    [
      "waits for the agent to be quiet",
      [pause(5), waitUntilAgentQuiet(250)],
      { agent: join(tone(95), quiet(100), tone(40)) },
      ["485 HangUp"]
    ],
    [
      "does not take the end of one reply for the next",
      [listen(100), say(hello), listen(100)],
      { agent: join(tone(60), quiet(640), tone(40)) },
      ['160 begins "hello"', "said 160-210", "840 HangUp"]
    ],
    [
      "listens to a reply that begins late",
      [listen(), say(hello)],
      { agent: join(quiet(900), tone(200)) },
      ['1400 begins "hello"', "said 1400-1450", "1450 HangUp"]
    ],
    [
      "gives up on an agent that says nothing",
      [waitUntilAgentSpeaks({ timeoutMs: 1234 }), say(hello)],
      {},
      [
        "1234 step 0 failed: the agent said nothing within 1.234 s",
        '1234 begins "hello"',
        "said 1234-1284",
        "1284 HangUp"
      ]
    ],
    [
      "gives up on an agent that speaks too late, even in the same frame",
      [waitUntilAgentSpeaks({ timeoutMs: 105 })],
      { agent: join(quiet(110), tone(100)) },
      ["105 step 0 failed: the agent said nothing within 0.105 s", "105 HangUp"]
    ],
    [
      "gives up on an agent that never stops",
      [pause(10), waitUntilAgentQuiet(300, { timeoutMs: 500 })],
      { agent: tone(5000) },
      ["510 step 1 failed: the agent was not quiet for 300 ms within 0.5 s", "510 HangUp"]
    ],
    [
      "gives up on an agent that does not hang up",
      [waitUntilAgentHangsUp({ timeoutMs: 90 })],
      {},
      ["90 step 0 failed: the agent did not end the call within 0.09 s", "90 HangUp"]
    ],
    [
      "cuts in, counted from the agent's first sound",
      [interrupt({ afterMs: 800, say: hello }), pause(7)],
      { agent: join(quiet(123), tone(3000)) },
      ['923 begins "hello"', "said 923-973", "980 HangUp"]
    ],
    [
      "cuts in at once when the moment has passed",
      [pause(1000), interrupt({ afterMs: 800, say: hello })],
      { agent: tone(3000) },
      ['1000 begins "hello"', "said 1000-1050", "1050 HangUp"]
    ],
    [
      "says so when there was nothing to cut into",
      [interrupt({ afterMs: 800, say: hello }), hangUp],
      { agent: tone(300) },
      [
        "800 step 0 failed: the agent was quiet again 800 ms into its reply: nothing was interrupted",
        '800 begins "hello"',
        "said 800-850",
        "850 HangUp"
      ]
    ],
    [
      "counts what an interruption says to the interruption",
      [interrupt({ afterMs: 0, say: hello, timeoutMs: 100 }), waitUntilAgentSpeaks({ timeoutMs: 100 })],
      {},
      [
        "100 step 0 failed: the agent said nothing to interrupt in 0.1 s",
        '100 begins "hello"',
        "said 100-150",
        "250 step 1 failed: the agent said nothing within 0.1 s",
        "250 HangUp"
      ]
    ],
    [
      "goes on with what was decided",
      [pause(5), decide("what next", Effect.never), pause(5)],
      { decided: { _tag: "Steps", script: [[say(hello)]] } },
      ["decides", '20 begins "hello"', "said 20-70", "75 HangUp"]
    ],
    [
      "goes on without a decision that took too long",
      [decide("what next", Effect.never, { timeoutMs: 10 }), say(hello)],
      { decided: { _tag: "TimedOut" } },
      [
        "decides",
        "20 step 0 failed: what next was not done within 0.01 s",
        '20 begins "hello"',
        "said 20-70",
        "70 HangUp"
      ]
    ],
    ["waits for a decision in silence", [decide("what next", Effect.never)], { untilMs: 1000 }, ["decides"]]
  ])("%s", (_, script, options, expected) => {
    assert.deepStrictEqual(play(script, options), expected)
  })

  it("says every sample of the audio, once", () => {
    const audio = Int16Array.from({ length: 1000 }, (_, n) => n)
    let state = initial([pause(3), say(audio)])
    const said: Array<number> = []
    for (let from = 0; from < 2000; from += 160) {
      const [next, outputs] = step(state, { from, to: from + 160, agent: AgentVoice.initial, decided: undefined })
      state = next
      for (const output of outputs) if (output._tag === "Voice") said.push(...output.samples)
    }
    assert.deepStrictEqual(said, [...audio])
  })

  it("knows when nothing is left to do but hanging up", () => {
    assert.isTrue(waitsForHangUp(initial([waitUntilAgentHangsUp(), hangUp])))
    assert.isTrue(waitsForHangUp(initial([waitUntilAgentHangsUp()])))
    assert.isFalse(waitsForHangUp(initial([waitUntilAgentHangsUp(), say(hello)])))
    assert.isFalse(waitsForHangUp(initial([pause(10), waitUntilAgentHangsUp()])))
  })
})

describe("CallerScript", () => {
  it("refuses what cannot be done, by name", () => {
    assert.throws(() => pause(-1), /pause is -1; milliseconds, 0 or more/)
    assert.throws(() => pause(Number.NaN), /pause is NaN/)
    assert.throws(() => press("12x"), /press: "12x"; keys of/)
    assert.throws(() => press(""), /press: ""/)
    assert.throws(() => waitUntilAgentSpeaks({ timeoutMs: Infinity }), /waitUntilAgentSpeaks: timeoutMs is Infinity/)
    assert.throws(() => interrupt({ afterMs: -5, say: hello }), /interrupt: afterMs is -5/)
  })

  it("flattens scripts", () => {
    assert.deepStrictEqual(
      stepsOf([[[hangUp], reset], [], hangUp]).map(({ _tag }) => _tag),
      ["HangUp", "Reset", "HangUp"]
    )
  })
})
