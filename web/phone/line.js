/** A line that delays what goes through it and keeps its order; time and timers are the browser's. */

/**
 * Makes a line. What is pushed comes out after the delay that holds then, and never before what was pushed earlier.
 *
 * @param {() => number} delayMs
 * @returns {{ push: (deliver: () => void) => void, drop: () => void }} `drop` forgets everything that is under way.
 */
export const makeLine = (delayMs) => {
  /** @type {Array<{ dueMs: number, deliver: () => void }>} */
  let under = []
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let lastDueMs = 0

  const run = () => {
    timer = undefined
    while (under.length > 0 && under[0].dueMs <= performance.now() + 0.5) under.shift()?.deliver()
    if (under.length > 0) timer = setTimeout(run, under[0].dueMs - performance.now())
  }

  return {
    push: (deliver) => {
      const dueMs = Math.max(lastDueMs, performance.now() + delayMs())
      if (under.length === 0 && dueMs <= performance.now()) return deliver()
      lastDueMs = dueMs
      under.push({ dueMs, deliver })
      timer ??= setTimeout(run, dueMs - performance.now())
    },
    drop: () => {
      clearTimeout(timer)
      timer = undefined
      under = []
    }
  }
}
