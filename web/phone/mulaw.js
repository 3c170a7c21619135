/** G.711 mu-law to samples from -1 to 1 and back; owns no rate and no framing. Source: ITU-T G.711, table 2. */

/** Added to a 16-bit magnitude so that every segment starts at a power of two. */
const BIAS = 0x84

/** Largest 16-bit magnitude that the last segment holds. */
const CLIP = 32_635

/** The code of silence. */
export const SILENCE = 0xff

const table = Float32Array.from({ length: 256 }, (_, byte) => {
  const code = ~byte & 0xff
  const magnitude = ((((code & 0x0f) << 3) + BIAS) << ((code >> 4) & 0x07)) - BIAS
  return (code & 0x80 ? 0 - magnitude : magnitude) / 32_768
})

/**
 * The sample of a code.
 *
 * @param {number} byte
 */
export const decode = (byte) => table[byte]

/**
 * The code of a sample; anything beyond -1 and 1 is clipped.
 *
 * @param {number} sample
 */
export const encode = (sample) => {
  const magnitude = Math.min(Math.round(Math.abs(sample) * 32_768), CLIP) + BIAS
  const segment = 24 - Math.clz32(magnitude)
  const code = (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)
  return ~(sample < 0 ? 0x80 | code : code) & 0xff
}
