import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { type TurnSummary } from "../../src/cli/CallSummary.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { parrot } from "../testing/Parrot.ts"
import { hold, turn } from "./Calls.ts"

/** Never says anything. */
const mute = (link: MediaLink) => Stream.runDrain(link.inbound)

const turnOf = ({ answerAtMs, bargeIn, problem, startMs, voiceToVoiceMs }: TurnSummary) => ({
  startMs,
  answerAtMs,
  voiceToVoiceMs,
  silentAfterMs: bargeIn === null ? undefined : bargeIn.agentSilentAfterMs,
  problem
})

describe("a call", () => {
  it.effect("is a turn after each answer, and hangs up after the last", () =>
    Effect.gen(function* () {
      const { stages, summary } = yield* hold(parrot({ replyMs: 1000, endpointMs: 400 }), [
        turn("one", 500),
        turn("two", 700)
      ])
      assert.deepStrictEqual(
        summary.turns.map(({ said, turn }) => [turn, said]),
        [
          [1, "one"],
          [2, "two"]
        ]
      )
      assert.isTrue(summary.answered)
      assert.strictEqual(summary.end, "caller hung up")
      assert.deepStrictEqual(summary.notes, [])
      assert.isNull(summary.transcript)
      for (const { problem, voiceToVoiceMs } of summary.turns) {
        assert.isNull(problem)
        assert.approximately(voiceToVoiceMs ?? 0, 400, 40)
      }
      const [greeting, ...rest] = summary.timeline
      assert.deepStrictEqual([summary.greetingMs, greeting?.startMs], [greeting?.startMs, summary.greetingMs])
      assert.deepStrictEqual(
        [greeting, ...rest].map((speech) => speech?.by),
        ["agent", "caller", "agent", "caller", "agent"]
      )
      // The caller begins when the agent was silent for a while, and hangs up likewise.
      assert.isAtLeast((rest[0]?.startMs ?? 0) - (greeting?.endMs ?? 0), 800)
      assert.isAtLeast(summary.durationMs - (rest.at(-1)?.endMs ?? 0), 800)
      assert.deepStrictEqual(stages, ["Waits", "Waited", "Waits", "Waited", "Waits", "Waited", "HangsUp"])
    })
  )

  it.effect("interrupts the agent as far into its speech as it was told to", () =>
    Effect.gen(function* () {
      const { summary } = yield* hold(parrot({ replyMs: 4000 }), [turn("one", 500), turn("stop", 500, 800)])
      const [, stop] = summary.turns
      assert.approximately(stop?.bargeIn?.afterMs ?? 0, 800, 1)
      assert.strictEqual(stop?.bargeIn?.wantedAfterMs, 800)
      assert.approximately(stop?.bargeIn?.agentSilentAfterMs ?? Infinity, 20, 20)
      assert.approximately(stop?.voiceToVoiceMs ?? 0, 300, 40)
      assert.deepStrictEqual(
        summary.timeline.flatMap((speech) => (speech.interrupted ? [speech.by] : [])),
        ["agent"]
      )
      assert.isTrue(summary.answered)
    })
  )

  it.effect("says what was to interrupt even if the agent is silent by then, and that it was", () =>
    Effect.gen(function* () {
      const { summary } = yield* hold(parrot({ replyMs: 600 }), [turn("stop", 500, 3000)])
      assert.deepStrictEqual(summary.notes, ["Turn 1 was to interrupt, but the agent was not speaking."])
      assert.deepStrictEqual(summary.turns[0]?.bargeIn, {
        wantedAfterMs: 3000,
        afterMs: null,
        agentSilentAfterMs: null
      })
      assert.isTrue(summary.answered)
    })
  )

  it.effect("tells of every turn that was not answered, and goes on to the next", () =>
    Effect.gen(function* () {
      const { summary } = yield* hold(mute, [turn("one", 500), turn("two", 500, 800)], { timeoutMs: 2000 })
      assert.isFalse(summary.answered)
      assert.isNull(summary.greetingMs)
      assert.deepStrictEqual(
        summary.turns.map(({ problem }) => problem),
        [`Turn 1 ("one") was not answered within 2.0 s.`, `Turn 2 ("two") was not answered within 2.0 s.`]
      )
      assert.deepStrictEqual(
        summary.turns.map(turnOf).map(({ answerAtMs, voiceToVoiceMs }) => [answerAtMs, voiceToVoiceMs]),
        [
          [null, null],
          [null, null]
        ]
      )
    })
  )

  it.effect("tells of an agent that does not stop for the caller, and waits for an answer once it has finished", () =>
    Effect.gen(function* () {
      const deaf = (link: MediaLink) =>
        parrot({ replyMs: 6000, endpointMs: 3_600_000 })({
          ...link,
          send: (frame) => (frame.includes(`"clear"`) ? Effect.void : link.send(frame))
        })
      const { summary } = yield* hold(deaf, [turn("stop", 500, 1000)], { timeoutMs: 2000 })
      assert.strictEqual(
        summary.turns[0]?.problem,
        `Turn 1 ("stop") was not answered: the agent spoke on for 5.0 s, and no answer came within 2.0 s.`
      )
      const spokeUntilMs = summary.timeline[0]?.endMs ?? 0
      assert.isAtLeast(summary.durationMs, spokeUntilMs + 2000)
    })
  )

  it.effect("lets the caller begin if nobody greets", () =>
    Effect.gen(function* () {
      const { summary } = yield* hold(mute, [turn("one", 500)], { timeoutMs: 60_000 })
      assert.approximately(summary.turns[0]?.startMs ?? 0, 5100, 100)
    })
  )

  it.effect("tells when the agent hung up instead of answering, and of turns that were not said", () =>
    Effect.gen(function* () {
      const { summary } = yield* hold(parrot({ replyMs: 500, answers: 0 }), [turn("one", 500), turn("two", 500)])
      assert.strictEqual(summary.end, "agent hung up")
      const [one, two] = summary.turns
      assert.strictEqual(one?.problem, `Turn 1 ("one") was not answered: the agent hung up 0.3 s after it.`)
      assert.match(two?.problem ?? "", /^Turn 2 \("two"\) was not said: the agent hung up after \d\.\d s\.$/)
      assert.isNull(two?.startMs ?? null)
    })
  )

  it.effect("is all answered if the agent hangs up after the last answer", () =>
    Effect.gen(function* () {
      const goodbye = (link: MediaLink) =>
        Effect.raceFirst(parrot({ replyMs: 1000 })(link), Effect.delay(link.close("bye"), "3 seconds"))
      const { summary } = yield* hold(goodbye, [turn("one", 500)])
      assert.strictEqual(summary.end, "agent hung up")
      assert.isTrue(summary.answered)
    })
  )

  it.effect("tells a lost connection from a hang-up", () =>
    Effect.gen(function* () {
      const broken = () => Effect.fail("out of order")
      const { summary } = yield* hold(broken, [turn("one", 500)])
      assert.strictEqual(summary.end, "connection lost")
      assert.match(summary.turns[0]?.problem ?? "", /was not said: the connection was lost after 0\.\d s\.$/)
      assert.match(summary.notes[0] ?? "", /^The media stream ended with code 1011: .*out of order.*\.$/)
    })
  )

  it.effect("has the transcript and what went wrong, where the server tells", () =>
    Effect.gen(function* () {
      const { summary } = yield* hold(parrot(), [turn("one", 500)], {
        told: [
          { _tag: "Heard", text: "Hello.", generated: "Hello." },
          { _tag: "Decided", output: { _tag: "TurnEnded", turn: 1, text: "won" } },
          { _tag: "Failed", stage: "language model", message: "no key" }
        ],
        warnings: ["language model: no key", "It is hot."],
        recording: "call.wav"
      })
      assert.deepStrictEqual(summary.transcript, [
        { by: "agent", text: "Hello.", unheard: "" },
        { by: "caller", text: "won", unheard: "" }
      ])
      assert.deepStrictEqual(summary.notes, ["The agent's language model failed: no key", "It is hot."])
      assert.strictEqual(summary.recording, "call.wav")
    })
  )

  it.effect("tells of frames that the carrier refuses", () =>
    Effect.gen(function* () {
      const rude = (link: MediaLink) => Effect.andThen(link.send("what?"), parrot()(link))
      const { summary } = yield* hold(rude, [turn("one", 500)])
      assert.match(summary.notes[0] ?? "", /^Frames that the carrier refuses were sent once, first: .+\.$/)
    })
  )
})
