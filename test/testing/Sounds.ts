/** Sounds for tests: tones and silence, as samples and as mu-law. */
import { encodeMulaw } from "../../src/streams/Mulaw.ts"

/** A square tone of 444 Hz at 8 kHz: every sample of it is audible. */
export const tone = (ms: number, amplitude = 8000): Int16Array =>
  Int16Array.from({ length: ms * 8 }, (_, n) => (n % 18 < 9 ? amplitude : -amplitude))

/** Nothing, at 8 kHz. */
export const quiet = (ms: number): Int16Array => new Int16Array(ms * 8)

/** Pieces one after the other. */
export const join = (...pieces: ReadonlyArray<Int16Array>): Int16Array =>
  Int16Array.from(pieces.flatMap((piece) => Array.from(piece)))

/** A tone as base64 mu-law. */
export const tonePayload = (ms: number): string => Buffer.from(encodeMulaw(tone(ms))).toString("base64")

/** RMS of samples, in dB relative to full scale. */
export const levelDb = (samples: Int16Array): number =>
  10 * Math.log10(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length / 32768 ** 2)
