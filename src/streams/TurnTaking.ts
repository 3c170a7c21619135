/** Turn-taking: everything that bears on whose turn it is goes in, decisions come out. Pure; owns no audio, no timers and no services. */
import { Stream } from "effect"
import { WINDOW_MS } from "../schema/Audio.ts"
import { type ReplyCue, type StopReason, type TurnInput, type TurnOutput } from "../schema/Turn.ts"
import { type BargeInProfile, type TurnSettings } from "../schema/TurnSettings.ts"
import { learnPause } from "./Endpointing.ts"
import { countWords, interjection, sameWords } from "./Interjections.ts"
import { type Stage } from "./Stage.ts"
import {
  chain,
  changeSegment,
  easeReply,
  freshSegments,
  holdReply,
  initial,
  lastSegment,
  newTurn,
  openSegment,
  type Reply,
  resumeReply,
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

/** Words that make a barge-in when nothing was loud enough to hold the agent's audio. */
const SOFT_WORDS = 2

/** Voice, in milliseconds, that is waited for before it is judged; less than the line holds of the agent's audio. */
const EASE_MS = 160

/** No guess is made longer than this before the turn can end, in milliseconds: by then any answer is there. */
const SPECULATION_LEAD_MS = 900

// ---------------------------------------------------------------------------------------------------------------
// over the agent: is it a barge-in?
// ---------------------------------------------------------------------------------------------------------------

/** What it takes to interrupt the agent just now. */
const profileOf = (settings: TurnSettings, reply: Reply | undefined): BargeInProfile => {
  if (reply === undefined) return settings.bargeIn.speaking
  if (reply.phase === "thinking" || reply.phase === "speculative")
    return settings.bargeIn[reply.tool ? "tool" : "thinking"]
  return settings.bargeIn[reply.cue._tag === "Greeting" ? "greeting" : "speaking"]
}

/** Whether a reply is said to its end whatever the caller says. */
const isUninterruptible = (settings: TurnSettings, { cue }: Reply): boolean =>
  cue._tag === "GiveUp" || settings.uninterruptible.has(cue._tag)

/** A voice over the agent: while it is too young to be judged, nothing is sent after what the line holds already. */
const ease = (state: TurnTakingState, turn: Turn): Step =>
  state.voiced && (lastSegment(turn)?.voicedMs ?? 0) <= EASE_MS ? easeReply(state) : resumeReply(state)

/** The caller speaks while a reply is on its way: what becomes of the reply? */
const overlap =
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
const resume =
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

// ---------------------------------------------------------------------------------------------------------------
// the turn's beginning, middle and end
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

/** Pause that ends this turn: the judged one, the usual one, or for a talker without end the next one. */
const pauseLimit = (settings: TurnSettings, turn: Turn): number =>
  turn.speechMs > settings.maxTurnMs
    ? Math.min(settings.commitPauseMs, settings.silenceDurationMs)
    : (turn.pauseLimitMs ?? settings.silenceDurationMs)

/** Ends the open segment, if the pause is long enough for its words to be worth asking for. */
const endSegment =
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
const speculate =
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
const endTurn =
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
const failed = (settings: TurnSettings, state: TurnTakingState, next: (state: TurnTakingState) => Step): Step => {
  const counted = { ...state, failures: state.failures + 1 }
  return settings.maxFailures > 0 && counted.failures >= settings.maxFailures
    ? startReply({ _tag: "GiveUp" }, undefined, "thinking", true)(counted)
    : next(counted)
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

// ---------------------------------------------------------------------------------------------------------------
// nobody says anything, or the call has lasted too long
// ---------------------------------------------------------------------------------------------------------------

/** Tells a caller who waits for an answer that it is coming. */
const fillSilence = (settings: TurnSettings, state: TurnTakingState): Step => {
  const { reply } = state
  if (settings.fillerMs === 0 || reply?.phase !== "thinking" || reply.cue._tag !== "Answer") return stay(state)
  if (reply.filled || reply.held || reply.answers === undefined) return stay(state)
  return state.nowMs - reply.answers.pausedAtMs < settings.fillerMs
    ? stay(state)
    : [{ ...state, reply: { ...reply, filled: true } }, [{ _tag: "FillerWanted", epoch: reply.epoch }]]
}

const idle = (settings: TurnSettings, state: TurnTakingState): Step => {
  if (state.keys !== undefined) {
    return state.nowMs - state.keys.sinceMs >= settings.keyPauseMs ? keyed(settings)(state) : stay(state)
  }
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
const timeUp =
  (settings: TurnSettings) =>
  (state: TurnTakingState): Step =>
    settings.maxCallMs === 0 || state.nowMs < settings.maxCallMs || state.reply?.last === true
      ? stay(state)
      : chain(
          stopReply("time up")({ ...state, turn: undefined, voiced: false }),
          startReply({ _tag: "TimeUp" }, undefined, "thinking", true)
        )

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
        const keys = { digits: (state.keys?.digits ?? "") + input.digit, sinceMs: state.nowMs }
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
