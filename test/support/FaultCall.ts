/** One row of the fault matrix: a call in virtual time, what the caller is to hear of the fault, within what time, and what is to be logged. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { type CallReport } from "../../src/testing/CallReport.ts"
import { type CallerScript, hangUp, listen, pause, say } from "../../src/testing/CallerScript.ts"
import { checkCall, type Invariant, invariants } from "../../src/testing/Invariants.ts"
import { simulate, type SimulationOptions } from "../../src/testing/Simulation.ts"
import { entriesOf } from "../../src/testing/Timeline.ts"
import { spoken } from "../../src/testing/WordSound.ts"

/** What the caller asks, and what a model that works answers. */
export const questions = ["What time do you open?", "And on Sundays?"] as const
export const answers = ["We open at nine.", "On Sundays we open at eleven."] as const

/** Asks both questions, hearing each answer out: a pause of four and a half seconds is the end of one. */
export const bothQuestions: CallerScript = [
  listen(),
  say(spoken(questions[0])),
  listen(4500),
  say(spoken(questions[1])),
  listen(4500),
  pause(200),
  hangUp
]

/** A fault and what becomes of it. */
export interface FaultRow {
  /** What goes wrong. */
  readonly fault: string
  readonly call: Partial<SimulationOptions>
  /** What the agent says after its greeting, as far as it is heard; a list for each thing that is said. */
  readonly hears: ReadonlyArray<string>
  /** From the caller's last sound to the agent's next one, at most; 2000 unless it is said otherwise. */
  readonly withinMs?: number
  /** What is logged as a warning or worse, once or more often, and nothing else. */
  readonly logs: ReadonlyArray<RegExp>
  /** Which of {@link invariants} cannot hold, and why that is all right. */
  readonly except?: Readonly<Partial<Record<keyof typeof invariants, string>>>
  readonly also?: (report: CallReport) => void
}

/** What the caller waited after each thing they said, in milliseconds; undefined: nothing was said any more. */
const waits = (report: CallReport): ReadonlyArray<number | undefined> =>
  report.call.utterances.map(({ endMs }) => {
    const speech = entriesOf(report.timeline, "AgentSpeech").find(({ untilMs }) => untilMs > endMs)
    return speech === undefined ? undefined : Math.max(0, speech.atMs - endMs)
  })

const checksOf = ({ except = {} }: FaultRow): Readonly<Record<string, Invariant>> =>
  Object.fromEntries(Object.entries(invariants).filter(([name]) => !Object.hasOwn(except, name)))

/** Holds the call of a row. */
export const holdRow = ({ call }: FaultRow): Effect.Effect<CallReport> =>
  simulate({
    script: bothQuestions,
    ...call,
    services: { languageModel: { replies: answers }, ...call.services }
  })

/** Says what is wrong with the call of a row. */
export const checkRow = (row: FaultRow, report: CallReport): void => {
  const heard = report.conversation.flatMap(({ by, text }) => (by === "agent" ? [text] : [])).slice(1)
  assert.deepStrictEqual(heard, row.hears, "what the caller heard")
  const lines = report.log.filter(({ level }) => level !== "Debug" && level !== "Info").map(({ message }) => message)
  for (const line of lines)
    assert.isTrue(
      row.logs.some((log) => log.test(line)),
      `unexpected in the log: ${line}`
    )
  for (const log of row.logs)
    assert.isTrue(
      lines.some((line) => log.test(line)),
      `${log} was not logged`
    )
  assert.deepStrictEqual(checkCall(report, checksOf(row)), [])
  for (const ms of waits(report)) {
    if (ms !== undefined) assert.isAtMost(ms, row.withinMs ?? 2000, "silence before the agent was heard")
  }
  row.also?.(report)
}

/** A test for each row. */
export const faultTests = (rows: ReadonlyArray<FaultRow>): void => {
  for (const row of rows) {
    it(`${row.fault}`, () => Effect.runPromise(Effect.map(holdRow(row), (report) => checkRow(row, report))))
  }
}
