/** Corpus in, cut-offs against latency out, for both rules over the range of their settings. */
import { Effect } from "effect"
import { type VoiceActivity } from "../../src/services/VoiceActivity.ts"
import { holdCalls, planCalls } from "./Agents.ts"
import { type TurnKind } from "./Corpus.ts"
import { type Agent } from "./HoldCall.ts"
import { percentile } from "./Measure.ts"
import { type Recordings } from "./Recordings.ts"

/** One setting and what came of it. */
export interface SweepPoint {
  readonly series: string
  /** The setting, as it is written beside the point. */
  readonly label: string
  /** Whether it is what is set when nothing is set. */
  readonly isDefault: boolean
  readonly medianMs: number
  readonly p95Ms: number
  /** Share of turns cut off, 0 to 1. */
  readonly cutOff: number
  readonly turns: number
}

/** Turns that can be cut off: nobody is spoken over here. */
const kinds: ReadonlyArray<TurnKind> = ["plain", "hesitant", "two sentences", "yes", "number"]

interface Setting {
  readonly series: string
  readonly label: string
  readonly isDefault: boolean
  readonly agent: Agent
}

const fixed = [200, 300, 400, 500, 700, 900, 1200, 1500].map((silenceMs): Setting => ({
  series: "fixed silence",
  label: `${silenceMs} ms`,
  isDefault: silenceMs === 500,
  agent: { _tag: "Tutorial", silenceMs }
}))

const byEagerness = [1, 0.75, 0.5, 0.25, 0].map((endpointEagerness): Setting => ({
  series: "ENDPOINT_EAGERNESS",
  label: `${endpointEagerness}`,
  isDefault: endpointEagerness === 0.5,
  agent: { _tag: "Ours", turns: { endpointEagerness } }
}))

const byBase = [200, 300, 500, 700, 900, 1200, 1500].map((silenceDurationMs): Setting => ({
  series: "SILENCE_DURATION_MS",
  label: `${silenceDurationMs} ms`,
  isDefault: silenceDurationMs === 500,
  agent: { _tag: "Ours", turns: { silenceDurationMs } }
}))

/** Measures every setting on the same calls over a quiet line. */
export const sweep = (
  recordings: Recordings,
  vad: VoiceActivity["Service"],
  seed: number,
  calls: number
): Effect.Effect<ReadonlyArray<SweepPoint>> => {
  const plans = planCalls(recordings, [["quiet", calls]], seed, kinds)
  return Effect.forEach([...fixed, ...byEagerness, ...byBase], ({ agent, isDefault, label, series }) =>
    Effect.map(holdCalls(plans, agent, recordings, vad), ({ all }): SweepPoint => ({
      series,
      label,
      isDefault,
      medianMs: Math.round(percentile(all.latencies, 0.5)),
      p95Ms: Math.round(percentile(all.latencies, 0.95)),
      cutOff: all.cutOff / all.turns,
      turns: all.turns
    }))
  )
}

/** As comma-separated values. */
export const csvOf = (points: ReadonlyArray<SweepPoint>): string =>
  [
    "series,setting,median_ms,p95_ms,cut_off,turns",
    ...points.map(({ cutOff, label, medianMs, p95Ms, series, turns }) =>
      [series, label, medianMs, p95Ms, cutOff.toFixed(4), turns].join(",")
    ),
    ""
  ].join("\n")
