/** What a bad line does to a call: which frames come late, twice or not at all. Pure and repeatable; sounds are made in `LineNoise.ts`. */
import { FRAME_MS } from "../schema/Audio.ts"
import { draw } from "./Draws.ts"

/** Sounds behind the caller: hiss, a rush falling 3 dB an octave, or many voices at once. */
export type NoiseKind = "white" | "pink" | "babble"

/** Everything that may be wrong with a line; what is left out is right. The same seed gives the same line. */
export interface Impairments {
  /** An integer; 1 by default. */
  readonly seed?: number
  /** Every frame is sent up to `maxMs` milliseconds late (uniformly drawn), order kept. */
  readonly jitter?: { readonly maxMs: number }
  /** Every `everyMs` milliseconds on average, frames are held for `holdMs` and then sent together. */
  readonly bursts?: { readonly everyMs: number; readonly holdMs: number }
  /**
   * A share of frames (0 to 1) is never sent: `chunk` and `timestamp` skip them, `sequenceNumber` counts what is sent.
   *
   * They are lost in runs of `meanRun` frames on average, 1 by default.
   */
  readonly loss?: { readonly rate: number; readonly meanRun?: number }
  /** A share of frames (0 to 1) is sent twice. */
  readonly duplicates?: { readonly rate: number }
  /** How much faster than the Clock the line's clock runs, in parts per million; negative: slower. */
  readonly clockSkewPpm?: number
  /** What the agent says comes back on the caller's track, `delayMs` later and changed by `levelDb` (negative: softer). */
  readonly echo?: { readonly levelDb: number; readonly delayMs: number }
  /** Noise on the caller's track, `dbfs` relative to full scale, or `snrDb` below the speech of the script (RMS). */
  readonly noise?: { readonly kind: NoiseKind } & ({ readonly dbfs: number } | { readonly snrDb: number })
  /** Marks go back `delayMs` late, and shares (0 to 1) of them never or twice. */
  readonly marks?: { readonly delayMs?: number; readonly lossRate?: number; readonly duplicateRate?: number }
}

/** What the line remembers between frames. */
export interface LineState {
  /** Line time up to which frames are held. */
  readonly heldUntilMs: number
  readonly losing: boolean
}

/** What becomes of a frame: how many times it is sent (0 to 2), and when in line milliseconds. */
export interface FrameFate {
  readonly copies: number
  readonly sendMs: number
}

/** A line on which nothing happened yet. */
export const initial: LineState = { heldUntilMs: 0, losing: false }

/** Draws of a seed that have nothing to do with each other. */
const lane = { jitter: 0, bursts: 1, loss: 2, duplicates: 3, markLoss: 4, markDuplicates: 5, noise: 6 } as const

/** First lane of the noise's draws. */
export const NOISE_LANE: number = lane.noise

/** The seed of a line. */
export const seedOf = (impairments: Impairments): number => impairments.seed ?? 1

/** Whether the next frame is lost: a two-state chain with the given share and mean length of losses. */
const loses = (losing: boolean, loss: NonNullable<Impairments["loss"]>, chance: number): boolean => {
  const goesOn = 1 - 1 / Math.max(1, loss.meanRun ?? 1)
  if (losing && goesOn > 0) return chance < goesOn
  if (loss.rate >= 1) return true
  // With single losses every frame has the same chance; with runs, they begin as often as keeps the share.
  return chance < (goesOn === 0 ? loss.rate : ((1 - goesOn) * loss.rate) / (1 - loss.rate))
}

/** Decides over frame `n` (from 1), due at `dueMs`. Frames must be asked for in order. */
export const step = (
  impairments: Impairments,
  state: LineState,
  n: number,
  dueMs: number
): readonly [state: LineState, fate: FrameFate] => {
  const seed = seedOf(impairments)
  const { bursts, duplicates, jitter, loss } = impairments
  const losing = loss !== undefined && loses(state.losing, loss, draw(seed, lane.loss, n))
  const holds =
    bursts !== undefined && dueMs >= state.heldUntilMs && draw(seed, lane.bursts, n) < FRAME_MS / bursts.everyMs
  const heldUntilMs = holds ? dueMs + bursts.holdMs : state.heldUntilMs
  const twice = duplicates !== undefined && draw(seed, lane.duplicates, n) < duplicates.rate
  const lateMs = jitter === undefined ? 0 : Math.floor(draw(seed, lane.jitter, n) * (jitter.maxMs + 1))
  const next = losing === state.losing && heldUntilMs === state.heldUntilMs ? state : { heldUntilMs, losing }
  return [next, { copies: losing ? 0 : twice ? 2 : 1, sendMs: Math.max(dueMs + lateMs, heldUntilMs) }]
}

/** How many times mark number `n` (from 1) goes back. */
export const markCopies = (impairments: Impairments, n: number): number => {
  const seed = seedOf(impairments)
  if (draw(seed, lane.markLoss, n) < (impairments.marks?.lossRate ?? 0)) return 0
  return draw(seed, lane.markDuplicates, n) < (impairments.marks?.duplicateRate ?? 0) ? 2 : 1
}
