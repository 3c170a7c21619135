/** Sounds for tests: our recorded utterances and made-up noises, all as 8 kHz mono PCM. Nothing is random: the same arguments give the same samples. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { BYTES_PER_MS, PHONE_RATE } from "../../src/schema/Audio.ts"

/** The utterances in `test/fixtures/speech`. */
export type Utterance = "hello" | "question" | "stop" | "yes"

const HEADER_BYTES = 44

/** An utterance's samples. */
export const loadSpeech = (name: Utterance): Int16Array => {
  const file = readFileSync(fileURLToPath(new URL(`../fixtures/speech/${name}.wav`, import.meta.url)))
  const format = [file.readUInt16LE(20), file.readUInt16LE(22), file.readUInt32LE(24), file.readUInt16LE(34)].join(" ")
  if (format !== `1 1 ${PHONE_RATE} 16`) throw new Error(`${name}.wav is not 8 kHz mono 16-bit PCM`)
  const samples = new Int16Array((file.length - HEADER_BYTES) / 2)
  for (let i = 0; i < samples.length; i++) samples[i] = file.readInt16LE(HEADER_BYTES + 2 * i)
  return samples
}

/** Digital silence. */
export const silence = (ms: number): Int16Array => new Int16Array(ms * BYTES_PER_MS)

/** A sine; `level` is its peak, 0 to 1. */
export const tone = (ms: number, hz: number, level = 0.3): Int16Array =>
  generate(ms, (i) => level * Math.sin((2 * Math.PI * hz * i) / PHONE_RATE))

/** Noise with the same power at every frequency; `level` is its peak, 0 to 1. */
export const whiteNoise = (ms: number, level = 0.1, seed = 1): Int16Array => {
  const random = uniform(seed)
  return generate(ms, () => level * random())
}

/** Noise with the same power in every octave, as rooms and streets have it; `level` is about its peak, 0 to 1. */
export const pinkNoise = (ms: number, level = 0.1, seed = 1): Int16Array => {
  // Voss: one random source per octave, the k-th renewed every 2^k samples.
  const random = uniform(seed)
  const sources = Array.from({ length: 10 }, random)
  return generate(ms, (i) => {
    for (let k = 0; k < sources.length; k++) if (i % 2 ** k === 0) sources[k] = random()
    return (level * sources.reduce((sum, value) => sum + value, 0)) / 4
  })
}

/** A door that slams `atMs` into quiet: a burst that is loud at once and gone within about 100 ms. */
export const doorSlam = (ms: number, atMs: number, seed = 1): Int16Array => {
  const random = uniform(seed)
  return generate(ms, (i) => {
    const after = i - atMs * BYTES_PER_MS
    return after < 0 ? 0 : 0.9 * random() * Math.exp(-after / (25 * BYTES_PER_MS))
  })
}

/** One sound after the other. */
export const concat = (...parts: ReadonlyArray<Int16Array>): Int16Array => {
  const all = new Int16Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

const generate = (ms: number, sample: (index: number) => number): Int16Array =>
  Int16Array.from({ length: ms * BYTES_PER_MS }, (_, i) =>
    Math.max(-32768, Math.min(32767, Math.round(32767 * sample(i))))
  )

/** Numbers between -1 and 1 from a linear congruential generator. */
const uniform = (seed: number): (() => number) => {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
}
