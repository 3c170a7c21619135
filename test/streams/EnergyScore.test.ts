import { assert, describe, it } from "@effect/vitest"
import { WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import * as EnergyScore from "../../src/streams/EnergyScore.ts"
import { concat, loadSpeech, pinkNoise, silence } from "../support/Speech.ts"

const scores = (audio: Int16Array): ReadonlyArray<number> => {
  let state = EnergyScore.initial
  const all: Array<number> = []
  for (let at = 0; at + WINDOW_SAMPLES <= audio.length; at += WINDOW_SAMPLES) {
    const [next, probability] = EnergyScore.step(state, audio.subarray(at, at + WINDOW_SAMPLES))
    state = next
    all.push(probability)
  }
  return all
}

const share = (all: ReadonlyArray<number>, above: number) => all.filter((p) => p > above).length / all.length

describe("loudness as a voice score", () => {
  it("hears nothing in silence", () => assert.isBelow(Math.max(...scores(silence(1000))), 0.1))

  it("hears speech", () => assert.isAbove(share(scores(loadSpeech("hello")), 0.6), 0.5))

  it("gets used to steady noise and still hears speech over it", () => {
    const noise = pinkNoise(20000, 0.01)
    const noisy = loadSpeech("hello").map((sample, i) => sample + (noise[i] ?? 0))
    const all = scores(concat(noise, noisy))
    const lastNoise = all.slice(300, 600)
    assert.isBelow(share(lastNoise, 0.6), 0.02)
    assert.isAbove(share(all.slice(625), 0.6), 0.4)
  })
})
