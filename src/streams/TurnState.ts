/** What turn-taking remembers of a call, and the small steps all its decisions are made of. Pure; decides nothing. */
import { type ReplyCue, type StopReason, type TurnOutput } from "../schema/Turn.ts"
import { noPauses, type Pausing } from "./Endpointing.ts"
import { isSpoken, type VoiceEvidence } from "./SpeechEvidence.ts"

/** A stretch of speech that recognition hears in one go. */
export interface Segment extends VoiceEvidence {
  readonly id: number
  /** Its audio is complete. */
  readonly ended: boolean
  /** Nothing more will be heard about its words. */
  readonly settled: boolean
  readonly failed: boolean
  readonly text: string
}

/** The caller's turn while it is going on. */
export interface Turn {
  readonly id: number
  /** Actual speech in it so far, pauses not counted, in milliseconds. */
  readonly speechMs: number
  /** When the caller last fell silent. */
  readonly pausedAtMs: number
  readonly segments: ReadonlyArray<Segment>
  /** Replies started on a guess that it was over. */
  readonly speculations: number
  /** Pause that ends it, if that was judged. */
  readonly pauseLimitMs: number | undefined
  /** When there was news of its words last. */
  readonly wordsAtMs: number
  /** Its words have just changed: nothing is concluded from them before the pause is judged anew, or the next window. */
  readonly unjudged: boolean
}

/**
 * How far a reply is.
 *
 * - `speculative` — being made on a guess that the turn is over, held
 * - `thinking` — wanted, not heard yet
 * - `audible` — heard
 * - `ending` — all made, little left to be heard
 */
export type ReplyPhase = "speculative" | "thinking" | "audible" | "ending"

/** The agent's reply from the decision to make it until it is over. */
export interface Reply {
  readonly epoch: number
  readonly phase: ReplyPhase
  /** Its audio was stopped on suspicion of a barge-in. */
  readonly held: boolean
  /** No more of it is sent until a voice that has just begun turns out to be one to stop for: the line holds enough. */
  readonly eased: boolean
  readonly cue: ReplyCue
  /** The turn it answers, to go on with if the caller speaks before the reply is audible. */
  readonly answers: Turn | undefined
  /** A tool is running for it. */
  readonly tool: boolean
  /** The caller was told that it is coming. */
  readonly filled: boolean
  /** The call ends when it was heard. */
  readonly last: boolean
}

/** Everything turn-taking remembers of a call. */
export interface TurnTakingState {
  /** Audio time up to which windows were seen. */
  readonly nowMs: number
  /** Whether the caller is speaking, by the two thresholds. */
  readonly voiced: boolean
  /** Consecutive windows above the barge-in threshold. */
  readonly loudRun: number
  readonly turn: Turn | undefined
  readonly reply: Reply | undefined
  readonly keys: { readonly digits: string; readonly sinceMs: number } | undefined
  readonly pausing: Pausing
  /** Since when nobody has said anything. */
  readonly quietSinceMs: number
  /** How often the caller was asked whether they are still there. */
  readonly idlePrompts: number
  readonly warned: boolean
  /** Replies that came to nothing, and turns whose words could not be had, since the last answer that was heard. */
  readonly failures: number
  readonly nextTurn: number
  readonly nextSegment: number
  readonly nextEpoch: number
}

/** Nobody has spoken yet. */
export const initial: TurnTakingState = {
  nowMs: 0,
  voiced: false,
  loudRun: 0,
  turn: undefined,
  reply: undefined,
  keys: undefined,
  pausing: noPauses,
  quietSinceMs: 0,
  idlePrompts: 0,
  warned: false,
  failures: 0,
  nextTurn: 1,
  nextSegment: 1,
  nextEpoch: 1
}

/** A state and what was decided on the way to it. */
export type Step = readonly [TurnTakingState, ReadonlyArray<TurnOutput>]

const nothing: ReadonlyArray<TurnOutput> = []

/** Nothing decided. */
export const stay = (state: TurnTakingState): Step => [state, nothing]

/** One step after another, keeping all outputs. */
export const chain = (first: Step, ...rest: ReadonlyArray<(state: TurnTakingState) => Step>): Step => {
  let [state, outputs] = first
  for (const next of rest) {
    const [after, more] = next(state)
    state = after
    outputs = more.length === 0 ? outputs : outputs.length === 0 ? more : [...outputs, ...more]
  }
  return [state, outputs]
}

/** Says something without changing anything. */
export const say =
  (output: TurnOutput) =>
  (state: TurnTakingState): Step => [state, [output]]

