/** Calls that are made up, and what must hold in each of them: a property over seeds for test files to share among cores. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { checkCall, defaultLimits, hearsEverything, invariants, type Limits } from "../../src/testing/Invariants.ts"
import { type RandomCall, randomCall } from "../../src/testing/RandomScripts.ts"
import { simulate } from "../../src/testing/Simulation.ts"
import { renderTimeline } from "../../src/testing/TimelineText.ts"

/** Seeds in one test. */
const BATCH = 10

/** One call in this many is held twice. */
const AGAIN_EVERY = 20

/** What a call keeps to: one that nothing is wrong with answers soon; a caller who is held back on the line is noticed late. */
const limitsFor = ({ options, recognisable }: RandomCall): Partial<Limits> => ({
  ...(recognisable ? { silenceMs: 4000 } : {}),
  reactionMs: defaultLimits.reactionMs + (options.impairments?.bursts?.holdMs ?? 0)
})

const checksFor = ({ about, recognisable }: RandomCall) =>
  recognisable && !about.includes("agrees") ? { ...invariants, hearsEverything } : invariants

/** What is wrong with the call of a seed. */
const problemsOf = (seed: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const call = randomCall(seed)
    const report = yield* simulate(call.options)
    const problems = checkCall(report, checksFor(call), limitsFor(call)).map(
      ({ invariant, message }) => `${invariant}: ${message}`
    )
    if (seed % AGAIN_EVERY !== 0) return problems
    const again = yield* simulate(call.options)
    const same =
      renderTimeline(again.timeline) === renderTimeline(report.timeline) &&
      Buffer.compare(again.call.recording.wav(), report.call.recording.wav()) === 0
    return same ? problems : [...problems, "the same seed gave another call"]
  }).pipe(Effect.map((problems) => problems.map((problem) => `seed ${seed}: ${problem}`)))

/** Tests that everything that must hold holds in the calls of `count` seeds from `first` on. */
export const testRandomCalls = (first: number, count: number): void => {
  for (let from = first; from < first + count; from += BATCH) {
    const until = Math.min(first + count, from + BATCH)
    it.live(
      `calls ${from} to ${until - 1}`,
      () =>
        Effect.gen(function* () {
          const seeds = Array.from({ length: until - from }, (_, n) => from + n)
          const problems = yield* Effect.forEach(seeds, problemsOf)
          assert.deepStrictEqual(problems.flat(), [])
        }),
      60_000
    )
  }
}
