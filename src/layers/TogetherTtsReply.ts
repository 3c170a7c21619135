/**
 * What happens to one reply in, what to send and what to play out: look-ahead, retries and the reply's end.
 *
 * A reply ends when all its text was committed and every commit has had its `done`. Where that count is not certain
 * (see `over` in `TogetherTtsContext.ts`) it ends after `moreMs` of quiet, and where a `done` is missing after `doneMs`
 * (both in `TogetherTtsReplyState.ts`). Pure; owns no socket and no clock.
 */
import { Result } from "effect"
import { TextToSpeechError } from "../schema/Errors.ts"
import { TTS_RATE } from "../schema/TogetherTts.ts"
import * as Context from "./TogetherTtsContext.ts"
import {
  contextId,
  deadline,
  type ReplyInput,
  type ReplyOutput,
  type ReplyState,
  type TtsPatience
} from "./TogetherTtsReplyState.ts"

/** Sentences that may be in synthesis or wait to be taken beyond the one that was taken from last. */
export const LOOK_AHEAD = 3

/** How often the same sentence may fail before the reply does. */
const MAX_FAILURES = 2

/** How often the connection may be lost over the same sentence before the reply fails. */
const MAX_LOSSES = 3

/** Speech that is too much for any text, in milliseconds, and how many times its expected length comes on top. */
const RUNAWAY = { ms: 30_000, times: 4 }

type Step = readonly [ReplyState, ReadonlyArray<ReplyOutput>]

/** Tells that a sentence of which some was heard is over before its end. */
const brokeOff = (sent: Context.Sent | undefined, how: "surely" | "perhaps"): ReadonlyArray<ReplyOutput> =>
  sent === undefined || sent.receivedMs === 0
    ? []
    : [
        {
          _tag: "Emit",
          audio: { sentence: sent.sentence.index, samples: new Int16Array(0), sampleRate: TTS_RATE, brokeOff: how }
        }
      ]

const fail = (state: ReplyState, error: TextToSpeechError, outputs: ReadonlyArray<ReplyOutput> = []): Step => {
  const [broken] = Context.answered(state.context) ? [] : Context.unfinished(state.context)
  return [state, [...outputs, ...brokeOff(broken, "surely"), { _tag: "Failed", error }]]
}

const stalled = (state: ReplyState, message: string): Step =>
  fail(state, new TextToSpeechError({ reason: "Stalled", message }))

const malformed = (state: ReplyState, message: string): Step =>
  fail(state, new TextToSpeechError({ reason: "Malformed", message }))

/** Sentences beyond the one being taken that are in synthesis or wait to be taken. */
const ahead = (state: ReplyState): number =>
  state.untaken.length + Context.unfinished(state.context).filter(({ receivedMs }) => receivedMs === 0).length

/** Whether nothing more is to be waited for in the present context. */
const contextOver = (state: ReplyState): boolean => state.context.sent.length === 0 || Context.over(state.context)

/** Commits what may be committed now. */
const commit = (state: ReplyState, now: number, outputs: ReadonlyArray<ReplyOutput>): Step => {
  const [next, ...waiting] = state.waiting
  if (next === undefined || !state.connected) return [state, outputs]
  if (ahead(state) >= (state.taken < 0 ? LOOK_AHEAD + 1 : LOOK_AHEAD)) return [state, outputs]
  const context = Context.committed(state.context, next, now)
  const say: ReplyOutput = { _tag: "Say", context: contextId(state), text: next.text }
  return commit({ ...state, waiting, context }, now, [...outputs, say])
}

/** Commits what may be committed now, and ends the reply if there was nothing left to do. */
const advance = (before: ReplyState, now: number, outputs: ReadonlyArray<ReplyOutput> = []): Step => {
  if (before.refused !== undefined && before.waiting.length > 0) return fail(before, before.refused, outputs)
  const [state, said] = commit(before, now, outputs)
  if (!state.textEnded || state.waiting.length > 0 || !contextOver(state)) return [state, said]
  if (state.expectedMs > 0 && state.receivedMs === 0) return fail(state, silence())
  return [state, [...said, { _tag: "Ended" }]]
}

const silence = () =>
  new TextToSpeechError({
    reason: "Malformed",
    message: "speech synthesis said it was done without any speech"
  })

const unreachable = () =>
  new TextToSpeechError({
    reason: "Unreachable",
    message: "there was no connection for speech synthesis in time"
  })

