/** Sounds a line adds to the caller's voice: noise of a given kind and level, and the agent's own voice as echo. */
import { BYTES_PER_MS, FRAME_BYTES } from "../schema/Audio.ts"
import { decodeMulaw } from "../streams/Mulaw.ts"
import { AUDIBLE } from "./AgentVoice.ts"
import { draw, drawNormal } from "./Draws.ts"
import { type Impairments, NOISE_LANE, type NoiseKind, seedOf } from "./Impairments.ts"

const FULL_SCALE = 32768

/** Samples after which noise repeats, about 4 s; a power of two. */
const LOOP = 32_768

/** Samples over which the end of the loop passes into its beginning. */
const SEAM = 2048

/** RMS level of active speech where a script has none, in dB relative to full scale. Source: ITU-T P.56 practice, -26 dBov. */
const NOMINAL_SPEECH_DB = -26

type Source = (n: number) => number

const white =
  (seed: number): Source =>
  (n) =>
    drawNormal(seed, NOISE_LANE, n)

/** Rows of random values, each held twice as long as the one before, add up to a spectrum that falls 3 dB an octave. */
const pink = (seed: number): Source => {
  const rows = 12
  return (n) => {
    let sum = 0
    for (let row = 0; row < rows; row++) sum += draw(seed, NOISE_LANE + row, n >>> row) - 0.5
    return sum
  }
}

/** Talkers who cannot be understood: noise with the spectrum of a voice, swelling and falling in syllables. */
const babble = (seed: number): Source => {
  const talkers = Array.from({ length: 6 }, (_, index) => {
    const lane = NOISE_LANE + 3 * index
    const syllable = Math.round(1000 + 1500 * draw(seed, lane, 0))
    const phase = Math.round(syllable * draw(seed, lane, 1))
    let current = -1
    let loudness = 0
    let below500 = 0
    let below100 = 0
    return (n: number): number => {
      // What passes a pole at about 500 Hz and not one at about 100 Hz.
      below500 += 0.32 * (draw(seed, lane + 1, n) - 0.5 - below500)
      below100 += 0.075 * (below500 - below100)
      const position = (n + phase) / syllable
      if (Math.floor(position) !== current) {
        current = Math.floor(position)
        loudness = draw(seed, lane + 2, current) < 0.75 ? 1 : 0.1
      }
      return (below500 - below100) * loudness * Math.sin(Math.PI * (position - current))
    }
  })
  return (n) => talkers.reduce((sum, talker) => sum + talker(n), 0)
}

const sources: Record<NoiseKind, (seed: number) => Source> = {
  white,
  pink,
  babble
}

/** A loop of noise with RMS 1; it can be repeated without a click. */
export const makeNoise = (kind: NoiseKind, seed: number): Float32Array => {
  const source = sources[kind](seed)
  const raw = Float32Array.from({ length: LOOP + SEAM }, (_, n) => source(n))
  for (let n = 0; n < SEAM; n++) {
    const share = n / SEAM
    raw[n] = raw[n]! * Math.sqrt(share) + raw[LOOP + n]! * Math.sqrt(1 - share)
  }
  const loop = raw.subarray(0, LOOP)
  const mean = loop.reduce((sum, sample) => sum + sample, 0) / LOOP
  const power = loop.reduce((sum, sample) => sum + (sample - mean) ** 2, 0) / LOOP
  return loop.map((sample) => (sample - mean) / Math.sqrt(power))
}

/** RMS of the audible samples of some speech, in dB relative to full scale. */
export const speechLevelDb = (speech: ReadonlyArray<Int16Array>): number => {
  let power = 0
  let count = 0
  for (const samples of speech) {
    for (const sample of samples) {
      if (Math.abs(sample) < AUDIBLE) continue
      power += sample * sample
      count++
    }
  }
  return count === 0 ? NOMINAL_SPEECH_DB : 10 * Math.log10(power / count) - 20 * Math.log10(FULL_SCALE)
}

/** What a line adds to the caller's track. Mutable: it remembers what the agent said. */
export interface LineSound {
  /** The caller hears `bytes` of mu-law from `atSample` on. */
  readonly heard: (atSample: number, bytes: Uint8Array) => void
  /** Adds to a frame that begins at `atSample`; what was heard up to its end must have been told. */
  readonly addTo: (frame: Int16Array, atSample: number) => void
}

const gain = (db: number): number => 10 ** (db / 20)

const clip = (value: number): number =>
  value >= FULL_SCALE - 1 ? FULL_SCALE - 1 : value <= -FULL_SCALE ? -FULL_SCALE : Math.round(value)

/** The sounds of a line, or undefined if it adds none. `speech` is what noise levels given as `snrDb` refer to. */
export const makeLineSound = (impairments: Impairments, speech: ReadonlyArray<Int16Array>): LineSound | undefined => {
  const { echo, noise } = impairments
  if (echo === undefined && noise === undefined) return undefined

  const noiseDb = noise === undefined ? -Infinity : "dbfs" in noise ? noise.dbfs : speechLevelDb(speech) - noise.snrDb
  const noiseGain = gain(noiseDb) * FULL_SCALE
  const loop = noise === undefined ? undefined : makeNoise(noise.kind, seedOf(impairments))

  const echoGain = echo === undefined ? 0 : gain(echo.levelDb)
  const delay = echo === undefined ? 0 : Math.max(0, Math.round(echo.delayMs * BYTES_PER_MS))
  // Long enough for the delay, the frame being made, and what the caller may hear before that.
  const ring = new Int16Array(delay + 4 * FRAME_BYTES)

  return {
    heard: (atSample, bytes) => {
      if (echo === undefined) return
      const samples = decodeMulaw(bytes)
      for (let i = 0; i < samples.length; i++) ring[(atSample + i) % ring.length] = samples[i]!
    },
    addTo: (frame, atSample) => {
      for (let i = 0; i < frame.length; i++) {
        let sum = frame[i]!
        if (loop !== undefined) sum += noiseGain * loop[(atSample + i) & (LOOP - 1)]!
        if (echo !== undefined) {
          const slot = (atSample + i + ring.length - delay) % ring.length
          sum += echoGain * ring[slot]!
          ring[slot] = 0
        }
        frame[i] = clip(sum)
      }
    }
  }
}
