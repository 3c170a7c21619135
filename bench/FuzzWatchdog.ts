/** Ends the process when the input being read takes too long: a thread of its own, as a reader that hangs lets nothing else run. */
import { Worker } from "node:worker_threads"

const watch = `
  const { workerData } = require("node:worker_threads")
  const { writeSync } = require("node:fs")
  const { limitMs, shared } = workerData
  let seen = -1
  let since = performance.now()
  setInterval(() => {
    const now = Atomics.load(shared, 0)
    if (now !== seen) { seen = now; since = performance.now() }
    else if (performance.now() - since > limitMs) {
      writeSync(2, "target " + Atomics.load(shared, 1) + ": input " + now + " was still being read after " + limitMs + " ms\\n")
      process.kill(process.pid, "SIGKILL")
    }
  }, 200)
`

/** Told before each input; counts inputs over all targets. */
export interface Watchdog {
  readonly reading: (target: number) => void
  readonly stop: () => Promise<unknown>
}

/** Watches from now on. */
export const startWatchdog = (limitMs: number): Watchdog => {
  const shared = new Int32Array(new SharedArrayBuffer(8))
  const worker = new Worker(watch, { eval: true, workerData: { limitMs, shared } })
  return {
    reading: (target) => {
      Atomics.store(shared, 1, target)
      Atomics.add(shared, 0, 1)
    },
    stop: () => worker.terminate()
  }
}
