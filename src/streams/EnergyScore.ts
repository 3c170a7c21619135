/** Windows of audio in, a rough voice probability out, from loudness above the noise floor alone. What is left when the model fails. Pure. */

/** The line's noise floor as it was learned so far, in dB relative to full scale. */
export interface EnergyState {
  readonly floorDb: number
}

/** A quiet telephone line. */
export const initial: EnergyState = { floorDb: -60 }

/** How far above the floor sound must be to be taken for speech with probability one half, in dB. */
const SPEECH_ABOVE_FLOOR_DB = 15

/** Steepness of the decision: this many dB more or less make it near certain. */
const SPREAD_DB = 3

/** Floor drift per 32 ms window in dB: up slowly, so that speech does not lift it; down fast. */
const RISE_DB = 0.05
const FALL_DB = 1

/** Loudness of a window in dB relative to full scale, never below -90. */
export const levelDb = (samples: Int16Array): number => {
  let sum = 0
  for (let i = 0; i < samples.length; i++) sum += samples[i]! * samples[i]!
  const rms = Math.sqrt(sum / Math.max(1, samples.length)) / 32768
  return rms <= 0 ? -90 : Math.max(-90, 20 * Math.log10(rms))
}

/** Scores one window and learns from it. */
export const step = (state: EnergyState, samples: Int16Array): readonly [EnergyState, number] => {
  const level = levelDb(samples)
  const probability = 1 / (1 + Math.exp(-(level - state.floorDb - SPEECH_ABOVE_FLOOR_DB) / SPREAD_DB))
  const floorDb = level > state.floorDb ? state.floorDb + RISE_DB : Math.max(level, state.floorDb - FALL_DB)
  return [{ floorDb }, probability]
}
