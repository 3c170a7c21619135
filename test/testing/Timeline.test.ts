import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { hangUp, interrupt, listen, press, say } from "../../src/testing/CallerScript.ts"
import { type CallReport } from "../../src/testing/CallReport.ts"
import { simulate } from "../../src/testing/Simulation.ts"
import { audibleStretches, entriesOf, type TimelineEntry } from "../../src/testing/Timeline.ts"
import { renderTimeline } from "../../src/testing/TimelineText.ts"
import { spoken } from "../../src/testing/WordSound.ts"
import { join, quiet, tone } from "./Sounds.ts"

const interrupted: Effect.Effect<CallReport> = simulate({
  script: [
    listen(),
    say(spoken("Tell me about your opening times.")),
    interrupt({ afterMs: 2000, say: spoken("Only tomorrow, please.") }),
    listen(),
    press("1"),
    hangUp
  ],
  turns: { speculationsPerTurn: 0 },
  services: {
    languageModel: {
      replies: ["We are open on weekdays from nine until five, and on weekends from ten.", "From nine."]
    }
  }
})

describe("stretches of a track", () => {
  it("are what is audible, short silences included", () => {
    const track = join(quiet(100), tone(200), quiet(150), tone(50), quiet(300), tone(10), quiet(40))
    assert.deepStrictEqual(audibleStretches(track), [
      { startMs: 100, endMs: 500 },
      { startMs: 800, endMs: 810 }
    ])
    assert.strictEqual(audibleStretches(track, 100).length, 3)
    assert.deepStrictEqual(audibleStretches(quiet(500)), [])
  })
})

describe("a timeline", () => {
  it.live("has everything that happened, in order", () =>
    Effect.gen(function* () {
      const { call, timeline } = yield* interrupted
      assert.isTrue(timeline.every((entry, n) => n === 0 || entry.atMs >= (timeline[n - 1]?.atMs ?? 0)))
      const firstAfter = (atMs: number, tag: TimelineEntry["_tag"]): TimelineEntry => {
        const found = timeline.find((entry) => entry._tag === tag && entry.atMs >= atMs)
        assert.isDefined(found, tag)
        return found
      }
      const [question, interruption] = entriesOf(timeline, "CallerSpeech")
      assert.deepStrictEqual(question, {
        _tag: "CallerSpeech",
        atMs: call.utterances[0]?.startMs,
        untilMs: call.utterances[0]?.endMs,
        text: "Tell me about your opening times."
      })
      let atMs = question?.untilMs ?? 0
      const steps = [
        "Commit",
        "Transcript",
        "TurnEnded",
        "ReplyStarted",
        "FirstToken",
        "Sentence",
        "FirstByte"
      ] as const
      for (const tag of [
        ...steps,
        "FirstAudible",
        "AgentSpeech",
        "TurnStarted",
        "ReplyHeld",
        "BargeIn",
        "Heard"
      ] as const) {
        atMs = firstAfter(atMs, tag).atMs
      }
      assert.isAbove(atMs, interruption?.atMs ?? Number.POSITIVE_INFINITY)
      assert.isAtLeast(firstAfter(atMs, "Clear").atMs, atMs)
      assert.deepStrictEqual(entriesOf(timeline, "CallerPause")[0], {
        _tag: "CallerPause",
        atMs: question?.untilMs,
        untilMs: interruption?.atMs
      })
      assert.strictEqual(timeline.at(-3)?._tag, "Key")
      assert.sameMembers(
        timeline.slice(-2).map(({ _tag }) => _tag),
        ["Ended", "Closed"]
      )
    })
  )

  it.live("can be read", () =>
    Effect.gen(function* () {
      const text = renderTimeline((yield* interrupted).timeline)
      const lines = text.trimEnd().split("\n")
      assert.strictEqual(lines[0], "seconds  caller  agent  what happened")
      assert.isTrue(
        lines.slice(1).every((line) => /^ *\d+\.\d{3} {2}[·┌│└] {7}[·┌│└] {6}\S/u.test(line)),
        text
      )
      const timeOf = (line: string) => Number(line.slice(0, 7))
      assert.isTrue(lines.slice(2).every((line, n) => timeOf(line) >= timeOf(lines[n + 1] ?? "0")))
      const lane = (start: string) => lines.filter((line) => line.slice(9).startsWith(start)).length
      assert.strictEqual(lane("┌"), 2)
      assert.strictEqual(lane("└"), 2)
      assert.match(text, /┌ {7}│ {6}caller speaks for \d\.\d{3} s: "Only tomorrow, please\."/u)
      assert.match(text, /turn 1 over after a pause of \d+ ms: "Tell me about your opening times\."/)
      assert.match(text, /reply 2 heard in part: "We are open/)
      assert.match(text, /key 1\n/)
    })
  )

  it("writes out what is rare, too", () => {
    const entries: ReadonlyArray<TimelineEntry> = [
      { _tag: "Transcript", atMs: 1, segment: 3, text: undefined },
      { _tag: "TurnDropped", atMs: 2, turn: 1, reason: "no words" },
      { _tag: "ReplyStopped", atMs: 3, epoch: 2, reason: "words changed" },
      { _tag: "Underrun", atMs: 4, untilMs: 24 },
      { _tag: "Violation", atMs: 5, detail: "media.payload is not base64" },
      { _tag: "Failed", atMs: 6, stage: "text to speech", message: "broken" },
      { _tag: "HangUp", atMs: 123_456 }
    ]
    assert.strictEqual(
      renderTimeline(entries),
      [
        "seconds  caller  agent  what happened",
        "  0.001  ·       ·      segment 3: no words could be had",
        "  0.002  ·       ·      turn 1 dropped: no words",
        "  0.003  ·       ·      reply 2 stopped: words changed",
        "  0.004  ·       ·      nothing to hear for 0.020 s inside of a reply",
        "  0.005  ·       ·      frame refused: media.payload is not base64",
        "  0.006  ·       ·      text to speech failed: broken",
        "123.456  ·       ·      agent hangs up",
        ""
      ].join("\n")
    )
  })
})
