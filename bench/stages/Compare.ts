/** Measures work beside another way to do it, in turns, and tells both with their ratio. */

/** Does the work once; what it returns is kept alive, so that none of it is optimised away. */
export type Work = () => unknown

/** A stage, and what it is compared with. */
export interface Comparison {
  readonly stage: string
  readonly ours: Work
  readonly alternative: string
  readonly theirs: Work
}

/** Rounds of each; the middle one counts. */
export const ROUNDS = 15
const ROUND_MS = 40

let sink: unknown

const time = (work: Work, iterations: number): number => {
  const before = performance.now()
  for (let i = 0; i < iterations; i++) sink = work()
  return performance.now() - before
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

/** Nanoseconds of both, measured in turns so that a busy machine slows both alike. */
const measure = ({ ours, theirs }: Comparison): readonly [ours: number, theirs: number] => {
  const iterationsOf = (work: Work) => Math.max(1, Math.round((ROUND_MS * 2000) / time(work, 2000)))
  for (const work of [ours, theirs, ours, theirs]) time(work, 5000)
  const iterations = [iterationsOf(ours), iterationsOf(theirs)] as const
  const rounds = Array.from({ length: ROUNDS }, () => [time(ours, iterations[0]), time(theirs, iterations[1])] as const)
  return [
    (median(rounds.map(([mine]) => mine)) / iterations[0]) * 1e6,
    (median(rounds.map(([, other]) => other)) / iterations[1]) * 1e6
  ]
}

const row = (stage: string, ours: string, alternative: string, theirs: string, ratio: string): void =>
  console.log(
    stage.padEnd(34) + ours.padStart(8) + `   ${alternative.padEnd(34)}` + theirs.padStart(8) + ratio.padStart(8)
  )

/** Prints a table of comparisons. */
export const compare = (of: string, comparisons: ReadonlyArray<Comparison>): void => {
  console.log()
  row(of, "ns", "alternative", "ns", "ratio")
  for (const comparison of comparisons) {
    const [ours, theirs] = measure(comparison)
    row(comparison.stage, ours.toFixed(0), comparison.alternative, theirs.toFixed(0), (ours / theirs).toFixed(2))
  }
  if (sink === undefined) process.exitCode = 1
}
