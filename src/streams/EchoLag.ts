/** Loudness of two tracks in, how alike they are at each delay of the second one out: a correlation over the last seconds. Owns no audio, and no opinion on what an echo is. */

/** Loudness by bin, 0 for silence, in a ring whose length is a power of two. */
export interface LoudnessTrack {
  readonly level: Float64Array
  /** 1 where there is something to compare: bins that are 0 tell nothing. */
  readonly active: Uint8Array
}

/** Compares a track with another one that may be late. Mutable. */
export interface LagSearch {
  /** Bin `bin` of the late track has this loudness. */
  readonly compare: (bin: number, loudness: number) => void
  /** Lets what was compared fade: what is kept of it, 0 to 1. */
  readonly fade: (keep: number) => void
  /** How alike the tracks are at a delay in bins, -1 to 1; undefined while there is too little of them. */
  readonly likeness: (lag: number) => number | undefined
  /** The delay at which they are most alike. */
  readonly best: () => { readonly lag: number; readonly likeness: number }
  readonly forget: () => void
}

const SUMS = 6

/** Searches delays from 0 to `lags` - 1 bins; `evidence` is how many comparisons a likeness needs. */
export const makeLagSearch = (
  { active, level }: LoudnessTrack,
  options: { readonly lags: number; readonly evidence: number }
): LagSearch => {
  const { evidence, lags } = options
  const mask = level.length - 1
  /** By delay: how much was compared, sums of both tracks, of their squares, and of their products. */
  const sums = new Float64Array(lags * SUMS)

  const compare = (bin: number, late: number): void => {
    for (let lag = 0, at = 0; lag < lags; lag++, at += SUMS) {
      const early = level[(bin - lag) & mask]!
      if (active[(bin - lag) & mask] === 0) continue
      sums[at] = sums[at]! + 1
      sums[at + 1] = sums[at + 1]! + early
      sums[at + 2] = sums[at + 2]! + late
      sums[at + 3] = sums[at + 3]! + early * early
      sums[at + 4] = sums[at + 4]! + late * late
      sums[at + 5] = sums[at + 5]! + early * late
    }
  }

  const fade = (keep: number): void => {
    for (let at = 0; at < sums.length; at++) sums[at] = sums[at]! * keep
  }

  const likeness = (lag: number): number | undefined => {
    const at = lag * SUMS
    const n = sums[at]!
    if (n < evidence) return undefined
    const early = n * sums[at + 3]! - sums[at + 1]! ** 2
    const late = n * sums[at + 4]! - sums[at + 2]! ** 2
    // A track that is as good as constant, within 1 dB, is like nothing.
    if (early < n * n || late < n * n) return 0
    return (n * sums[at + 5]! - sums[at + 1]! * sums[at + 2]!) / Math.sqrt(early * late)
  }

  return {
    compare,
    fade,
    likeness,
    best: () => {
      let most = 0
      let at = 0
      for (let lag = 0; lag < lags; lag++) {
        const alike = likeness(lag) ?? 0
        if (alike <= most) continue
        most = alike
        at = lag
      }
      return { lag: at, likeness: most }
    },
    forget: () => fade(0)
  }
}
