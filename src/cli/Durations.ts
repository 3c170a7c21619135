/** Durations as they are given on a command line in, milliseconds out. */

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

/** What a duration looks like, after the word "expected". */
export const EXPECTED_DURATION = "a duration such as 800ms, 1.5s or 2m"

/** The milliseconds of `800ms`, `1.5s` or `2m`; undefined for every other text. */
export const parseDuration = (text: string): number | undefined => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text.trim()) ?? []
  const factor = unit === undefined ? undefined : unitMs[unit]
  return factor === undefined ? undefined : Number(amount) * factor
}
