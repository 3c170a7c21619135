import { assert, describe, it } from "@effect/vitest"
import { decodeMulaw, encodeMulaw } from "../../src/streams/Mulaw.ts"
import { type LineEvent, makeRecorder, replyDelays } from "../../src/testing/CallRecording.ts"
import { join, quiet, tone } from "./Sounds.ts"

const speech = (index: number, startMs: number, endMs: number) => ({ index, startMs, endMs, text: `${index}` })

describe("CallRecording", () => {
  it("puts every piece in its place, as far as the call goes", () => {
    const recorder = makeRecorder()
    const sound = encodeMulaw(tone(20))
    recorder.sent(80, sound)
    recorder.sent(400, sound)
    recorder.sent(900, sound)
    recorder.heard(480, sound)
    const recording = recorder.finish(60, [])
    const line = (audio: Int16Array) => [...decodeMulaw(encodeMulaw(audio))]
    assert.deepStrictEqual([...recording.caller()], line(join(quiet(10), tone(20), quiet(20), tone(20).slice(0, 80))))
    assert.deepStrictEqual([...recording.agent()], line(quiet(60)))
  })

  it("tells media that comes close together once, from its beginning", () => {
    const recorder = makeRecorder()
    for (const atMs of [10, 30, 129, 229, 400]) recorder.mediaReceived(atMs, 160)
    recorder.event({ _tag: "KeyPressed", atMs: 20, digit: "1" })
    assert.deepStrictEqual(recorder.finish(500, []).events, [
      { _tag: "MediaReceived", atMs: 10, untilMs: 129, messages: 3, bytes: 480 },
      { _tag: "KeyPressed", atMs: 20, digit: "1" },
      { _tag: "MediaReceived", atMs: 229, untilMs: 229, messages: 1, bytes: 160 },
      { _tag: "MediaReceived", atMs: 400, untilMs: 400, messages: 1, bytes: 160 }
    ])
  })

  it("measures from the end of what the caller said to the first sound of the answer", () => {
    const recorder = makeRecorder()
    const audible = (atMs: number, reply: number): LineEvent => ({ _tag: "AgentAudible", atMs, reply })
    for (const event of [audible(100, 1), audible(2700, 2), audible(3100, 3), audible(6000, 4)]) recorder.event(event)
    const { events } = recorder.finish(9000, [
      speech(0, 1000, 2000),
      // Nothing between these two: it is the second one that is answered.
      speech(1, 4000, 4500),
      speech(2, 5000, 5250.5),
      speech(3, 7000, 8000)
    ])
    assert.deepStrictEqual(replyDelays(events), [
      { atMs: 2000, delayMs: 700 },
      { atMs: 5250.5, delayMs: 749.5 }
    ])
  })
})
