import { assert, describe, it } from "@effect/vitest"
import { record } from "../../src/cli/Histogram.ts"
import { type LoadLimit, summaryOf } from "../../src/cli/LoadSummary.ts"
import { countFailure, type LoadTally, makeTally, sumOf } from "../../src/cli/LoadTally.ts"
import { renderCapacity, renderLoad, renderMoment } from "../../src/cli/LoadText.ts"
import { toKnown, toUtterance } from "../../src/cli/LoadUtterances.ts"

const shape = { calls: 20, rampMs: 1000, holdMs: 30_000 }

/** Twenty calls with a hundred turns that took 700 to 799 ms. */
const good = (change: (tally: LoadTally) => void = () => {}): LoadTally => {
  const tally = makeTally()
  tally.placed = 20
  tally.answered = 20
  tally.live = 20
  for (let n = 0; n < 100; n++) {
    tally.turns++
    record(tally.voiceToVoice, 700 + n)
    record(tally.ahead, 120)
    record(tally.late, 0)
    tally.frames++
    record(tally.ownLateness, 1.5)
  }
  change(tally)
  return tally
}

const cost = { cpuMsPerCallSecond: 2.345, cores: 0.4, bytesPerCall: 0.35 * 1024 * 1024, isHeld: true }

const summary = (tally: LoadTally, limit?: LoadLimit, warnings: ReadonlyArray<string> = []) =>
  summaryOf({ shape, tally, cost }, { limit, processes: 1, warnings })

const limit: LoadLimit = { singleMs: 750, singleTurns: 18, aboveSingleMs: 50 }

describe("the summary of a load", () => {
  it("has nothing to complain about where all is well", () => {
    const { notes, problems, server, voiceToVoice } = summary(good(), limit)
    assert.deepStrictEqual([notes, problems], [[], []])
    assert.deepStrictEqual(voiceToVoice, { count: 100, p50: 749, p95: 794, p99: 798, max: 799 })
    assert.deepStrictEqual(server, { cpuMsPerCallSecond: 2.35, cores: 0.4, mebibytesPerCall: 0.35, memory: "in use" })
  })

  it.each<readonly [string, (tally: LoadTally) => void, string]>([
    ["calls that failed", (tally) => countFailure(tally, "busy", 3), "3 calls of 20 failed."],
    ["a turn without an answer", (tally) => void (tally.unanswered = 1), "1 turn was not answered."],
    [
      "answers that take too long",
      (tally) => void [1, 2].forEach(() => record(tally.voiceToVoice, 801)),
      "Voice to voice, p99, was 801 ms: the limit is 800 ms, 50 ms above a single call's."
    ],
    [
      "audio that is late",
      (tally) => void [1, 2].forEach(() => record(tally.late, 35)),
      "Audio came 35 ms too late, p99: the limit is 20 ms."
    ]
  ])("complains about %s", (_, change, problem) => {
    assert.deepStrictEqual(summary(good(change), limit).problems, [problem])
  })

  it("knows of no limit unless there is one", () => {
    assert.deepStrictEqual(summary(good((tally) => record(tally.voiceToVoice, 9000))).problems, [])
    assert.deepStrictEqual(summary(makeTally(), limit).problems, [
      "No turn was answered, so that nothing is known of the limit."
    ])
  })

  it("says when it cannot be believed, and what else there is to know", () => {
    const late = good((tally) => {
      for (let n = 0; n < 5; n++) record(tally.ownLateness, 44)
      tally.early = 1
    })
    assert.deepStrictEqual(summary(late, undefined, ["something"]).notes, [
      "The callers were late themselves (p99 44 ms): this machine is too busy for them, and the server is better than it looks here.",
      "1 turn was answered before the caller had finished; voice to voice leaves them out.",
      "The server warned: something"
    ])
    assert.deepStrictEqual(summary(makeTally()).notes, [
      "No turn was over within the measured time: make --duration longer."
    ])
  })

  it("does not know the memory of a call if the server has given some back", () => {
    const less = summaryOf(
      { shape, tally: good(), cost: { ...cost, bytesPerCall: -1 } },
      { limit: undefined, processes: 1, warnings: [] }
    )
    assert.isNull(less.server?.mebibytesPerCall)
    assert.notInclude(renderLoad("a server", less), "MiB")
  })

  it("lists reasons of failures, the most frequent one first", () => {
    const failed = good((tally) => {
      countFailure(tally, "a")
      countFailure(tally, "b", 2)
    })
    assert.deepStrictEqual(summary(failed).failures, [
      { reason: "b", count: 2 },
      { reason: "a", count: 1 }
    ])
  })
})

