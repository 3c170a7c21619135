/**
 * Sends inputs that are almost right to everything that reads the network, and ends with 1 if anything throws, hangs or
 * grows. `npm run fuzz -- [inputs] [seed]`; the seed is printed, and a failure names the input's own one.
 */
import { makeChance } from "./FuzzInputs.ts"
import { makeTargets } from "./FuzzTargets.ts"
import { startWatchdog } from "./FuzzWatchdog.ts"

const inputs = Number(process.argv[2] ?? 1_000_000)
const seed = Number(process.argv[3] ?? 1)
if (!Number.isSafeInteger(inputs) || inputs < 1 || !Number.isSafeInteger(seed)) {
  console.error("usage: fuzz [inputs] [seed]; whole numbers were expected")
  process.exit(2)
}

/** Longest that one input may take: much more than a busy machine needs. */
const INPUT_MS = 10_000

/** How much the heap may have grown at the end, in megabytes. */
const GROWTH_MB = 64

const heapMb = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 2 ** 20
}

console.log(`seed ${seed}`)
const began = performance.now()
let total = 0
let failed = false
const watchdog = startWatchdog(INPUT_MS)
for (const [index, target] of makeTargets().entries()) {
  const wanted = Math.ceil((inputs * target.share) / 100)
  const chance = makeChance(seed * 1000 + index)
  const since = performance.now()
  let count = 0
  let longestMs = 0
  let heapBefore = 0
  try {
    while (count < wanted) {
      // What is loaded and compiled once is not growth.
      if (heapBefore === 0 && count >= wanted / 10) heapBefore = heapMb()
      const start = performance.now()
      watchdog.reading(index)
      count += (await target.read(chance)) ?? 1
      longestMs = Math.max(longestMs, performance.now() - start)
    }
    const grown = heapMb() - heapBefore
    if (grown > GROWTH_MB) throw new Error(`the heap grew by ${grown.toFixed(1)} MB`)
    const seconds = (performance.now() - since) / 1000
    const rate = `${Math.round(count / seconds).toLocaleString("en")}/s`
    console.log(
      `${target.name.padEnd(22)} ${count.toLocaleString("en").padStart(9)} inputs ${rate.padStart(10)}, longest ${longestMs.toFixed(1)} ms, heap ${grown >= 0 ? "+" : ""}${grown.toFixed(1)} MB`
    )
  } catch (error) {
    failed = true
    console.error(`${target.name}: input ${count} of seed ${seed} failed`)
    console.error(error)
  }
  total += count
}
console.log(`${total.toLocaleString("en")} inputs in ${((performance.now() - began) / 1000).toFixed(1)} s`)
process.exit(failed ? 1 : 0)
