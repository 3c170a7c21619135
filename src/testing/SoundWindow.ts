/** A stretch of samples in, which sound of `WordSound.ts` it holds and how strong that is out. Pure but for the windows it writes into. */
import { PHONE_RATE } from "../schema/Audio.ts"
import { FORMANT_SHARES, FORMANTS, PITCH_HZ, type Sound } from "./WordSound.ts"

/** Samples of a period of the pitch at 8 kHz, in which everything is heard. */
export const PERIOD = PHONE_RATE / PITCH_HZ

/** Shortest window that is judged: two periods, 16 ms. */
export const WINDOW = 2 * PERIOD

/** Least share of a window's power that its three resonances have together, noise 5 dB below the voice included. */
const LEAST_TOGETHER = 0.55

/** Least part of its expected share that each of them has. */
const LEAST_EACH = 0.3

const cosines = Float64Array.from({ length: PERIOD }, (_, n) => Math.cos((2 * Math.PI * n) / PERIOD))
const sines = Float64Array.from({ length: PERIOD }, (_, n) => Math.sin((2 * Math.PI * n) / PERIOD))

/** A window, its periods added up, and its mean square. */
export interface SoundWindow {
  readonly folded: Float64Array
  readonly length: number
  power: number
}

/** A window of so many samples, a multiple of {@link PERIOD}. */
export const makeWindow = (length: number): SoundWindow => ({ folded: new Float64Array(PERIOD), length, power: 0 })

/** Takes the samples from `at` on into the window; there is silence beyond the track's ends. */
export const read = (window: SoundWindow, track: Int16Array, at: number): void => {
  const { folded, length } = window
  folded.fill(0)
  let sum = 0
  for (let n = 0; n < length; n++) {
    const sample = track[at + n] ?? 0
    sum += sample * sample
    folded[n % PERIOD]! += sample
  }
  window.power = sum / length
}

/** Share of a multiple of the pitch in the window's power. */
const share = ({ folded, length, power }: SoundWindow, multiple: number): number => {
  let re = 0
  let im = 0
  for (let n = 0, at = 0; n < PERIOD; n++, at = (at + multiple) % PERIOD) {
    re += folded[n]! * cosines[at]!
    im += folded[n]! * sines[at]!
  }
  return power === 0 ? 0 : (2 * (re * re + im * im)) / (length * length * power)
}

const isHeard = (shares: readonly [number, number, number]): boolean =>
  shares[0] + shares[1] + shares[2] >= LEAST_TOGETHER &&
  shares.every((found, row) => found >= LEAST_EACH * (FORMANT_SHARES[row] ?? 0))

/** Power of a sound in a window that holds it; 0 if it does not. */
export const powerOf = (window: SoundWindow, sound: Sound): number => {
  // Most windows can be told from this one alone.
  const first = share(window, sound[0])
  if (first < LEAST_EACH * FORMANT_SHARES[0]) return 0
  const shares = [first, share(window, sound[1]), share(window, sound[2])] as const
  return isHeard(shares) ? (shares[0] + shares[1] + shares[2]) * window.power : 0
}

/** The six bits of the vowel that a window holds; undefined if it holds none. */
export const vowelIn = (window: SoundWindow): number | undefined => {
  let bits = 0
  const best: [number, number, number] = [0, 0, 0]
  for (const [row, multiples] of FORMANTS.entries()) {
    let strongest = 0
    for (const [choice, multiple] of multiples.entries()) {
      const found = share(window, multiple)
      if (found <= (best[row] ?? 0)) continue
      best[row] = found
      strongest = choice
    }
    bits |= strongest << (2 * row)
  }
  return isHeard(best) ? bits : undefined
}
