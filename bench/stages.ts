/** What the stages cost, each beside another way to do the same or less: audio for 20 ms of sound, text for a token or a sentence. Run: `node bench/stages.ts`. */
import type * as Alawmulaw from "alawmulaw"
import { createRequire } from "node:module"
import type * as WaveResampler from "wave-resampler"
import { type CallerAudio, FRAME_BYTES, FRAME_MS, WINDOW_SAMPLES } from "../src/schema/Audio.ts"
import { decodeAny, decodeFrame } from "../src/streams/DecodeFrames.ts"
import * as Frames from "../src/streams/Frames.ts"
import { decodeMulaw, decodeMulawBase64, encodeMulaw } from "../src/streams/Mulaw.ts"
import { makeResampler } from "../src/streams/Resample.ts"
import * as VoiceWindows from "../src/streams/VoiceWindows.ts"
import { compare, type Comparison, ROUNDS, type Work } from "./stages/Compare.ts"
import { sentences, speaking } from "./stages/Text.ts"

// Both are CommonJS, whatever their types say.
const require = createRequire(import.meta.url)
const { mulaw: g711 } = require("alawmulaw") as typeof Alawmulaw
const { resample } = require("wave-resampler") as typeof WaveResampler

const speech = (rate: number, ms = FRAME_MS): Int16Array =>
  Int16Array.from({ length: (rate * ms) / 1000 }, (_, i) =>
    Math.round(9000 * Math.sin((2 * Math.PI * 220 * i) / rate) + 4000 * Math.sin((2 * Math.PI * 1870 * i) / rate))
  )

const pcm8 = speech(8000)
const pcm24 = speech(24_000)
const mulaw = encodeMulaw(pcm8)
const payload = Buffer.from(mulaw).toString("base64")

const decodeByFormula = (bytes: Uint8Array): Int16Array => {
  const samples = new Int16Array(bytes.length)
  for (let i = 0; i < bytes.length; i++) {
    const code = ~bytes[i]! & 0xff
    const magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132
    samples[i] = code & 128 ? -magnitude : magnitude
  }
  return samples
}

const decodeByAtob = (base64: string): Int16Array => {
  const characters = atob(base64)
  const bytes = new Uint8Array(characters.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i)
  return decodeMulaw(bytes)
}

const encodeByFormula = (samples: Int16Array): Uint8Array => {
  const bytes = new Uint8Array(samples.length)
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i]!
    const biased = Math.min(Math.abs(sample), 32_635) + 132
    let segment = 7
    for (let mask = 0x4000; segment > 0 && (biased & mask) === 0; mask >>= 1) segment--
    bytes[i] = ~((sample < 0 ? 128 : 0) | (segment << 4) | ((biased >> (segment + 3)) & 15))
  }
  return bytes
}

/** The mean of each three samples: aliases are a few dB down at best. */
const box = (samples: Int16Array): Int16Array => {
  const output = new Int16Array(samples.length / 3)
  for (let i = 0; i < output.length; i++) {
    output[i] = (samples[3 * i]! + samples[3 * i + 1]! + samples[3 * i + 2]!) / 3
  }
  return output
}

/** A straight line between samples: images are a few dB down at best. */
const line = (samples: Int16Array): Int16Array => {
  const output = new Int16Array(samples.length * 2)
  for (let i = 0; i < samples.length; i++) {
    output[2 * i] = samples[i]!
    output[2 * i + 1] = (samples[i]! + (samples[i + 1] ?? samples[i]!)) >> 1
  }
  return output
}

const windowsByStep = (): Work => {
  let state = VoiceWindows.initial
  let atMs = 0
  return () => {
    const chunk: CallerAudio = { atMs, samples: pcm8 }
    atMs += FRAME_MS
    const [next, windows] = VoiceWindows.step(state, chunk)
    state = next
    return windows
  }
}

/** One buffer written over and over, no clock. */
const windowsInPlace = (): Work => {
  let buffer = new Int16Array(WINDOW_SAMPLES)
  let filled = 0
  return () => {
    const taken = Math.min(pcm8.length, WINDOW_SAMPLES - filled)
    buffer.set(pcm8.subarray(0, taken), filled)
    filled += taken
    if (filled < WINDOW_SAMPLES) return undefined
    const window = buffer
    buffer = new Int16Array(WINDOW_SAMPLES)
    buffer.set(pcm8.subarray(taken))
    filled = pcm8.length - taken
    return window
  }
}