describe("sumOf", () => {
  it("adds up what processes have seen", () => {
    const sum = sumOf([
      good((tally) => countFailure(tally, "a")),
      good((tally) => countFailure(tally, "a", 2)),
      makeTally()
    ])
    assert.deepStrictEqual([sum.placed, sum.turns, sum.voiceToVoice.count, sum.failed.get("a")], [40, 200, 200, 3])
  })
})

describe("the text of a load", () => {
  it("shows everything in columns", () => {
    const tally = good((tally) => {
      record(tally.bargeIn, 180)
      countFailure(tally, "turned away", 2)
      tally.underruns = 1
      tally.underrunMs = 61.4
    })
    assert.strictEqual(
      renderLoad("a server", summary(tally)),
      `20 calls for 30 s to a server

Calls
  placed                 20
  answered               20
  failed                  2
    turned away           2
  turns answered        100
  turns not answered      0

Latency
                                         turns       p50       p95       p99      most
  voice to voice                           100    749 ms    794 ms    798 ms    799 ms
  barge-in, until the agent is silent        1    180 ms    180 ms    180 ms    180 ms

Agent's audio
  messages inside of what it says                100
  late, p99                                     0 ms
  ahead of being played, p1                   120 ms
  underruns                          1, 61 ms in all

Server
  processor time for a second of call     2.35 ms
  cores in use                                0.4
  memory for a call, in use              0.35 MiB

Callers
  processes          1
  late, p99     1.5 ms
  late, most    1.5 ms
`
    )
  })

  it("leaves out what is not known", () => {
    const text = renderLoad("a server", { ...summary(makeTally()), server: null })
    assert.notMatch(text, /^(Latency|Server)$/m)
  })

  it("shows what a search has tried", () => {
    const tooMany = summary(good((tally) => void (tally.unanswered = 3)))
    const found = {
      capacity: 20,
      limit,
      trials: [
        { summary: summary(good()), problems: [] },
        { summary: { ...tooMany, calls: 40, server: null }, problems: tooMany.problems }
      ],
      notes: ["Something."]
    }
    assert.strictEqual(
      renderCapacity("a server", found),
      `20 calls at a time are held by a server
A single call's voice to voice is 750 ms, p99 of 18 turns; the limit is 50 ms above that.

Tried
  calls       p50       p99    audio late    cpu/s of call    cores    callers late
  20       749 ms    798 ms          0 ms          2.35 ms      0.4          1.5 ms        held
  40       749 ms    798 ms          0 ms                                    1.5 ms    too many

Notes
  Something.
`
    )
  })

  it("tells how it goes in a line", () => {
    const moment = { atMs: 4321, shape, tally: good((tally) => countFailure(tally, "busy")) }
    assert.strictEqual(
      renderMoment(moment),
      "    4 s  20 of 20 calls, 1 failed  100 turns  voice to voice p50 749 ms, p99 798 ms"
    )
    assert.strictEqual(renderMoment({ atMs: 900, shape, tally: makeTally() }), "    1 s  0 of 20 calls  0 turns")
  })
})

describe("what callers say", () => {
  const audio = new Int16Array(400)
  audio.fill(5000, 80, 240)

  it("is cut into frames, the last one filled up", () => {
    const { fromMs, label, payloads, untilMs } = toUtterance({ label: "x", audio })
    assert.deepStrictEqual([label, payloads.length, fromMs, untilMs], ["x", 3, 10, 30])
    assert.isTrue(payloads.every((payload) => Buffer.from(payload, "base64").length === 160))
    assert.strictEqual(
      Buffer.from(payloads[2] ?? "", "base64").every((code) => code === 0xff),
      true
    )
  })

  it("is known to the stand-in provider by its words and its length", () => {
    assert.deepStrictEqual(toKnown({ audio, text: "Yes." }), { text: "Yes.", durationMs: 60 })
  })
})
