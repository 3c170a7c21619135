/** A corpus and an agent in, what its callers went through out. Owns the voice model that all calls share, not what is measured. */
import { Context, Effect, Layer } from "effect"
import * as SileroVoiceActivity from "../../src/layers/SileroVoiceActivity.ts"
import { VoiceActivity } from "../../src/services/VoiceActivity.ts"
import { type Condition, planCall, type PlannedCall, type TurnKind } from "./Corpus.ts"
import { type Agent, holdCall } from "./HoldCall.ts"
import { emptyTally, measure, type Tally } from "./Measure.ts"
import { type Recordings } from "./Recordings.ts"

/** How many calls are held on which line. */
export type CallCounts = ReadonlyArray<readonly [Condition, number]>

/** Plans calls; the same seed gives the same ones. */
export const planCalls = (
  recordings: Recordings,
  counts: CallCounts,
  seed: number,
  kinds?: ReadonlyArray<TurnKind>
): ReadonlyArray<PlannedCall> =>
  counts.flatMap(([condition, count], group) =>
    Array.from({ length: count }, (_, n) =>
      planCall(recordings, condition, seed * 1000 + group * 100 + n, {
        turns: 10,
        ...(kinds === undefined ? {} : { kinds })
      })
    )
  )

/** Calls of one agent, counted together and by the line they were held on. */
export interface Outcome {
  readonly all: Tally
  readonly by: ReadonlyMap<Condition, Tally>
  readonly callMinutes: number
}

/** The voice model of the product. */
export const voiceModel = Effect.map(Layer.build(SileroVoiceActivity.layerFrom()), (context) =>
  Context.get(context, VoiceActivity)
)

/** Holds all calls with an agent. */
export const holdCalls = (
  plans: ReadonlyArray<PlannedCall>,
  agent: Agent,
  recordings: Recordings,
  vad: VoiceActivity["Service"]
): Effect.Effect<Outcome> =>
  Effect.map(
    Effect.forEach(plans, (plan) => holdCall(plan, agent, recordings, vad), { concurrency: 12 }),
    (held) => {
      const all = emptyTally()
      const by = new Map<Condition, Tally>()
      for (const call of held) {
        const tally = by.get(call.plan.condition) ?? emptyTally()
        by.set(call.plan.condition, tally)
        measure(tally, call)
        measure(all, call)
      }
      return {
        all,
        by,
        callMinutes: held.reduce((sum, call) => sum + call.result.recording.durationMs, 0) / 60_000
      }
    }
  )