const ragged = mulaw.subarray(0, FRAME_BYTES - 7)

const framesByStep = (): Work => {
  let state = Frames.initial
  return () => {
    const [next, frames] = Frames.step(state, ragged)
    state = next
    return frames
  }
}

const framesByConcat = (): Work => {
  let carried: Uint8Array = new Uint8Array(0)
  return () => {
    const joined = Buffer.concat([carried, ragged])
    const whole = joined.length - (joined.length % FRAME_BYTES)
    carried = joined.subarray(whole)
    return joined.subarray(0, whole)
  }
}

const down = makeResampler(24_000, 8000)
const up = makeResampler(8000, 16_000)

const frame = JSON.stringify({
  event: "media",
  sequenceNumber: "2",
  media: { track: "inbound", chunk: "1", timestamp: "5", payload },
  streamSid: `MZ${"0".repeat(32)}`
})

const outbound = { event: "media", streamSid: `MZ${"0".repeat(32)}`, media: { payload } }
const [beforePayload = "", afterPayload = ""] = JSON.stringify({ ...outbound, media: { payload: "|" } }).split("|")

const comparisons: ReadonlyArray<Comparison> = [
  {
    stage: "decode media frame",
    ours: () => decodeFrame(frame),
    alternative: "JSON.parse, unchecked",
    theirs: () => JSON.parse(frame)
  },
  {
    stage: "the same, its schema",
    ours: () => decodeFrame(frame),
    alternative: "JSON.parse and schema",
    theirs: () => decodeAny(frame)
  },
  {
    stage: "encode media frame",
    ours: () => beforePayload + Buffer.from(mulaw).toString("base64") + afterPayload,
    alternative: "JSON.stringify",
    theirs: () => JSON.stringify({ ...outbound, media: { payload: Buffer.from(mulaw).toString("base64") } })
  },
  {
    stage: "decode mu-law",
    ours: () => decodeMulaw(mulaw),
    alternative: "formula per sample",
    theirs: () => decodeByFormula(mulaw)
  },
  {
    stage: "the same, a package",
    ours: () => decodeMulaw(mulaw),
    alternative: "alawmulaw",
    theirs: () => g711.decode(mulaw)
  },
  {
    stage: "decode base64 mu-law",
    ours: () => decodeMulawBase64(payload),
    alternative: "atob, then the table",
    theirs: () => decodeByAtob(payload)
  },
  {
    stage: "encode mu-law",
    ours: () => encodeMulaw(pcm8),
    alternative: "formula per sample",
    theirs: () => encodeByFormula(pcm8)
  },
  {
    stage: "the same, a package",
    ours: () => encodeMulaw(pcm8),
    alternative: "alawmulaw",
    theirs: () => g711.encode(pcm8)
  },
  {
    stage: "resample 24 to 8 kHz",
    ours: () => down.push(pcm24),
    alternative: "mean of three, aliased",
    theirs: () => box(pcm24)
  },
  {
    stage: "the same, a package",
    ours: () => down.push(pcm24),
    alternative: "wave-resampler, cubic",
    theirs: () => resample(pcm24, 24_000, 8000)
  },
  {
    stage: "the same, sinc",
    ours: () => down.push(pcm24),
    alternative: "wave-resampler, sinc",
    theirs: () => resample(pcm24, 24_000, 8000, { method: "sinc" })
  },
  {
    stage: "resample 8 to 16 kHz",
    ours: () => up.push(pcm8),
    alternative: "straight lines, imaged",
    theirs: () => line(pcm8)
  },
  {
    stage: "the same, a package",
    ours: () => up.push(pcm8),
    alternative: "wave-resampler, cubic",
    theirs: () => resample(pcm8, 8000, 16_000)
  },
  {
    stage: "voice windows",
    ours: windowsByStep(),
    alternative: "buffer in place, no clock",
    theirs: windowsInPlace()
  },
  { stage: "align frames", ours: framesByStep(), alternative: "Buffer.concat", theirs: framesByConcat() }
]

const head = `Node ${process.version}, ${process.arch}; medians of ${ROUNDS} rounds; ratio: ours to the alternative, below 1 is faster`
console.log(head)
compare(`sound, for ${FRAME_MS} ms of it`, comparisons)
compare("text of an answer, for a token of it", sentences)
compare("text of an answer, for a sentence of it", speaking)
