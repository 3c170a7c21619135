/** The sample caller: a short scripted conversation for those who have no microphone. Owns what is said and when, no audio. */

/** What is said, by the name of its file. */
const lines = {
  hello: "Hello! I’m the sample caller. What can you do?",
  count: "Interesting. Please count to twenty for me.",
  stop: "Wait. Please stop. That’s enough, thank you.",
  goodbye: "That was all I wanted to hear. Goodbye!"
}

/** How long an answer may take, and how long silence has to last for the agent to be done. Milliseconds. */
const ANSWER_MS = 15_000
const DONE_MS = 1000

/** How long the agent is listened to before it is interrupted. */
const PATIENCE_MS = 5000

/** Longest that the agent is listened to at all. */
const LONGEST_MS = 60_000

/** Between two looks at the agent. */
const LOOK_MS = 40

/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** The agent did not answer, in a sentence; or the caller was told to stop. */
export class SampleCallerError extends Error {}

/**
 * @typedef {object} SampleCall
 * @property {(name: keyof typeof lines) => Promise<void>} say Says a line to its end.
 * @property {string | null} countKey Key that has the agent count; null: it is asked to.
 * @property {(key: string) => void} press
 * @property {() => number} answers How many times the agent began to say something.
 * @property {() => boolean} agentSpeaks Whether the agent is heard.
 * @property {() => boolean} agentBusy Whether the agent is about to be heard.
 * @property {(text: string) => void} onLine What the caller says now.
 * @property {AbortSignal} signal
 */

/**
 * Greets, asks, interrupts the answer, says goodbye.
 *
 * Fails with a {@link SampleCallerError} if the agent does not answer or the signal aborts.
 *
 * @param {SampleCall} call
 */
export const runSampleCaller = async ({ agentBusy, agentSpeaks, answers, countKey, onLine, press, say, signal }) => {
  let answersBefore = 0

  /** @param {() => boolean} condition @param {number} withinMs */
  const until = async (condition, withinMs) => {
    for (let waited = 0; waited < withinMs; waited += LOOK_MS) {
      if (signal.aborted) throw new SampleCallerError("The sample caller was stopped.")
      if (condition()) return true
      await sleep(LOOK_MS)
    }
    return false
  }

  const answered = async () => {
    const isAnswered = () => answers() > answersBefore
    if (!(await until(isAnswered, ANSWER_MS))) throw new SampleCallerError("The sample caller was not answered.")
  }

  /** Waits for the agent to have said all it has to say, but no longer than so many milliseconds. */
  const done = (withinMs = LONGEST_MS) => {
    let quietMs = 0
    return until(() => {
      quietMs = agentSpeaks() || agentBusy() ? 0 : quietMs + LOOK_MS
      return quietMs >= DONE_MS
    }, withinMs)
  }

  /** @param {keyof typeof lines} name */
  const speak = async (name) => {
    answersBefore = answers()
    onLine(lines[name])
    await say(name)
    if (signal.aborted) throw new SampleCallerError("The sample caller was stopped.")
  }

  const askToCount = async () => {
    if (countKey === null) return speak("count")
    answersBefore = answers()
    onLine(`Presses ${countKey}`)
    press(countKey)
  }

  await answered()
  await done()
  await speak("hello")
  await answered()
  await done()
  await askToCount()
  await answered()
  if (!(await done(PATIENCE_MS))) {
    await speak("stop")
    await answered()
  }
  await done()
  await speak("goodbye")
  await answered()
  await done()
}
