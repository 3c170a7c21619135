/** Many measurements in, how they are spread out. Counts in bins of a tenth of a unit, so that size does not grow with time and parts can be added up. */

/** How often each value was seen; mutable. */
export interface Histogram {
  /** Number of values by bin, which is the value times ten, rounded. */
  readonly bins: Map<number, number>
  count: number
  sum: number
  max: number
}

const PER_UNIT = 10

/** Nothing was measured yet. */
export const makeHistogram = (): Histogram => ({ bins: new Map(), count: 0, sum: 0, max: -Infinity })

/** Takes a value in. */
export const record = (histogram: Histogram, value: number): void => {
  const bin = Math.round(value * PER_UNIT)
  histogram.bins.set(bin, (histogram.bins.get(bin) ?? 0) + 1)
  histogram.count++
  histogram.sum += value
  if (value > histogram.max) histogram.max = value
}

/** Takes everything in that another one has. */
export const addTo = (histogram: Histogram, other: Histogram): void => {
  for (const [bin, count] of other.bins) histogram.bins.set(bin, (histogram.bins.get(bin) ?? 0) + count)
  histogram.count += other.count
  histogram.sum += other.sum
  histogram.max = Math.max(histogram.max, other.max)
}

/** The least value that at least this share of all values does not exceed (nearest rank), to a tenth; undefined without any. */
export const quantile = ({ bins, count }: Histogram, share: number): number | undefined => {
  let left = Math.max(1, Math.ceil(share * count))
  for (const [bin, many] of [...bins].sort(([a], [b]) => a - b)) {
    left -= many
    if (left <= 0) return bin / PER_UNIT
  }
  return undefined
}

/** The greatest value; undefined without any. */
export const maximum = ({ count, max }: Histogram): number | undefined => (count === 0 ? undefined : max)