/** The words of some segments, as far as a voice stands behind them. */
export const wordsOf = (segments: ReadonlyArray<Segment>): string =>
  segments
    .map((segment) => segment.text.trim())
    .filter((text, index) => text !== "" && isSpoken(text, segments[index] as Segment))
    .join(" ")

/** The segment that was opened last. */
export const lastSegment = (turn: Turn): Segment | undefined => turn.segments[turn.segments.length - 1]

/** The segments that came after those a reply answers. */
export const freshSegments = (turn: Turn, reply: Reply): ReadonlyArray<Segment> =>
  reply.answers?.id === turn.id ? turn.segments.slice(reply.answers.segments.length) : turn.segments

/** Voice in some segments, in milliseconds. */
export const voicedIn = (segments: ReadonlyArray<Segment>): number =>
  segments.reduce((sum, segment) => sum + segment.voicedMs, 0)

/** Changes the segment with this id. */
export const changeSegment = (turn: Turn, id: number, change: (segment: Segment) => Segment): Turn => ({
  ...turn,
  segments: turn.segments.map((segment) => (segment.id === id ? change(segment) : segment))
})

/** Opens a segment in the turn, unless one is open. */
export const openSegment = (state: TurnTakingState, turn: Turn, fromMs: number): Step => {
  if (lastSegment(turn)?.ended === false) return stay({ ...state, turn })
  const segment: Segment = {
    id: state.nextSegment,
    ended: false,
    settled: false,
    failed: false,
    text: "",
    voicedMs: 0,
    peak: 0
  }
  return [
    { ...state, nextSegment: state.nextSegment + 1, turn: { ...turn, segments: [...turn.segments, segment] } },
    [{ _tag: "SegmentOpened", turn: turn.id, segment: segment.id, fromMs }]
  ]
}

/** Stops the reply, if there is one. */
export const stopReply =
  (reason: StopReason) =>
  (state: TurnTakingState): Step =>
    state.reply === undefined
      ? stay(state)
      : [
          { ...state, reply: undefined, quietSinceMs: state.nowMs },
          [{ _tag: "ReplyStopped", epoch: state.reply.epoch, reason }]
        ]

/** Has a reply made, held. */
export const startReply =
  (cue: ReplyCue, answers: Turn | undefined, phase: "speculative" | "thinking", last = false) =>
  (state: TurnTakingState): Step =>
    chain(
      [
        {
          ...state,
          nextEpoch: state.nextEpoch + 1,
          reply: {
            epoch: state.nextEpoch,
            phase,
            held: false,
            eased: false,
            cue,
            answers,
            tool: false,
            filled: false,
            last
          }
        },
        [{ _tag: "ReplyStarted", epoch: state.nextEpoch, cue }]
      ],
      phase === "thinking" ? say({ _tag: "ReplyReleased", epoch: state.nextEpoch }) : stay
    )

/** Stops the reply's audio for now, or only eases it. */
const pauseReply =
  (how: "held" | "eased") =>
  (state: TurnTakingState): Step => {
    const { reply } = state
    if (reply === undefined || reply.held || (reply.eased && how === "eased")) return stay(state)
    const paused = { ...reply, held: how === "held", eased: how === "eased" }
    return [{ ...state, reply: paused }, reply.eased ? nothing : [{ _tag: "ReplyHeld", epoch: reply.epoch }]]
  }

/** Stops the reply's audio for now. */
export const holdReply = pauseReply("held")

/** Sends no more of the reply for a moment. */
export const easeReply = pauseReply("eased")

/** Lets the reply's audio go on, if it was held or eased. */
export const resumeReply = (state: TurnTakingState): Step =>
  state.reply === undefined || !(state.reply.held || state.reply.eased)
    ? stay(state)
    : [
        { ...state, reply: { ...state.reply, held: false, eased: false } },
        [{ _tag: "ReplyReleased", epoch: state.reply.epoch }]
      ]

/** A new turn without any speech yet. */
export const newTurn = (state: TurnTakingState, atMs: number): readonly [TurnTakingState, Turn, TurnOutput] => [
  { ...state, nextTurn: state.nextTurn + 1 },
  {
    id: state.nextTurn,
    speechMs: 0,
    pausedAtMs: atMs,
    segments: [],
    speculations: 0,
    pauseLimitMs: undefined,
    wordsAtMs: atMs,
    unjudged: false
  },
  { _tag: "TurnStarted", turn: state.nextTurn, atMs }
]
