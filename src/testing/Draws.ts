/** Chance that can be repeated: the same seed gives the same draws, in whatever order they are asked for. Pure. */

const scramble = (bits: number): number => {
  let h = bits | 0
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return h ^ (h >>> 16)
}

/** Draw number `n` of a lane: uniform, 0 or more and less than 1. Lanes of a seed do not depend on each other. */
export const draw = (seed: number, lane: number, n: number): number =>
  (scramble(scramble(scramble(seed) ^ Math.imul(lane + 1, 0x9e3779b9)) + n) >>> 0) / 2 ** 32

/** Draw number `n` of a lane from the normal distribution with mean 0 and variance 1. */
export const drawNormal = (seed: number, lane: number, n: number): number =>
  Math.sqrt(-2 * Math.log(1 - draw(seed, lane, 2 * n))) * Math.cos(2 * Math.PI * draw(seed, lane, 2 * n + 1))
