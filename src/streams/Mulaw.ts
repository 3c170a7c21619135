/** G.711 mu-law bytes to 16-bit PCM and back, sample for sample; owns no rate, framing or transport. */
import { Stream } from "effect"
import { type Stage } from "./Stage.ts"

/** Added to a 16-bit magnitude so that every segment starts at a power of two: 33 of the standard's 14 bits. */
const BIAS = 0x84

/** Largest 16-bit magnitude the last segment holds; everything above is clipped to it. */
const CLIP = 32635

const decodeTable = Int16Array.from({ length: 256 }, (_, byte) => {
  const code = ~byte & 0xff
  const magnitude = ((((code & 0x0f) << 3) + BIAS) << ((code >> 4) & 0x07)) - BIAS
  return code & 0x80 ? -magnitude : magnitude
})

/** Indexed by the sample's 16 bits read as unsigned. */
const encodeTable = Uint8Array.from({ length: 65_536 }, (_, bits) => {
  const sample = (bits << 16) >> 16
  const biased = Math.min(Math.abs(sample), CLIP) + BIAS
  const segment = 24 - Math.clz32(biased)
  const code = (segment << 4) | ((biased >> (segment + 3)) & 0x0f)
  return ~(sample < 0 ? 0x80 | code : code) & 0xff
})

/** 16-bit PCM of mu-law bytes, one sample per byte; the largest value is ±32124. Source: ITU-T G.711, table 2. */
export const decodeMulaw = (bytes: Uint8Array): Int16Array => {
  const samples = new Int16Array(bytes.length)
  for (let i = 0; i < samples.length; i++) samples[i] = decodeTable[bytes[i]!]!
  return samples
}

/**
 * mu-law bytes of 16-bit PCM, one byte per sample; magnitudes above 32635 are clipped.
 *
 * Quantises the 14-bit magnitude (the 16-bit one without its two lowest bits), the same for both signs; a magnitude on a
 * decision value goes outwards. -3 to -1 become the negative zero, 0x7F. Source: ITU-T G.711, table 2.
 */
export const encodeMulaw = (samples: Int16Array): Uint8Array => {
  const bytes = new Uint8Array(samples.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = encodeTable[samples[i]! & 0xffff]!
  return bytes
}

/** 16-bit PCM of base64 mu-law, as carriers send it; characters that are not base64 are skipped. */
export const decodeMulawBase64 = (payload: string): Int16Array => decodeMulaw(Buffer.from(payload, "base64"))

/** Decodes each chunk of mu-law bytes to as many samples. */
export const mulawToPcm: Stage<Uint8Array, Int16Array> = Stream.map(decodeMulaw)

/** Encodes each chunk of samples to as many mu-law bytes. */
export const pcmToMulaw: Stage<Int16Array, Uint8Array> = Stream.map(encodeMulaw)
