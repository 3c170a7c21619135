/** Turn-taking: everything that bears on whose turn it is goes in, decisions come out. Pure; owns no audio, no timers and no services. */
import { Stream } from "effect"
import { WINDOW_MS } from "../schema/Audio.ts"
import { type StopReason, type TurnInput, type TurnOutput } from "../schema/Turn.ts"
import { type TurnSettings } from "../schema/TurnSettings.ts"
import { learnPause } from "./Endpointing.ts"
import { type Stage } from "./Stage.ts"
import { endSegment, endTurn, failed, speculate } from "./TurnEnding.ts"
import { overlap, profileOf, resume } from "./TurnOverlap.ts"
import { silence, timeUp } from "./TurnSilence.ts"
import {
  chain,
  changeSegment,
  freshSegments,
  holdReply,
  initial,
  lastSegment,
  newTurn,
  openSegment,
  type Reply,
  type Segment,
  startReply,
  stay,
  type Step,
  stopReply,
  type Turn,
  type TurnTakingState,
  voicedIn,
  wordsOf
} from "./TurnState.ts"

export { initial, type TurnTakingState } from "./TurnState.ts"

// ---------------------------------------------------------------------------------------------------------------
// the turn's beginning and what is heard of it
// ---------------------------------------------------------------------------------------------------------------

/** The caller's next words belong to a turn: the open one, the one being thought about, or a new one. */
const joinTurn = (state: TurnTakingState, atMs: number): readonly [Step, Turn] => {
  const { reply, turn } = state
  if (turn !== undefined) {
    return [reply?.phase === "speculative" ? stopReply("caller went on")(state) : stay(state), turn]
  }
  if (reply?.phase === "thinking" && reply.answers !== undefined) return [holdReply(state), reply.answers]
  const [next, fresh, output] = newTurn(state, atMs)
  return [[next, [output]], fresh]
}

const onset = (settings: TurnSettings, state: TurnTakingState, atMs: number, probability: number): Step => {
  const [[joined, outputs], turn] = joinTurn(state, atMs)
  // Shorter breaks are between words; nobody's turn was ever in doubt for them.
  const paused = turn.speechMs > 0 && atMs - turn.pausedAtMs >= settings.commitPauseMs
  const pausing = paused ? learnPause(state.pausing, atMs - turn.pausedAtMs) : state.pausing
  return chain(
    [{ ...joined, voiced: true, pausing }, outputs],
    (state) => openSegment(state, turn, atMs),
    (state) => hearVoice(state, probability)
  )
}

/** Another window of speech. */
const hearVoice = (state: TurnTakingState, probability: number): Step => {
  const { turn } = state
  const last = turn === undefined ? undefined : lastSegment(turn)
  if (turn === undefined || last === undefined) return stay(state)
  const heard: Segment = {
    ...last,
    voicedMs: last.voicedMs + WINDOW_MS,
    peak: Math.max(last.peak, probability)
  }
  return stay({
    ...state,
    turn: { ...turn, speechMs: turn.speechMs + WINDOW_MS, segments: [...turn.segments.slice(0, -1), heard] }
  })
}

/** Everything that a pause, or news about the words, may bring about. */
const consider = (settings: TurnSettings, state: TurnTakingState): Step =>
  chain(stay(state), endSegment(settings), overlap(settings), endTurn(settings), speculate(settings), resume(settings))

// ---------------------------------------------------------------------------------------------------------------
// words, typed words, keys
// ---------------------------------------------------------------------------------------------------------------

