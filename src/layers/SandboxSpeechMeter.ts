/** Loudness of a segment's windows in, how long somebody spoke in it out. Pure; knows loudness only, not words. */
import { WINDOW_MS } from "../schema/Audio.ts"
import { initial } from "../streams/EnergyScore.ts"

/**
 * How far above the line's noise sound must be to be taken for speech, in dB: half way up to the loudest, between these.
 *
 * Noise alone varies by less than the lower bound; the upper one is what quiet speech still has on a quiet line.
 */
const ABOVE_FLOOR_DB = { least: 8, most: 15 }

/** Share of a segment's windows that are quieter than its noise floor: pauses and what is heard before the onset. */
const QUIET_SHARE = 0.1

/** Share that are louder than its speech usually is. */
const LOUD_SHARE = 0.1

/** Quiet between two sounds that still belongs to the speech, in windows: consonants are made of it. */
const BRIDGED_WINDOWS = 8

/** Less sound than this is a click or a bump, in milliseconds. */
export const MIN_SPOKEN_MS = 192

/**
 * Length of the speech in a segment, in milliseconds; 0 if there is none.
 *
 * `levels` are the loudness of its windows in dB relative to full scale. What is as loud as the rest of the segment, such as
 * steady noise, is not speech.
 */
export const spokenMs = (levels: ReadonlyArray<number>): number => {
  const sorted = Float64Array.from(levels).sort()
  const levelAt = (share: number) => Math.max(initial.floorDb, sorted[Math.floor(sorted.length * share)] ?? 0)
  const floorDb = levelAt(QUIET_SHARE)
  const halfWay = (levelAt(1 - LOUD_SHARE) - floorDb) / 2
  const thresholdDb = floorDb + Math.min(ABOVE_FLOOR_DB.most, Math.max(ABOVE_FLOOR_DB.least, halfWay))
  let sounding = 0
  let spoken = 0
  let last = Number.NEGATIVE_INFINITY
  levels.forEach((level, at) => {
    if (level < thresholdDb) return
    const gap = at - last - 1
    sounding += 1
    spoken += 1 + (gap <= BRIDGED_WINDOWS ? gap : 0)
    last = at
  })
  return sounding * WINDOW_MS < MIN_SPOKEN_MS ? 0 : spoken * WINDOW_MS
}
