/** A caller who has paused: when the turn's words are asked for, when an answer is begun on a guess, when the turn is over. Pure; one part of turn-taking. */
import { type ReplyCue, type TurnOutput } from "../schema/Turn.ts"
import { type TurnSettings } from "../schema/TurnSettings.ts"
import { interjection, sameWords } from "./Interjections.ts"
import { isUninterruptible } from "./TurnOverlap.ts"
import {
  chain,
  changeSegment,
  freshSegments,
  lastSegment,
  resumeReply,
  startReply,
  stay,
  type Step,
  stopReply,
  type Turn,
  type TurnTakingState,
  wordsOf
} from "./TurnState.ts"

/** No guess is made longer than this before the turn can end, in milliseconds: by then any answer is there. */
const SPECULATION_LEAD_MS = 900

/** Pause that ends this turn: the judged one, the usual one, or for a talker without end the next one. */
const pauseLimit = (settings: TurnSettings, turn: Turn): number =>
  turn.speechMs > settings.maxTurnMs
    ? Math.min(settings.commitPauseMs, settings.silenceDurationMs)
    : (turn.pauseLimitMs ?? settings.silenceDurationMs)

/** Ends the open segment, if the pause is long enough for its words to be worth asking for. */
export const endSegment =
  (settings: TurnSettings) =>
  (state: TurnTakingState): Step => {
    const { turn } = state
    const last = turn === undefined ? undefined : lastSegment(turn)
    if (turn === undefined || last === undefined || last.ended || state.voiced) return stay(state)
    if (state.nowMs - turn.pausedAtMs < Math.min(settings.commitPauseMs, pauseLimit(settings, turn))) return stay(state)
    return [
      { ...state, turn: changeSegment(turn, last.id, (segment) => ({ ...segment, ended: true })) },
      [{ _tag: "SegmentEnded", turn: turn.id, segment: last.id, toMs: state.nowMs }]
    ]
  }

/** Starts a reply on the guess that the turn is over, or lets one go whose words have changed. */
export const speculate =
  (settings: TurnSettings) =>
  (state: TurnTakingState): Step => {
    const { reply, turn } = state
    if (turn === undefined || state.voiced) return stay(state)
    const text = wordsOf(turn.segments)
    if (reply?.phase === "speculative") {
      if (reply.cue._tag === "Answer" && sameWords(reply.cue.text, text)) return stay(state)
      return chain(stopReply("words changed")(state), speculate(settings))
    }
    const unlikely =
      reply !== undefined ||
      text === "" ||
      turn.speculations >= settings.speculationsPerTurn ||
      turn.speechMs > settings.speculationMaxSpeechMs ||
      turn.unjudged ||
      // Words that were known before the pause are not the last ones: recognition is a little behind.
      (turn.wordsAtMs < turn.pausedAtMs && turn.segments.some((segment) => !segment.settled)) ||
      state.nowMs - turn.pausedAtMs <
        Math.max(settings.speculationPauseMs, pauseLimit(settings, turn) - SPECULATION_LEAD_MS)
    if (unlikely) return stay(state)
    const guessed: Turn = { ...turn, speculations: turn.speculations + 1 }
    return startReply({ _tag: "Answer", text }, guessed, "speculative")({ ...state, turn: guessed })
  }

/** The turn came to nothing; the agent goes on as if it had not been. */
const dropTurn = (state: TurnTakingState, turn: Turn, reason: "no words" | "backchannel"): Step =>
  chain(
    stay({ ...state, turn: undefined, quietSinceMs: state.nowMs }),
    state.reply?.phase === "speculative" ? stopReply("no turn") : resumeReply,
    // What a reply already answers is no turn of its own.
    (state) =>
      state.reply?.answers?.id === turn.id ? stay(state) : [state, [{ _tag: "TurnDropped", turn: turn.id, reason }]]
  )

/** What the agent is to say to this turn, if anything. */
const cueFor = (settings: TurnSettings, turn: Turn, text: string): ReplyCue | undefined => {
  if (text !== "") return { _tag: "Answer", text }
  const lost = turn.speechMs >= settings.minSpeechMs && turn.segments.some((segment) => segment.failed)
  return lost ? { _tag: "AskAgain" } : undefined
}

/** Ends the turn, if the caller has been silent long enough and everything that was said is known. */
export const endTurn =
  (settings: TurnSettings, atOnce = false) =>
  (state: TurnTakingState): Step => {
    const { reply, turn } = state
    if (turn === undefined || state.voiced) return stay(state)
    if (!atOnce && (turn.unjudged || state.nowMs - turn.pausedAtMs < pauseLimit(settings, turn))) return stay(state)
    if (turn.segments.some((segment) => !segment.settled)) return stay(state)

    const text = wordsOf(turn.segments)
    const cue = cueFor(settings, turn, text)
    if (cue === undefined) return dropTurn(state, turn, "no words")
    if (reply !== undefined && reply.phase !== "speculative") {
      const fresh = wordsOf(freshSegments(turn, reply))
      const kind = interjection(fresh)
      if (kind === "none" && cue._tag === "Answer") return dropTurn(state, turn, "no words")
      // "Yes" over the last of a question answers it; over the middle of an explanation it means: go on.
      if (kind === "backchannel" && reply.phase !== "ending") return dropTurn(state, turn, "backchannel")
      if (isUninterruptible(settings, reply)) return stay(state)
    }

    const ended: TurnOutput = {
      _tag: "TurnEnded",
      turn: turn.id,
      text,
      pausedAtMs: turn.pausedAtMs,
      pauseMs: state.nowMs - turn.pausedAtMs
    }
    const over: TurnTakingState = { ...state, turn: undefined, idlePrompts: 0 }
    if (reply?.phase === "speculative" && reply.cue._tag === "Answer" && sameWords(reply.cue.text, text)) {
      const wanted = { ...over, reply: { ...reply, phase: "thinking" as const, answers: turn } }
      return [wanted, [ended, { _tag: "ReplyReleased", epoch: reply.epoch }]]
    }
    const stopped =
      reply === undefined
        ? stay(over)
        : stopReply(
            reply.phase === "speculative"
              ? "words changed"
              : reply.answers?.id === turn.id
                ? "caller went on"
                : "barge-in"
          )(over)
    const told = chain(stopped, (state) => [state, [ended]])
    return cue._tag === "AskAgain"
      ? chain(told, (state) => failed(settings, state, startReply(cue, turn, "thinking")))
      : chain(told, startReply(cue, turn, "thinking"))
  }

/** Something came to nothing through our own fault: goes on with `next`, or says goodbye when it was too often. */
export const failed = (
  settings: TurnSettings,
  state: TurnTakingState,
  next: (state: TurnTakingState) => Step
): Step => {
  const counted = { ...state, failures: state.failures + 1 }
  return settings.maxFailures > 0 && counted.failures >= settings.maxFailures
    ? startReply({ _tag: "GiveUp" }, undefined, "thinking", true)(counted)
    : next(counted)
}