/** News about the words of a segment. Only the open turn takes any: what is late belongs to nobody. */
const learnWords = (
  settings: TurnSettings,
  state: TurnTakingState,
  id: number,
  change: (segment: Segment) => Segment
): Step => {
  const { turn } = state
  if (turn?.segments.some((segment) => segment.id === id && !segment.settled) !== true) return stay(state)
  const changed = changeSegment(turn, id, change)
  const text = wordsOf(changed.segments)
  const isNew = text !== wordsOf(turn.segments)
  const informed: Turn = { ...changed, wordsAtMs: state.nowMs, unjudged: turn.unjudged || isNew }
  const wanted: ReadonlyArray<TurnOutput> = !isNew
    ? []
    : [
        {
          _tag: "PauseLimitWanted",
          turn: turn.id,
          text,
          typicalPauseMs: state.pausing.typicalMs,
          pausesSeen: state.pausing.seen
        }
      ]
  return chain([{ ...state, turn: informed }, wanted], (state) => consider(settings, state))
}

/** Words that did not come as speech: they join the turn and are settled at once. */
const typed = (settings: TurnSettings, state: TurnTakingState, text: string, reason: StopReason): Step => {
  if (text.trim() === "") return stay(state)
  const [joined, turn] = joinTurn(state, state.nowMs)
  const segment: Segment = {
    id: state.nextSegment,
    ended: true,
    settled: true,
    failed: false,
    text,
    voicedMs: Number.POSITIVE_INFINITY,
    peak: 1
  }
  const open = lastSegment(turn)?.ended === false
  const segments = open ? turn.segments.toSpliced(-1, 0, segment) : [...turn.segments, segment]
  const pausedAtMs = state.voiced || open ? turn.pausedAtMs : state.nowMs
  return chain(
    joined,
    (state) => stay({ ...state, nextSegment: state.nextSegment + 1, turn: { ...turn, pausedAtMs, segments } }),
    (state) =>
      state.reply === undefined
        ? stay(state)
        : stopReply(state.reply.phase === "thinking" ? "caller went on" : reason)(state),
    endTurn(settings, !open)
  )
}

/** Keys that are taken together: more than any number has that is meant. */
const MAX_KEYS = 100

const isStoppedByKeys = (reply: Reply | undefined): boolean =>
  (reply?.phase === "audible" || reply?.phase === "ending") && reply.cue._tag !== "GiveUp"

const keyed =
  (settings: TurnSettings) =>
  (state: TurnTakingState): Step =>
    state.keys === undefined
      ? stay(state)
      : typed(
          settings,
          { ...state, keys: undefined },
          `(The caller pressed ${[...state.keys.digits].join(" ")})`,
          "key pressed"
        )

const idle = (settings: TurnSettings, state: TurnTakingState): Step => {
  if (state.keys === undefined) return silence(settings, state)
  return state.nowMs - state.keys.sinceMs >= settings.keyPauseMs ? keyed(settings)(state) : stay(state)
}

// ---------------------------------------------------------------------------------------------------------------
// the reducer
// ---------------------------------------------------------------------------------------------------------------

/** A reply is over. One that came to nothing is apologised for, unless the caller is saying something already. */
const finished = (settings: TurnSettings, state: TurnTakingState, reply: Reply, inVain: boolean): Step => {
  const over: TurnTakingState = { ...state, reply: undefined, quietSinceMs: state.nowMs }
  if (reply.last) return [over, [{ _tag: "HangUp" }]]
  if (!inVain) return consider(settings, over)
  if (reply.phase === "speculative") {
    // Asked once more when the turn is over, and not before.
    const turn = over.turn === undefined ? undefined : { ...over.turn, speculations: settings.speculationsPerTurn }
    return consider(settings, { ...over, turn })
  }
  return failed(settings, over, (state) =>
    reply.cue._tag === "Answer" && state.turn === undefined
      ? startReply({ _tag: "Apology" }, undefined, "thinking")(state)
      : consider(settings, state)
  )
}

/** A reply is heard. A caller who had begun to add something to what it answers has a turn of their own now. */
const audible = (state: TurnTakingState): Step => {
  const { reply, turn } = state
  if (reply?.phase !== "thinking") return stay(state)
  const heard = { ...reply, phase: "audible" as const, answers: undefined }
  if (turn === undefined || reply.answers?.id !== turn.id) return stay({ ...state, reply: heard })
  const [next, own, started] = newTurn({ ...state, reply: heard }, turn.pausedAtMs)
  const segments = freshSegments(turn, reply)
  return [{ ...next, turn: { ...own, segments, speechMs: voicedIn(segments), pausedAtMs: turn.pausedAtMs } }, [started]]
}

