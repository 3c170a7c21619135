import { assert, describe, it } from "@effect/vitest"
import { WINDOW_MS, WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { initial, step } from "../../src/streams/Background.ts"
import { babble } from "../support/Babble.ts"
import { loadSpeech, silence } from "../support/Speech.ts"

/** How near somebody is in each window of some audio. */
const nearness = (samples: Int16Array): ReadonlyArray<number> => {
  let state = initial
  const near: Array<number> = []
  for (let from = 0; from + WINDOW_SAMPLES <= samples.length; from += WINDOW_SAMPLES) {
    const [next, value] = step(state, samples.subarray(from, from + WINDOW_SAMPLES))
    state = next
    near.push(value)
  }
  return near
}

const joined = (...parts: ReadonlyArray<Int16Array>): Int16Array => Int16Array.from(parts.flatMap((part) => [...part]))

/** Speech at a level in dB relative to full scale (RMS). */
const speechAt = (dbfs: number): Int16Array => {
  const speech = loadSpeech("hello")
  const level = Math.sqrt(speech.reduce((sum, sample) => sum + sample ** 2, 0) / speech.length)
  return speech.map((sample) => Math.round((sample * 32768 * 10 ** (dbfs / 20)) / level))
}

const over = (speech: Int16Array, sound: Int16Array): Int16Array =>
  speech.map((sample, n) => Math.max(-32768, Math.min(32767, sample + (sound[n] ?? 0))))

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length

const windowsIn = (ms: number): number => Math.floor(ms / WINDOW_MS)

describe("somebody who speaks", () => {
  for (const dbfs of [-20, -30, -40]) {
    it(`is near on a quiet line from their first sound, at ${dbfs} dB`, () => {
      const near = nearness(joined(silence(2000), speechAt(dbfs)))
      const speech = near.slice(windowsIn(2000) + 3)
      assert.isAbove(mean(speech), 0.9)
    })
  }

  it("is near at the very beginning of a call", () => {
    assert.isAbove(mean(nearness(speechAt(-26)).slice(3)), 0.9)
  })

  for (const snrDb of [5, 10]) {
    it(`is near ${snrDb} dB above the voices of others`, () => {
      const background = babble(-24 - snrDb)
      const heard = joined(background.subarray(0, 6 * 8000), over(speechAt(-24), background.subarray(6 * 8000)))
      const near = nearness(heard).slice(windowsIn(6000) + 3)
      assert.isAbove(mean(near), snrDb === 5 ? 0.6 : 0.8)
    })
  }
})

describe("the voices of others", () => {
  for (const dbfs of [-29, -34, -45]) {
    it(`are not near once they have gone on for a while, at ${dbfs} dB`, () => {
      const near = nearness(babble(dbfs)).slice(windowsIn(5000))
      assert.isBelow(mean(near), 0.3)
    })
  }

  it("are near to nobody when they have stopped", () => {
    const near = nearness(joined(babble(-30), silence(8000), speechAt(-34)))
    assert.isAbove(mean(near.slice(-windowsIn(1500))), 0.8)
  })
})
