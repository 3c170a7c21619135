/** What is said and heard in the measured calls: recorded speech over a quiet line's noise as base64 frames, and the agent's voice as synthesis sends it. */
import { FRAME_BYTES } from "../../src/schema/Audio.ts"
import { TTS_RATE } from "../../src/schema/TogetherTts.ts"
import { encodeMulaw } from "../../src/streams/Mulaw.ts"
import { makeResampler } from "../../src/streams/Resample.ts"
import { draw } from "../../src/testing/Draws.ts"
import { loadRecordings } from "../turns/Recordings.ts"

/** Level of the line's noise, in dB relative to full scale (RMS): what a quiet room leaves on a phone line. */
export const NOISE_DB = -62

/** Loudness of a sample: rough, for noise whose only use is to be there. */
const noiseAt = (n: number): number =>
  (draw(7, 0, n) + draw(7, 1, n) + draw(7, 2, n) - 1.5) * 2 * 32768 * 10 ** (NOISE_DB / 20)

const withNoise = (samples: Int16Array, from: number): Int16Array =>
  samples.map((sample, n) => Math.max(-32768, Math.min(32767, Math.round(sample + noiseAt(from + n)))))

/** Frames of 20 ms as base64 mu-law; the last one is filled up with noise. */
const framesOf = (samples: Int16Array, from: number): ReadonlyArray<string> => {
  const whole = new Int16Array(Math.ceil(samples.length / FRAME_BYTES) * FRAME_BYTES)
  whole.set(samples)
  const mulaw = encodeMulaw(withNoise(whole, from))
  return Array.from({ length: mulaw.length / FRAME_BYTES }, (_, n) =>
    Buffer.from(mulaw.subarray(n * FRAME_BYTES, (n + 1) * FRAME_BYTES)).toString("base64")
  )
}

/** What callers send. */
export interface CallerLines {
  readonly source: string
  /** Whole sentences of 1 to 4 s. */
  readonly utterances: ReadonlyArray<ReadonlyArray<string>>
  /** 10 s of a quiet line. */
  readonly quiet: ReadonlyArray<string>
}

/** Recorded sentences of a usual length, and the line's own noise. */
export const callerLines = (): CallerLines => {
  const { sentences, source } = loadRecordings()
  const usual = sentences.filter(({ audio }) => audio.length > 8000 && audio.length < 32_000)
  return {
    source,
    utterances: usual.slice(0, 24).map(({ audio }, n) => framesOf(audio, n * 1000)),
    quiet: framesOf(new Int16Array(80_000), 5000)
  }
}

/** Audio in one piece of synthesised speech, in milliseconds. */
export const PIECE_MS = 100

/** A long stretch of the agent's voice as base64 pieces of {@link PIECE_MS}, 16-bit PCM at 24 kHz. */
export const agentPieces = (): ReadonlyArray<string> => {
  const { agent } = loadRecordings()
  const speech = makeResampler(8000, TTS_RATE).push(agent.subarray(0, 8000 * 30))
  const length = (TTS_RATE * PIECE_MS) / 1000
  return Array.from({ length: Math.floor(speech.length / length) }, (_, n) => {
    const piece = speech.slice(n * length, (n + 1) * length)
    return Buffer.from(piece.buffer).toString("base64")
  })
}
