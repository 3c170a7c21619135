/** Calls for scenarios: held in virtual time, checked for what must hold in every call, and asked what a scenario wants to know. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type CallReport } from "../../src/testing/CallReport.ts"
import { checkCall, invariants, type Limits } from "../../src/testing/Invariants.ts"
import { simulate, type SimulationOptions } from "../../src/testing/Simulation.ts"
import { audibleStretches, entriesOf, type Stretch } from "../../src/testing/Timeline.ts"
import { renderTimeline } from "../../src/testing/TimelineText.ts"

/** A call that is over, with its story for whoever has to find out what went wrong. */
export interface Held extends CallReport {
  readonly story: string
}

/** Holds a call in which nobody does what must never happen, and the caller's script went as it was meant to. */
export const hold = (options: SimulationOptions, limits: Partial<Limits> = {}): Effect.Effect<Held> =>
  Effect.map(simulate(options), (report) => {
    const story = renderTimeline(report.timeline)
    assert.deepStrictEqual(checkCall(report, invariants, limits), [], story)
    assert.deepStrictEqual(report.call.failures, [], story)
    return { ...report, story }
  })

/** The caller's turns, as the agent has them. */
export const turnsIn = (held: Held): ReadonlyArray<string> =>
  held.conversation.flatMap(({ by, text }) => (by === "caller" ? [text] : []))

/** What the agent said, as it was heard. */
export const repliesIn = (held: Held): ReadonlyArray<string> =>
  held.conversation.flatMap(({ by, text }) => (by === "agent" ? [text] : []))

/** When the agent was heard: breaks of less than `gapMs` milliseconds are part of it. */
export const speechOf = (held: Held, gapMs?: number): ReadonlyArray<Stretch> =>
  audibleStretches(held.call.recording.agent(), gapMs)

/** Whether the agent was heard at any moment between two of the call. */
export const isHeard = (held: Held, fromMs: number, untilMs: number): boolean =>
  speechOf(held).some(({ endMs, startMs }) => endMs > fromMs && startMs < untilMs)

/** How long the pause was that ended each turn, in milliseconds. */
export const pausesOf = (held: Held): ReadonlyArray<number> =>
  entriesOf(held.timeline, "TurnEnded").map(({ pauseMs }) => pauseMs)

/** A noise without any words in it, as of a cough or a door, at a level that a voice has (8 kHz PCM). */
export const noise = (ms: number, amplitude = 6000): Int16Array => {
  let random = 1
  return Int16Array.from({ length: ms * 8 }, () => {
    random = (random * 16_807) % 2_147_483_647
    return Math.round(amplitude * ((2 * random) / 2_147_483_647 - 1))
  })
}
