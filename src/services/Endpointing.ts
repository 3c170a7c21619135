/** Contract: how long a pause ends a turn, judged by what was said so far. Owns the judgement, not the turn; a model may stand behind it. */
import { Context, type Effect } from "effect"

/** What the judgement is made from; private. */
export interface TurnSoFar {
  /** The caller's words in this turn, as far as they are known. */
  readonly text: string
  /** What the agent said last, as far as it was heard. */
  readonly agentSaid: string
  /** Typical pause inside of turns after which this caller went on, in milliseconds, and how many were seen. */
  readonly typicalPauseMs: number
  readonly pausesSeen: number
}

/** Judges when turns are over. */
export class Endpointing extends Context.Service<
  Endpointing,
  {
    /**
     * The pause, in milliseconds of audio time, that is to end the turn; undefined: the usual one.
     *
     * An answer that comes after the turn has ended is ignored, so a slow judge costs nothing but its effect.
     */
    readonly pauseFor: (turn: TurnSoFar) => Effect.Effect<number | undefined>
  }
>()("parley/services/Endpointing") {}
