import { assert, describe, it } from "@effect/vitest"
import { type CallSound, joinStretches, measure } from "../../src/cli/CallMeasure.ts"
import { audibleStretches } from "../../src/testing/Timeline.ts"
import { join, quiet, tone } from "../testing/Sounds.ts"

/** Speech from and to these milliseconds, in pairs. */
const spans = (...times: ReadonlyArray<number>) =>
  times.flatMap((startMs, n) => (n % 2 === 0 ? [{ startMs, endMs: times[n + 1] ?? startMs }] : []))

const sound = (parts: Partial<CallSound>): CallSound => ({
  caller: [],
  agent: [],
  clearedMs: [],
  durationMs: 20_000,
  ...parts
})

describe("measure", () => {
  it.each<readonly [name: string, sound: Partial<CallSound>, greetingAtMs: number | undefined]>([
    ["the greeting", { agent: spans(420, 2000), caller: spans(3000, 4000) }, 420],
    ["a greeting nobody answered", { agent: spans(420, 2000) }, 420],
    ["no greeting if the caller begins", { caller: spans(3000, 4000), agent: spans(5000, 6000) }, undefined],
    ["no greeting if nothing is said", {}, undefined]
  ])("finds %s", (_, parts, greetingAtMs) => {
    assert.strictEqual(measure(sound(parts)).greetingAtMs, greetingAtMs)
  })

  it.each<readonly [name: string, sound: Partial<CallSound>, delays: ReadonlyArray<number | undefined>]>([
    [
      "from the end of what the caller says to the first of the answer",
      { agent: spans(0, 1000, 3700, 5000, 7450, 8000), caller: spans(2000, 3000, 6000, 7000) },
      [700, 450]
    ],
    ["nothing if there is no answer", { agent: spans(0, 1000), caller: spans(2000, 3000) }, [undefined]],
    [
      "nothing if the answer comes after the caller has gone on",
      { agent: spans(9500, 9900), caller: spans(2000, 3000, 8000, 9000) },
      [undefined, 500]
    ],
    ["a negative time if the agent did not wait", { agent: spans(2800, 5000), caller: spans(2000, 3000) }, [-200]],
    [
      "the answer after the end rather than a word that was put in",
      { agent: spans(2400, 2900, 3600, 5000), caller: spans(2000, 3000) },
      [600]
    ],
    ["nothing for a word that was put in alone", { agent: spans(2400, 3100), caller: spans(2000, 3000) }, [undefined]],
    [
      "what comes after an interruption, not what is left of what was interrupted",
      { agent: spans(0, 2300, 4000, 5000), caller: spans(2000, 3000), clearedMs: [2310] },
      [1000]
    ],
    [
      "the answer to a word that was said while the agent went on for longer",
      { agent: spans(0, 1900, 2150, 2600, 3500, 5000), caller: spans(2000, 2400), clearedMs: [2605] },
      [1100]
    ],
    [
      "nothing if the agent talks on, breaths between its sentences or not",
      { agent: spans(0, 2900, 3150, 4000, 4300, 9000), caller: spans(2000, 3000) },
      [undefined]
    ],
    [
      "the answer once the agent has talked to its end",
      { agent: spans(0, 2900, 3150, 4000, 5000, 6000), caller: spans(2000, 3000) },
      [2000]
    ]
  ])("measures %s", (_, parts, delays) => {
    const { turns } = measure(sound(parts))
    assert.deepStrictEqual(
      turns.map(({ voiceToVoiceMs }) => voiceToVoiceMs),
      delays
    )
  })

  it.each<
    readonly [
      name: string,
      sound: Partial<CallSound>,
      interruption: readonly [afterMs: number, silentMs: number] | undefined
    ]
  >([
    [
      "how long the agent went on",
      { agent: spans(1200, 2340), caller: spans(2000, 3000), clearedMs: [2340] },
      [800, 340]
    ],
    ["that it went on to its end", { agent: spans(1200, 2400, 2700, 6000), caller: spans(2000, 3000) }, [800, 4000]],
    [
      "an interruption in a breath",
      { agent: spans(1200, 1800, 5000, 6000), caller: spans(2000, 3000), clearedMs: [2100] },
      [800, 0]
    ],
    ["none if the agent was silent", { agent: spans(200, 1400), caller: spans(2000, 3000) }, undefined],
    ["none if the agent had not begun", { agent: spans(2100, 4000), caller: spans(2000, 3000) }, undefined]
  ])("tells of an interruption %s", (_, parts, interruption) => {
    const [turn] = measure(sound(parts)).turns
    const { afterMs, agentSilentAfterMs } = turn?.interruption ?? {}
    assert.deepStrictEqual([afterMs, agentSilentAfterMs], [interruption?.[0], interruption?.[1]])
  })

  it("measures recordings to the sample", () => {
    const agent = join(quiet(420), tone(1000), quiet(1580.5), tone(700), quiet(300))
    const caller = join(quiet(2000), tone(500), quiet(1500))
    const { greetingAtMs, turns } = measure(
      sound({ agent: audibleStretches(agent), caller: audibleStretches(caller), durationMs: 4000 })
    )
    assert.strictEqual(greetingAtMs, 420)
    assert.deepStrictEqual(
      turns.map(({ answerAtMs, voiceToVoiceMs }) => [answerAtMs, voiceToVoiceMs]),
      [[3000.5, 500.5]]
    )
  })
})

describe("joinStretches", () => {
  it("joins what has little silence between it, unless the other side begins there", () => {
    const stretches = spans(0, 1000, 1300, 2000, 2900, 3000, 3200, 4000)
    assert.deepStrictEqual(joinStretches(stretches, 800), spans(0, 2000, 2900, 4000))
    assert.deepStrictEqual(joinStretches(stretches, 800, spans(3100, 3150)), spans(0, 2000, 2900, 3000, 3200, 4000))
    assert.deepStrictEqual(joinStretches([], 800), [])
  })
})
