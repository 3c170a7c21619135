/** Nobody says anything, or the call has lasted too long: what the agent says then. Pure; one part of turn-taking. */
import { type TurnSettings } from "../schema/TurnSettings.ts"
import { chain, startReply, stay, type Step, stopReply, type TurnTakingState } from "./TurnState.ts"

/** Tells a caller who waits for an answer that it is coming. */
const fillSilence = (settings: TurnSettings, state: TurnTakingState): Step => {
  const { reply } = state
  if (settings.fillerMs === 0 || reply?.phase !== "thinking" || reply.cue._tag !== "Answer") return stay(state)
  if (reply.filled || reply.held || reply.answers === undefined) return stay(state)
  return state.nowMs - reply.answers.pausedAtMs < settings.fillerMs
    ? stay(state)
    : [{ ...state, reply: { ...reply, filled: true } }, [{ _tag: "FillerWanted", epoch: reply.epoch }]]
}

/** A moment in which the caller is silent and no turn of theirs is open. */
export const silence = (settings: TurnSettings, state: TurnTakingState): Step => {
  if (state.reply !== undefined) return fillSilence(settings, state)
  if (settings.maxCallMs > 0 && !state.warned && state.nowMs >= settings.maxCallMs - settings.callWarningMs) {
    return startReply({ _tag: "TimeWarning" }, undefined, "thinking")({ ...state, warned: true })
  }
  if (settings.idleMs === 0 || state.nowMs - state.quietSinceMs < settings.idleMs) return stay(state)
  const asked = { ...state, idlePrompts: state.idlePrompts + 1 }
  return state.idlePrompts < settings.idlePrompts
    ? startReply({ _tag: "StillThere" }, undefined, "thinking")(asked)
    : startReply({ _tag: "NobodyThere" }, undefined, "thinking", true)(asked)
}

/** The longest duration of a call is up: whatever is going on ends. */
export const timeUp =
  (settings: TurnSettings) =>
  (state: TurnTakingState): Step =>
    settings.maxCallMs === 0 || state.nowMs < settings.maxCallMs || state.reply?.last === true
      ? stay(state)
      : chain(
          stopReply("time up")({ ...state, turn: undefined, voiced: false }),
          startReply({ _tag: "TimeUp" }, undefined, "thinking", true)
        )
