/** The knobs of turn-taking with their units and defaults; data only. */

/** When a turn begins and ends and what interrupts the agent. Durations are audio time in milliseconds, probabilities 0 to 1. */
export interface TurnSettings {
  /** Voice probability above which speech starts. `SPEECH_START_PROB` */
  readonly speechStartProb: number
  /** Voice probability below which a pause begins. `SPEECH_END_PROB` */
  readonly speechEndProb: number
  /** Pause that ends a turn. `SILENCE_DURATION_MS` */
  readonly silenceDurationMs: number
  /** Actual speech a turn needs to be answered when no words were recognised in it. `MIN_SPEECH_MS` */
  readonly minSpeechMs: number
  /** Voice probability above which a window counts towards a barge-in. `BARGE_IN_PROB_THRESHOLD` */
  readonly bargeInProbThreshold: number
  /** Consecutive windows above that threshold that make a barge-in. `BARGE_IN_CONSECUTIVE_FRAMES` */
  readonly bargeInConsecutiveFrames: number
  /** Audio from before the onset of speech that recognition also hears. `PRE_ROLL_MS` */
  readonly preRollMs: number
  /** Pause after which the words so far are asked for, ahead of the turn's end. `COMMIT_PAUSE_MS` */
  readonly commitPauseMs: number
  /** Quiet after the last key press that ends keyed input. `KEY_PAUSE_MS` */
  readonly keyPauseMs: number
}

/** The tutorial's thresholds, and ours where it has none. */
export const defaultTurnSettings: TurnSettings = {
  speechStartProb: 0.6,
  speechEndProb: 0.35,
  silenceDurationMs: 500,
  minSpeechMs: 500,
  bargeInProbThreshold: 0.85,
  bargeInConsecutiveFrames: 3,
  preRollMs: 500,
  commitPauseMs: 200,
  keyPauseMs: 1500
}
