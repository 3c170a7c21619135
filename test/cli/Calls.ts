/** Calls of the command to agents in memory, in virtual time: what to say and who answers in, what there is to say about it out. */
import { Effect } from "effect"
import { type CallStage, scriptOf } from "../../src/cli/CallScript.ts"
import { type CallSummary, type SummaryInput, summaryOf } from "../../src/cli/CallSummary.ts"
import { type Turn } from "../../src/cli/TurnAudio.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { connectTo } from "../../src/testing/CarrierConnection.ts"
import { placeCall } from "../../src/testing/TwilioCaller.ts"
import { inVirtualTime } from "../../src/testing/VirtualTime.ts"
import { tone } from "../testing/Sounds.ts"

/** A turn that is a tone. */
export const turn = (label: string, ms: number, bargeInMs?: number): Turn => ({
  label,
  text: label,
  audio: tone(ms),
  bargeInMs
})

/** Where the caller's side was, and what there is to say about the call. */
export interface HeldCall {
  readonly stages: ReadonlyArray<CallStage["_tag"]>
  readonly summary: CallSummary
}

/** Says the turns to whoever serves the call. */
export const hold = (
  serve: (link: MediaLink) => Effect.Effect<unknown, unknown>,
  turns: ReadonlyArray<Turn>,
  more: Partial<SummaryInput> = {}
): Effect.Effect<HeldCall> =>
  Effect.gen(function* () {
    const stages: Array<CallStage["_tag"]> = []
    const tell = (stage: CallStage) => Effect.sync(() => void stages.push(stage._tag))
    const timeoutMs = more.timeoutMs ?? 15_000
    const call = yield* placeCall({ connect: connectTo(serve), script: scriptOf(turns, timeoutMs, tell) })
    const known = { told: undefined, warnings: [], recording: undefined, url: "http://agent.test/twiml" }
    return { stages, summary: summaryOf({ ...known, ...more, turns, timeoutMs, call }) }
  }).pipe(Effect.scoped, inVirtualTime)
