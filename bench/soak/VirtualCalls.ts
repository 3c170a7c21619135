/** Calls that are made up, one after the other in virtual time: what they leave behind, and what must not happen in them. Owns no real time. */
import { Effect } from "effect"
import { checkCall, invariants } from "../../src/testing/Invariants.ts"
import { randomCall } from "../../src/testing/RandomScripts.ts"
import { simulate } from "../../src/testing/Simulation.ts"
import { heapBytes, type HeapSample, judgeHeap, makeLeftovers, megabytes, printRow } from "./Leftovers.ts"

/** Samples of the heap in a run. */
const SAMPLES = 20

/** Samples at the beginning that say more of the compiler than of calls. */
const WARM_UP = 4

/** Bytes a call may seem to add: an eighth of the smallest thing that a call has and could leave behind, a second of audio. */
const FLAT_BYTES = 1000

const { answers, endsCleanly, speaksTheProtocol } = invariants
const checks = { answers, endsCleanly, speaksTheProtocol }

/** Holds so many calls, the first one made of this seed; gives what is wrong. */
export const holdVirtualCalls = async (calls: number, seed: number): Promise<ReadonlyArray<string>> => {
  const problems: Array<string> = []
  const leftovers = makeLeftovers()
  const before = leftovers.alive()
  const samples: Array<HeapSample> = []
  const began = performance.now()
  let seconds = 0
  let fibers = 0

  console.log(`${calls.toLocaleString("en")} calls in virtual time, seeds from ${seed}`)
  printRow(["calls", "call hours", "heap MB", "fibers", "sockets", "timers"])
  const every = Math.max(1, Math.floor(calls / SAMPLES))
  for (let held = 1; held <= calls; held++) {
    const report = await Effect.runPromise(simulate(randomCall(seed + held - 1).options))
    seconds += report.call.recording.durationMs / 1000
    fibers += report.remains.fibers
    for (const { invariant, message } of checkCall(report, checks)) {
      problems.push(`seed ${seed + held - 1}: ${invariant}: ${message}`)
    }
    if (held % every !== 0) continue
    const bytes = heapBytes()
    samples.push([held, bytes])
    const { sockets, timers } = leftovers.alive()
    if ((samples.length - 1) % 4 === 3 || held === every) {
      printRow([held, (seconds / 3600).toFixed(1), megabytes(bytes), fibers, sockets, timers])
    }
  }

  const after = leftovers.alive()
  if (fibers > 0) problems.push(`${fibers} fibers are left over`)
  if (after.sockets > before.sockets) problems.push(`${after.sockets - before.sockets} sockets are left over`)
  if (after.timers > before.timers) problems.push(`${after.timers - before.timers} timers are left over`)
  problems.push(...judgeHeap(samples.slice(WARM_UP), FLAT_BYTES))
  console.log(`in ${((performance.now() - began) / 1000).toFixed(0)} s\n`)
  return problems
}
