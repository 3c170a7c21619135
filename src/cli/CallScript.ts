/** Prepared turns in, what the caller does in the call out, with a word to whoever follows it at each stage. Plays nothing. */
import { Effect } from "effect"
import {
  type CallerScript,
  decide,
  hangUp,
  interrupt,
  say,
  waitUntilAgentQuiet,
  waitUntilAgentSpeaks
} from "../testing/CallerScript.ts"
import { BREATH_MS } from "./CallMeasure.ts"
import { type Turn } from "./TurnAudio.ts"

/** Silence after which the agent is taken to have finished, in milliseconds: longer than a breath between sentences. */
export const FINISHED_MS = 800

/** Longest wait for a greeting, in milliseconds: an agent may well let the caller begin. */
const GREETING_TIMEOUT_MS = 5000

/** How long the agent may speak before the caller goes on all the same, in milliseconds. */
const LONGEST_REPLY_MS = 120_000

/** What the caller's side is at. */
export type CallStage =
  /** Listens for the agent to begin, for that long. */
  | { readonly _tag: "Waits"; readonly forMs: number }
  /** The wait is over: the agent speaks, or time was up. */
  | { readonly _tag: "Waited" }
  | { readonly _tag: "HangsUp" }

const finished = waitUntilAgentQuiet(FINISHED_MS, { timeoutMs: LONGEST_REPLY_MS })

/**
 * Hears the greeting, says each turn and hears the answer to it, and hangs up.
 *
 * `timeoutMs` is how long an answer may take to begin; what has none then is gone past, for the measurement to tell.
 */
export const scriptOf = (
  turns: ReadonlyArray<Turn>,
  timeoutMs: number,
  tell: (stage: CallStage) => Effect.Effect<void>
): CallerScript => {
  const stage = (stage: CallStage) => decide(stage._tag, Effect.as(tell(stage), []))
  /** Waits for the agent to begin, which is the moment that interruptions are counted from. */
  const hear = (forMs: number): CallerScript => [
    stage({ _tag: "Waits", forMs }),
    waitUntilAgentSpeaks({ timeoutMs: forMs }),
    stage({ _tag: "Waited" })
  ]
  const utterances = turns.map(({ audio, bargeInMs, text }, index): CallerScript => [
    bargeInMs === undefined
      ? [finished, say({ audio, text })]
      : // The agent was waited for already: at most it draws a breath now, or there is nothing to interrupt.
        interrupt({ afterMs: bargeInMs, say: { audio, text }, timeoutMs: BREATH_MS }),
    // What is still to be heard of a reply that was interrupted is no answer.
    waitUntilAgentQuiet(BREATH_MS, { timeoutMs: LONGEST_REPLY_MS }),
    hear(timeoutMs),
    index === turns.length - 1 ? [finished, stage({ _tag: "HangsUp" })] : []
  ])
  return [hear(Math.min(timeoutMs, GREETING_TIMEOUT_MS)), utterances, hangUp]
}
