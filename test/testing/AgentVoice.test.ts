import { assert, describe, it } from "@effect/vitest"
import { encodeMulaw } from "../../src/streams/Mulaw.ts"
import { audibleBounds, hear, initial, speakingFrom } from "../../src/testing/AgentVoice.ts"
import { join, quiet, tone } from "./Sounds.ts"

const hearAll = (audio: Int16Array, reply = 1) => {
  let state = initial
  for (let at = 0; at < audio.length; at += 160) {
    state = hear(state, at, encodeMulaw(audio.subarray(at, at + 160)), reply)
  }
  return state
}

describe("AgentVoice", () => {
  it("finds the first and the last audible sample", () => {
    assert.deepStrictEqual(hearAll(join(quiet(33), tone(50), quiet(100))), {
      from: 33 * 8,
      until: 83 * 8,
      reply: 1,
      replyFrom: 33 * 8
    })
  })

  it("does not hear what is too soft", () => {
    assert.deepStrictEqual(hearAll(tone(500, 200)), initial)
  })

  it("takes short pauses for part of the speech, and long ones not", () => {
    assert.strictEqual(hearAll(join(tone(40), quiet(199), tone(40))).from, 0)
    assert.strictEqual(hearAll(join(tone(40), quiet(200), tone(40))).from, 240 * 8)
  })

  it("tells where each reply becomes audible", () => {
    const first = hear(initial, 800, encodeMulaw(tone(20)), 1)
    const second = hear(first, 960, encodeMulaw(join(quiet(5), tone(15))), 2)
    assert.strictEqual(second.from, 800)
    assert.strictEqual(second.reply, 2)
    assert.strictEqual(second.replyFrom, 1000)
  })

  it("knows from when on the agent is speaking", () => {
    const state = hear(initial, 800, encodeMulaw(tone(20)), 1)
    assert.strictEqual(speakingFrom(initial, 0), undefined)
    assert.strictEqual(speakingFrom(state, 0), 800)
    assert.strictEqual(speakingFrom(state, 900), 900)
    assert.strictEqual(speakingFrom(state, 959), 959)
    assert.strictEqual(speakingFrom(state, 960), undefined)
    const resumed = hear(state, 1280, encodeMulaw(tone(20)), 1)
    assert.strictEqual(resumed.from, 800)
    assert.strictEqual(speakingFrom(resumed, 1280), 1280)
  })

  it("finds the audible part of samples", () => {
    assert.deepStrictEqual(audibleBounds(join(quiet(10), tone(20), quiet(30))), { from: 80, until: 240 })
    assert.deepStrictEqual(audibleBounds(quiet(10)), { from: 0, until: 80 })
  })
})
