/** What was said by whom and when in, how long the caller waited for the agent out. Pure; times are milliseconds of line time. */
import { type Stretch } from "../testing/Timeline.ts"

/** Silence within speech that does not make the agent a silent one, in milliseconds. */
export const BREATH_MS = 500

/** Speech beyond the end of the caller's that makes an answer of what began before it. */
const ANSWER_MS = 300

/** What came of one thing the caller said. */
export interface TurnMeasure extends Stretch {
  /** When the answer was first heard; undefined: there was none before the caller went on, or at all. */
  readonly answerAtMs: number | undefined
  /** From the end of the caller's speech to that; negative if the agent did not wait for it. */
  readonly voiceToVoiceMs: number | undefined
  /** Undefined if the agent was not speaking when the caller began. */
  readonly interruption: Interruption | undefined
}

/** The caller began while the agent was speaking. */
export interface Interruption {
  /** How long the agent had been speaking. */
  readonly afterMs: number
  /** How long it went on. */
  readonly agentSilentAfterMs: number
}

/** A call as it was heard. */
export interface CallSound {
  /** The caller's speech. */
  readonly caller: ReadonlyArray<Stretch>
  /** The agent's, in stretches that are cut at every pause. */
  readonly agent: ReadonlyArray<Stretch>
  /** When the server had what was not played yet thrown away. */
  readonly clearedMs: ReadonlyArray<number>
  readonly durationMs: number
}

/** What came of a call. */
export interface CallMeasure {
  /** When the agent was first heard, if that was before the caller said anything. */
  readonly greetingAtMs: number | undefined
  readonly turns: ReadonlyArray<TurnMeasure>
}

/** Joins stretches with less than `gapMs` between them, unless something of `others` begins in between. */
export const joinStretches = (
  stretches: ReadonlyArray<Stretch>,
  gapMs: number,
  others: ReadonlyArray<Stretch> = []
): ReadonlyArray<Stretch> => {
  const all: Array<Stretch> = []
  for (const stretch of stretches) {
    const last = all.at(-1)
    const isApart =
      last === undefined ||
      stretch.startMs - last.endMs >= gapMs ||
      others.some(({ startMs }) => startMs >= last.endMs && startMs < stretch.startMs)
    if (isApart) all.push(stretch)
    else all[all.length - 1] = { startMs: last.startMs, endMs: stretch.endMs }
  }
  return all
}

/** The agent's speech that the caller began in, breaths included, if it was speaking. */
const interruptedBy = (turn: Stretch, agent: ReadonlyArray<Stretch>): Stretch | undefined =>
  joinStretches(agent, BREATH_MS).find(
    ({ endMs, startMs }) => startMs <= turn.startMs && turn.startMs < endMs + BREATH_MS
  )

/** When speech that was interrupted was over: thrown away by the server, or said to its end all the same. */
const overAt = (turn: Stretch, untilMs: number, interrupted: Stretch, { agent, clearedMs }: CallSound) => {
  const cleared = clearedMs.find((atMs) => atMs >= turn.startMs && atMs < untilMs)
  if (cleared === undefined) return { overMs: interrupted.endMs, silentMs: interrupted.endMs }
  return { overMs: cleared, silentMs: agent.findLast(({ startMs }) => startMs < cleared)?.endMs ?? cleared }
}

const measureTurn = (turn: Stretch, untilMs: number, sound: CallSound): TurnMeasure => {
  const interrupted = interruptedBy(turn, sound.agent)
  const over = interrupted && overAt(turn, untilMs, interrupted, sound)
  const fromMs = over?.overMs ?? turn.startMs
  const said = sound.agent.filter(({ startMs }) => startMs >= fromMs && startMs > turn.startMs && startMs < untilMs)
  const answer =
    said.find(({ startMs }) => startMs >= turn.endMs) ?? said.find(({ endMs }) => endMs > turn.endMs + ANSWER_MS)
  return {
    startMs: turn.startMs,
    endMs: turn.endMs,
    answerAtMs: answer?.startMs,
    voiceToVoiceMs: answer && answer.startMs - turn.endMs,
    interruption: interrupted &&
      over && {
        afterMs: turn.startMs - interrupted.startMs,
        agentSilentAfterMs: Math.max(0, over.silentMs - turn.startMs)
      }
  }
}

/**
 * Measures a call from what was heard on both sides of the line.
 *
 * An answer is what the agent begins to say after the caller's last audible sample and before the caller goes on. If
 * there is none, what it began before that and went on with counts too. After an interruption the rest of what was
 * interrupted counts for nothing.
 */
export const measure = (sound: CallSound): CallMeasure => {
  const { agent, caller, durationMs } = sound
  const [first] = agent
  const begun = caller[0]?.startMs ?? durationMs
  return {
    greetingAtMs: first !== undefined && first.startMs < begun ? first.startMs : undefined,
    turns: caller.map((turn, index) => measureTurn(turn, caller[index + 1]?.startMs ?? durationMs, sound))
  }
}
