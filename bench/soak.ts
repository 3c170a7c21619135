/**
 * Holds thousands of calls in virtual time and hundreds on real sockets, and ends with 1 if anything is left over of
 * them or the heap grows. `npm run soak -- [virtual calls] [waves of 50 real calls] [seed]`; 0 leaves a part out.
 */
import { holdRealCalls } from "./soak/RealCalls.ts"
import { holdVirtualCalls } from "./soak/VirtualCalls.ts"

const [virtual = 5000, waves = 8, seed = 1] = process.argv.slice(2).map(Number)
if (![virtual, waves, seed].every((number) => Number.isSafeInteger(number) && number >= 0)) {
  console.error("usage: soak [virtual calls] [waves of 50 real calls] [seed]; whole numbers were expected")
  process.exit(2)
}

/** Real calls at a time. */
const AT_A_TIME = 50

console.log(`Node ${process.version}, ${process.arch}`)
const problems = [
  ...(virtual === 0 ? [] : await holdVirtualCalls(virtual, seed)),
  ...(waves === 0 ? [] : await holdRealCalls(waves, AT_A_TIME))
]
for (const problem of problems) console.error(problem)
console.log(problems.length === 0 ? "Nothing is left over." : `${problems.length} things are wrong.`)
process.exit(problems.length === 0 ? 0 : 1)
