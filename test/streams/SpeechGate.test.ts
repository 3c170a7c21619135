import { assert, describe, it } from "@effect/vitest"
import { type VoiceWindow, WINDOW_MS, WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import * as SpeechGate from "../../src/streams/SpeechGate.ts"

const windowAt = (index: number): VoiceWindow => ({
  atMs: index * WINDOW_MS,
  samples: new Int16Array(WINDOW_SAMPLES).fill(index),
  discontinuous: false
})

const indexes = (pieces: ReadonlyArray<SpeechGate.SegmentAudio>) => pieces.map((piece) => piece.samples[0])

const hearMany = (state: SpeechGate.SpeechGateState, from: number, to: number) => {
  const heard: Array<SpeechGate.SegmentAudio> = []
  for (let index = from; index < to; index++) {
    const [next, pieces] = SpeechGate.hear(state, windowAt(index), 500)
    state = next
    heard.push(...pieces)
  }
  return [state, heard] as const
}

describe("the speech gate", () => {
  it("lets nothing through while no segment is open, and keeps no more than it needs", () => {
    const [state, heard] = hearMany(SpeechGate.initial, 0, 1000)
    assert.deepStrictEqual(heard, [])
    assert.isAtMost(state.preRoll.length * WINDOW_MS, 500 + SpeechGate.slackMs + 2 * WINDOW_MS)
  })

  it("opens with the audio from before the onset as far as pre-roll reaches", () => {
    const [state] = hearMany(SpeechGate.initial, 0, 100)
    const [, pieces] = SpeechGate.open(state, 1, 99 * WINDOW_MS, 500)
    assert.deepStrictEqual(
      indexes(pieces),
      Array.from({ length: 17 }, (_, i) => 83 + i)
    )
  })

  it("lets everything through from then on, once each and in order", () => {
    const [state] = hearMany(SpeechGate.initial, 0, 10)
    const [opened, pieces] = SpeechGate.open(state, 1, 9 * WINDOW_MS, 500)
    const [, heard] = hearMany(opened, 10, 20)
    assert.deepStrictEqual(
      indexes([...pieces, ...heard]),
      Array.from({ length: 20 }, (_, i) => i)
    )
  })

  it("never gives the same audio to two segments", () => {
    const [first] = hearMany(SpeechGate.initial, 0, 10)
    const [opened] = SpeechGate.open(first, 1, 9 * WINDOW_MS, 500)
    const [speaking] = hearMany(opened, 10, 20)
    const [paused] = hearMany(SpeechGate.close(speaking), 20, 25)
    const [, pieces] = SpeechGate.open(paused, 2, 24 * WINDOW_MS, 500)
    assert.deepStrictEqual(indexes(pieces), [20, 21, 22, 23, 24])
  })
})