/** The present context is of no use any more: what it has not begun to say is said in another one. */
const abandon = (state: ReplyState, now: number, error: TextToSpeechError, by: "failure" | "loss"): Step => {
  const [broken, ...others] = Context.answered(state.context) ? [] : Context.unfinished(state.context)
  const outputs: ReadonlyArray<ReplyOutput> = [
    ...brokeOff(broken, "surely"),
    ...(by === "failure" ? [{ _tag: "Cancel" as const, context: contextId(state) }] : [])
  ]
  const again = others.map(({ sentence }) => sentence)
  // What was heard of a sentence is not repeated: the reply goes on behind it.
  if (broken !== undefined && broken.receivedMs === 0) {
    const { sentence } = broken
    const failures = sentence.failures + (by === "failure" ? 1 : 0)
    const losses = sentence.losses + (by === "loss" ? 1 : 0)
    if (failures >= MAX_FAILURES || losses >= MAX_LOSSES) return fail(state, error)
    again.unshift({ ...sentence, failures, losses })
  }
  const context = Context.initial(state.context.habits)
  const waiting = [...again, ...state.waiting]
  return advance({ ...state, attempt: state.attempt + 1, waiting, waitingSince: now, context }, now, outputs)
}

/** A deadline has passed. */
const expire = (state: ReplyState, now: number): Step => {
  const { context } = state
  if (!state.connected && state.waiting.length > 0) {
    return fail(state, state.trouble ?? unreachable())
  }
  if (!Context.answered(context)) {
    if (Context.silent(context)) {
      return stalled(state, "speech synthesis did not begin to speak in time")
    }
    if (!Context.outstandingPlausible(context)) {
      return stalled(state, "speech synthesis stopped in the middle")
    }
  }
  return advance({ ...state, context: Context.settled(context) }, now, unended(context))
}

/** What is told of a sentence whose `done` is missing: where they come, or with so little speech, it may be more than that. */
const unended = (context: Context.ContextState): ReadonlyArray<ReplyOutput> => {
  const last = Context.answered(context)
    ? undefined
    : Context.unfinished(context).findLast((sent) => sent.receivedMs > 0)
  if (last === undefined) return []
  if (last.receivedMs < Context.PLAUSIBLE * last.sentence.expectedMs) return brokeOff(last, "surely")
  return context.habits.dones === "come" ? brokeOff(last, "perhaps") : []
}

const text = (state: ReplyState, words: string, now: number): Step => {
  const index = state.count
  const counted = { ...state, count: index + 1 }
  if (!/[\p{L}\p{N}]/u.test(words)) return [counted, []]
  const sentence = Context.sentence(index, words)
  return advance(
    {
      ...counted,
      waiting: [...state.waiting, sentence],
      waitingSince: state.waiting.length === 0 ? now : state.waitingSince,
      expectedMs: state.expectedMs + sentence.expectedMs
    },
    now
  )
}

const audio = (state: ReplyState, item: string | undefined, bytes: Uint8Array, now: number): Step => {
  const result = Context.heard(state.context, item, bytes, now)
  if (Result.isFailure(result)) return malformed(state, result.failure.message)
  const { durationMs, pieces, state: context } = result.success
  const receivedMs = state.receivedMs + durationMs
  const sentence = pieces[0]?.sentence ?? -1
  const fresh = sentence > state.taken && state.untaken.at(-1) !== sentence
  const untaken = fresh ? [...state.untaken, sentence] : state.untaken
  const next = { ...state, context, receivedMs, untaken }
  return receivedMs > RUNAWAY.ms + RUNAWAY.times * state.expectedMs
    ? malformed(next, "speech synthesis sent far more speech than the text can take")
    : [next, pieces.map((audio) => ({ _tag: "Emit", audio }))]
}

/** Takes note of what happened at `now` and tells what to do about it. */
export const step = (state: ReplyState, input: ReplyInput, now: number, patience: TtsPatience): Step => {
  switch (input._tag) {
    case "Text":
      return text(state, input.text, now)
    case "TextEnded":
      return advance({ ...state, textEnded: true }, now)
    case "Connected":
      return advance({ ...state, connected: true, refused: undefined }, now)
    case "Unconnected":
      return [{ ...state, trouble: input.error }, []]
    case "Disconnected": {
      const lost = { ...state, connected: false, trouble: input.error, waitingSince: now }
      return lost.context.sent.length === 0 ? [lost, []] : abandon(lost, now, input.error, "loss")
    }
    case "Refused":
      return advance({ ...state, connected: false, refused: input.error }, now)
    case "Audio":
      return input.context === contextId(state) ? audio(state, input.item, input.bytes, now) : [state, []]
    case "Done":
      return input.context === contextId(state)
        ? advance({ ...state, context: Context.done(state.context, input.item, now) }, now)
        : [state, []]
    case "Failed":
      if (input.context !== contextId(state) || contextOver(state)) return [state, []]
      return input.error.retryable ? abandon(state, now, input.error, "failure") : fail(state, input.error)
    case "Taken": {
      const untaken = state.untaken.filter((sentence) => sentence > input.sentence)
      return advance({ ...state, taken: Math.max(state.taken, input.sentence), untaken }, now)
    }
    case "Clock": {
      const due = deadline(state, patience)
      return due !== undefined && now >= due ? expire(state, now) : [state, []]
    }
  }
}
