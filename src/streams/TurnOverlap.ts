/** A caller who speaks while the agent has the floor: what becomes of the reply. Pure; one part of turn-taking. */
import { type TurnSettings, type BargeInProfile } from "../schema/TurnSettings.ts"
import { countWords, interjection } from "./Interjections.ts"
import {
  easeReply,
  freshSegments,
  holdReply,
  lastSegment,
  type Reply,
  resumeReply,
  stay,
  type Step,
  stopReply,
  type Turn,
  type TurnTakingState,
  voicedIn,
  wordsOf
} from "./TurnState.ts"

/** Words that make a barge-in when nothing was loud enough to hold the agent's audio. */
const SOFT_WORDS = 2

/** Voice, in milliseconds, that is waited for before it is judged; no more than the line holds of the agent's audio. */
const EASE_MS = 160

/** What it takes to interrupt the agent just now. */
export const profileOf = (settings: TurnSettings, reply: Reply | undefined): BargeInProfile => {
  if (reply === undefined) return settings.bargeIn.speaking
  if (reply.phase === "thinking" || reply.phase === "speculative")
    return settings.bargeIn[reply.tool ? "tool" : "thinking"]
  return settings.bargeIn[reply.cue._tag === "Greeting" ? "greeting" : "speaking"]
}

/** Whether a reply is said to its end whatever the caller says. */
export const isUninterruptible = (settings: TurnSettings, { cue }: Reply): boolean =>
  cue._tag === "GiveUp" || settings.uninterruptible.has(cue._tag)

/** A voice over the agent: while it is too young to be judged, nothing is sent after what the line holds already. */
const ease = (state: TurnTakingState, turn: Turn): Step =>
  state.voiced && (lastSegment(turn)?.voicedMs ?? 0) <= EASE_MS ? easeReply(state) : resumeReply(state)

/** The caller speaks while a reply is on its way: what becomes of the reply? */
export const overlap =
  (settings: TurnSettings) =>
  (state: TurnTakingState): Step => {
    const { reply, turn } = state
    if (reply === undefined || turn === undefined || reply.phase === "speculative") return stay(state)
    const fresh = freshSegments(turn, reply)
    const words = wordsOf(fresh)
    const kind = interjection(words)
    const { confirmMs, windows } = profileOf(settings, reply)
    if (reply.phase === "thinking" && reply.answers?.id === turn.id) {
      const meant = kind === "words" || kind === "command" || (state.voiced && voicedIn(fresh) >= confirmMs)
      return meant ? stopReply("caller went on")(state) : stay(state)
    }
    if (isUninterruptible(settings, reply)) return stay(state)
    if (kind === "command") return stopReply("barge-in")(state)
    if (kind === "words" && (reply.held || countWords(words) >= SOFT_WORDS)) return stopReply("barge-in")(state)
    if (reply.phase === "thinking") return stay(state)
    if (!reply.held) {
      if (!state.voiced || state.loudRun < windows) return confirmMs === 0 ? stay(state) : ease(state, turn)
      return confirmMs === 0 ? stopReply("barge-in")(state) : holdReply(state)
    }
    return state.voiced && voicedIn(fresh) >= confirmMs ? stopReply("barge-in")(state) : stay(state)
  }

/** Lets held audio go on when the caller has fallen silent again and nothing has confirmed that they meant it. */
export const resume =
  (settings: TurnSettings) =>
  (state: TurnTakingState): Step =>
    state.turn !== undefined &&
    state.reply?.held === true &&
    !state.voiced &&
    // Words that are all there and have not interrupted do not mean to.
    (state.turn.segments.every((segment) => segment.settled) ||
      state.nowMs - state.turn.pausedAtMs >= settings.bargeInResumeMs)
      ? resumeReply(state)
      : stay(state)
