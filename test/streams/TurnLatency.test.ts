import { assert, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { type CallEvent, type CallEventBody } from "../../src/schema/CallEvent.ts"
import { turnLatencies } from "../../src/streams/TurnLatency.ts"

const at = (atMs: number, event: CallEventBody): CallEvent => ({ ...event, atMs })

const latenciesOf = (events: ReadonlyArray<CallEvent>) => Stream.runCollect(turnLatencies(Stream.fromIterable(events)))

const asked = (atMs: number, epoch: number, text: string) =>
  at(atMs, { _tag: "Decided", output: { _tag: "ReplyStarted", epoch, cue: { _tag: "Answer", text } } })

const ended = at(5500, {
  _tag: "Decided",
  output: { _tag: "TurnEnded", turn: 1, text: "hi", pausedAtMs: 4900, pauseMs: 500 }
})

const making = (epoch: number, fromMs: number): ReadonlyArray<CallEvent> => [
  at(fromMs + 250, { _tag: "FirstToken", epoch }),
  at(fromMs + 300, { _tag: "Sentence", epoch, index: 0, text: "Hello." }),
  at(fromMs + 400, { _tag: "Sentence", epoch, index: 1, text: "How are you?" }),
  at(fromMs + 450, { _tag: "FirstAudio", epoch })
]

it.effect("tells where the time of an answer went", () =>
  Effect.gen(function* () {
    const events = [
      at(5320, { _tag: "Transcript", segment: 1, text: "hi" }),
      ended,
      asked(5500, 2, "hi"),
      ...making(2, 5500),
      at(5960, { _tag: "Audible", epoch: 2 })
    ]
    assert.deepStrictEqual(yield* latenciesOf(events), [
      {
        turn: 1,
        epoch: 2,
        transcriptMs: 320,
        askedMs: 500,
        endedMs: 500,
        firstTokenMs: 750,
        firstSentenceMs: 800,
        firstAudioMs: 950,
        voiceToVoiceMs: 960
      }
    ])
  })
)

it.effect("tells of an answer that was ready before the turn was over", () =>
  Effect.gen(function* () {
    const events = [
      asked(4900, 2, "h"),
      asked(5000, 3, "hi"),
      at(5001, { _tag: "FirstToken", epoch: 2 }),
      ...making(3, 5000),
      ended,
      at(5501, { _tag: "Audible", epoch: 3 })
    ]
    const [latency] = yield* latenciesOf(events)
    assert.deepInclude(latency, { askedMs: 0, firstTokenMs: 250, firstAudioMs: 450, endedMs: 500, voiceToVoiceMs: 501 })
  })
)

it.effect("tells nothing of a greeting or of an answer that was never heard", () =>
  Effect.gen(function* () {
    const events = [
      at(0, { _tag: "Decided", output: { _tag: "ReplyStarted", epoch: 1, cue: { _tag: "Greeting" } } }),
      at(200, { _tag: "Audible", epoch: 1 }),
      ended,
      asked(5500, 2, "hi"),
      ...making(2, 5500),
      asked(6000, 3, "hi you"),
      at(6001, { _tag: "Audible", epoch: 2 })
    ]
    assert.deepStrictEqual(yield* latenciesOf(events), [])
  })
)
