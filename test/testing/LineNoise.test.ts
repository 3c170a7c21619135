import { assert, describe, it } from "@effect/vitest"
import { encodeMulaw, decodeMulaw } from "../../src/streams/Mulaw.ts"
import { type Impairments } from "../../src/testing/Impairments.ts"
import { makeLineSound, makeNoise, speechLevelDb } from "../../src/testing/LineNoise.ts"
import { join, levelDb, quiet, tone } from "./Sounds.ts"

const kinds = ["white", "pink", "babble"] as const

/** Noise of a line on which nobody speaks. */
const noiseOf = (impairments: Impairments, speech: ReadonlyArray<Int16Array>, frames: number): Int16Array => {
  const sound = makeLineSound(impairments, speech)
  const track = new Int16Array(frames * 160)
  for (let at = 0; at < track.length; at += 160) sound?.addTo(track.subarray(at, at + 160), at)
  return track
}

/** How much neighbouring samples differ: 2 for noise in which all pitches are equal, less when low ones prevail. */
const brightness = (noise: Float32Array): number => {
  let edges = 0
  for (let i = 1; i < noise.length; i++) edges += (noise[i]! - noise[i - 1]!) ** 2
  return edges / noise.length
}

describe("LineNoise", () => {
  it.each(kinds)("%s noise has RMS 1, no offset, no click at its seam, and is the same for the same seed", (kind) => {
    const noise = makeNoise(kind, 5)
    assert.approximately(noise.reduce((sum, x) => sum + x, 0) / noise.length, 0, 1e-3)
    assert.approximately(noise.reduce((sum, x) => sum + x * x, 0) / noise.length, 1, 1e-3)
    const jump = Math.abs(noise[0]! - noise.at(-1)!)
    const jumps = Array.from({ length: 5000 }, (_, i) => Math.abs(noise[i + 1]! - noise[i]!))
    assert.isAtMost(jump, Math.max(...jumps))
    assert.deepStrictEqual(makeNoise(kind, 5), noise)
    assert.notDeepEqual(makeNoise(kind, 6), noise)
  })

  it("differs in colour", () => {
    const [white, pink, babble] = kinds.map((kind) => brightness(makeNoise(kind, 1))) as [number, number, number]
    assert.approximately(white, 2, 0.1)
    assert.isBelow(pink, white / 2)
    assert.isBelow(babble, white / 2)
  })

  it("swells and falls like voices only in babble", () => {
    const spread = (noise: Float32Array): number => {
      const levels = Array.from({ length: 100 }, (_, i) =>
        levelDb(Int16Array.from(noise.subarray(i * 256, (i + 1) * 256), (x) => x * 3000))
      )
      return Math.max(...levels) - Math.min(...levels)
    }
    assert.isAbove(spread(makeNoise("babble", 1)), 2 * spread(makeNoise("white", 1)))
  })

  it.each(kinds)("%s noise has the level that was asked for", (kind) => {
    assert.approximately(levelDb(noiseOf({ noise: { kind, dbfs: -40 } }, [], 205)), -40, 0.5)
    const speech = join(quiet(500), tone(300, 4096), quiet(500))
    assert.approximately(speechLevelDb([speech]), -18.06, 0.01)
    assert.approximately(levelDb(noiseOf({ noise: { kind, snrDb: 20 } }, [speech], 205)), -38.06, 0.5)
    assert.approximately(levelDb(noiseOf({ noise: { kind, snrDb: 10 } }, [], 205)), -36, 0.5)
  })

  it("adds to the voice, and clips", () => {
    const sound = makeLineSound({ noise: { kind: "white", dbfs: -30 } }, [])!
    const alone = noiseOf({ noise: { kind: "white", dbfs: -30 } }, [], 1)
    const frame = tone(20, 1000)
    sound.addTo(frame, 0)
    assert.deepStrictEqual(
      frame,
      tone(20, 1000).map((sample, i) => sample + alone[i]!)
    )
    const loud = tone(20, 32_767)
    sound.addTo(loud, 0)
    assert.deepStrictEqual(
      [...loud],
      [...tone(20, 32_767)].map((sample, i) => Math.max(-32_768, Math.min(32_767, sample + alone[i]!)))
    )
    assert.isTrue(loud.includes(32_767) && loud.includes(-32_768))
  })

  it("brings back what the agent said, later and softer", () => {
    const sound = makeLineSound({ echo: { levelDb: -20, delayMs: 33 } }, [])!
    const agent = encodeMulaw(join(tone(60), quiet(140)))
    const track = new Int16Array(200 * 8)
    for (let at = 0; at < track.length; at += 160) {
      sound.heard(at, agent.subarray(at, at + 160))
      sound.addTo(track.subarray(at, at + 160), at)
    }
    const played = decodeMulaw(agent)
    const expected = track.map((_, i) => (i < 264 ? 0 : Math.round(played[i - 264]! * 0.1)))
    assert.deepStrictEqual(track, expected)
  })

  it("brings nothing back twice", () => {
    const sound = makeLineSound({ echo: { levelDb: 0, delayMs: 0 } }, [])!
    sound.heard(0, encodeMulaw(tone(20)))
    const first = new Int16Array(160)
    sound.addTo(first, 0)
    assert.isTrue(first.every((sample) => Math.abs(sample) > 7000))
    const later = new Int16Array(1600)
    for (let at = 160; at < later.length; at += 160) sound.addTo(later.subarray(at, at + 160), at)
    assert.isTrue(later.every((sample) => sample === 0))
  })

  it("adds nothing to a good line", () => {
    assert.strictEqual(makeLineSound({ jitter: { maxMs: 5 } }, []), undefined)
  })
})
