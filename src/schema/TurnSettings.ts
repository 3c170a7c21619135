/** The knobs of turn-taking with their units and defaults; data only. */
import { type ReplyCue } from "./Turn.ts"

/** What it takes to interrupt the agent in one of its states. */
export interface BargeInProfile {
  /** Voice probability above which a window counts. */
  readonly prob: number
  /** Consecutive windows above it that hold the agent's audio. */
  readonly windows: number
  /** Speech, from its onset in milliseconds, that confirms it without any words; 0: the windows above are enough. */
  readonly confirmMs: number
}

/**
 * States of the agent that are interrupted differently: saying its first words, making up its mind, running a tool for
 * an answer, speaking.
 */
export type AgentState = "greeting" | "thinking" | "tool" | "speaking"

/** When a turn begins and ends and what interrupts the agent. Durations are audio time in milliseconds, probabilities 0 to 1. */
export interface TurnSettings {
  /** Voice probability above which speech starts. `SPEECH_START_PROB` */
  readonly speechStartProb: number
  /** Voice probability below which a pause begins. `SPEECH_END_PROB` */
  readonly speechEndProb: number
  /** Pause that ends a turn of which nothing is known that speaks for more or less. `SILENCE_DURATION_MS` */
  readonly silenceDurationMs: number
  /** Shortest and longest pause that ends a turn, whatever its words. `ENDPOINT_MIN_MS`, `ENDPOINT_MAX_MS` */
  readonly endpointMinMs: number
  readonly endpointMaxMs: number
  /** How soon a pause is taken for the end: 0 waits longest, 1 answers soonest, 0.5 is even-handed. `ENDPOINT_EAGERNESS` */
  readonly endpointEagerness: number
  /** Actual speech a turn needs to be answered when its words could not be had. `MIN_SPEECH_MS` */
  readonly minSpeechMs: number
  /** What interrupts the agent, by its state. `BARGE_IN_PROB_THRESHOLD`, `BARGE_IN_CONSECUTIVE_FRAMES`, `BARGE_IN_CONFIRM_MS`, and by state `BARGE_IN_GREETING`, `BARGE_IN_THINKING`, `BARGE_IN_TOOL` */
  readonly bargeIn: Readonly<Record<AgentState, BargeInProfile>>
  /** What is said to its end whatever the caller says. `UNINTERRUPTIBLE` */
  readonly uninterruptible: ReadonlySet<ReplyCue["_tag"]>
  /** Pause after which audio that was held goes on, unless words confirmed the barge-in. `BARGE_IN_RESUME_MS` */
  readonly bargeInResumeMs: number
  /** Audio from before the onset of speech that recognition also hears. `PRE_ROLL_MS` */
  readonly preRollMs: number
  /** Silence after a turn, from the caller's last sound, after which a filler is said if the answer is not there; 0: never. `FILLER_MS` */
  readonly fillerMs: number
  /** Replies in a row that came to nothing, and turns whose words could not be had, after which the agent says goodbye; 0: never. `MAX_FAILURES` */
  readonly maxFailures: number
  /** Pause after which the words so far are asked for, ahead of the turn's end. `COMMIT_PAUSE_MS` */
  readonly commitPauseMs: number
  /** Pause after which a reply is started on a guess that the turn is over, if its words are known by then. `SPECULATION_PAUSE_MS` */
  readonly speculationPauseMs: number
  /** Replies that may be started on a guess that the turn is over, per turn; 0: never. `SPECULATIONS_PER_TURN` */
  readonly speculationsPerTurn: number
  /** Speech in a turn beyond which nothing is guessed any more. `SPECULATION_MAX_SPEECH_MS` */
  readonly speculationMaxSpeechMs: number
  /** Quiet after the last key press that ends keyed input. `KEY_PAUSE_MS` */
  readonly keyPauseMs: number
  /** Quiet on both sides after which the caller is asked whether they are still there; 0: never. `IDLE_MS` */
  readonly idleMs: number
  /** How often the caller is asked before the agent says goodbye. `IDLE_PROMPTS` */
  readonly idlePrompts: number
  /** Speech in one turn after which the agent takes the next short pause for its end. `MAX_TURN_MS` */
  readonly maxTurnMs: number
  /** Duration after which the agent ends the call; 0: no limit. `MAX_CALL_MS` */
  readonly maxCallMs: number
  /** How long before that the caller is told. `CALL_WARNING_MS` */
  readonly callWarningMs: number
}

/** The tutorial's thresholds, and ours where it has none. */
export const defaultTurnSettings: TurnSettings = {
  speechStartProb: 0.6,
  speechEndProb: 0.35,
  silenceDurationMs: 500,
  endpointMinMs: 250,
  endpointMaxMs: 2500,
  endpointEagerness: 0.5,
  minSpeechMs: 500,
  bargeIn: {
    greeting: { prob: 0.85, windows: 3, confirmMs: 700 },
    thinking: { prob: 0.6, windows: 1, confirmMs: 160 },
    tool: { prob: 0.85, windows: 3, confirmMs: 700 },
    speaking: { prob: 0.85, windows: 3, confirmMs: 700 }
  },
  uninterruptible: new Set<ReplyCue["_tag"]>(["TimeUp"]),
  bargeInResumeMs: 400,
  preRollMs: 500,
  fillerMs: 1800,
  maxFailures: 3,
  commitPauseMs: 160,
  speculationPauseMs: 96,
  speculationsPerTurn: 3,
  speculationMaxSpeechMs: 10_000,
  keyPauseMs: 1500,
  idleMs: 10_000,
  idlePrompts: 2,
  maxTurnMs: 60_000,
  maxCallMs: 1_800_000,
  callWarningMs: 30_000
}

const atOnce: BargeInProfile = { prob: 0.85, windows: 3, confirmMs: 0 }

/** The tutorial's rules alone: one fixed pause, nothing guessed, a barge-in at the first loud windows. For comparison. */
export const tutorialTurnSettings: TurnSettings = {
  ...defaultTurnSettings,
  bargeIn: { greeting: atOnce, thinking: { prob: 0.6, windows: 1, confirmMs: 32 }, tool: atOnce, speaking: atOnce },
  commitPauseMs: 500,
  speculationsPerTurn: 0,
  fillerMs: 0,
  maxFailures: 0,
  idleMs: 0,
  maxCallMs: 0
}