/** Answers can be had after all. */
const heardAnswer = (state: TurnTakingState, { cue }: Reply): TurnTakingState =>
  cue._tag === "Answer" && state.failures > 0 ? { ...state, failures: 0 } : state

const window = (settings: TurnSettings, before: TurnTakingState, atMs: number, probability: number): Step => {
  const loudRun = probability > profileOf(settings, before.reply).prob ? before.loudRun + 1 : 0
  const judged = before.turn?.unjudged === true ? { ...before.turn, unjudged: false } : before.turn
  const state: TurnTakingState = { ...before, nowMs: atMs + WINDOW_MS, loudRun, turn: judged }
  if (!state.voiced) {
    if (probability > settings.speechStartProb)
      return chain(onset(settings, state, atMs, probability), overlap(settings))
    return state.turn === undefined ? idle(settings, state) : consider(settings, state)
  }
  const { turn } = state
  if (turn === undefined) return stay({ ...state, voiced: false })
  if (probability < settings.speechEndProb)
    return stay({ ...state, voiced: false, turn: { ...turn, pausedAtMs: atMs } })
  return chain(hearVoice(state, probability), overlap(settings))
}

/** One input after another: the state after it, and what is to be done, in order. */
export const step =
  (settings: TurnSettings) =>
  (state: TurnTakingState, input: TurnInput): Step => {
    switch (input._tag) {
      case "Voice":
        return chain(window(settings, state, input.atMs, input.probability), timeUp(settings))
      case "NoAudio":
        return chain(window(settings, state, input.atMs, 0), timeUp(settings))
      case "CallStarted":
        return startReply({ _tag: "Greeting" }, undefined, "thinking")(state)
      case "Interim":
        return learnWords(settings, state, input.segment, (segment) => ({ ...segment, text: input.text }))
      case "Final":
        return learnWords(settings, state, input.segment, (segment) => ({
          ...segment,
          text: input.text,
          settled: true
        }))
      case "Unrecognised":
        return learnWords(settings, state, input.segment, (segment) => ({ ...segment, settled: true, failed: true }))
      case "PauseLimit":
        return state.turn?.id === input.turn
          ? consider(settings, { ...state, turn: { ...state.turn, pauseLimitMs: input.ms, unjudged: false } })
          : stay(state)
      case "Typed":
        return typed(settings, state, input.text, "barge-in")
      case "Key": {
        const digits = ((state.keys?.digits ?? "") + input.digit).slice(0, MAX_KEYS)
        const keys = { digits, sinceMs: state.nowMs }
        return chain(
          stay({ ...state, keys }),
          isStoppedByKeys(state.reply) ? stopReply("key pressed") : stay,
          input.digit === "#" ? keyed(settings) : stay
        )
      }
      case "Audible":
        return state.reply?.epoch === input.epoch
          ? audible(input.filler === true ? state : heardAnswer(state, state.reply))
          : stay(state)
      case "Tool":
        return state.reply?.epoch === input.epoch
          ? stay({ ...state, reply: { ...state.reply, tool: input.running } })
          : stay(state)
      case "Ending":
        return state.reply?.epoch === input.epoch && state.reply.phase === "audible"
          ? stay({ ...state, reply: { ...state.reply, phase: "ending" } })
          : stay(state)
      case "Finished":
        return state.reply?.epoch === input.epoch
          ? finished(settings, state, state.reply, input.failed === true)
          : stay(state)
    }
  }

/** Turn-taking as a stage. */
export const takeTurns = (settings: TurnSettings): Stage<TurnInput, TurnOutput> =>
  Stream.mapAccum(() => initial, step(settings))
