/**
 * What can happen to a reply, what can be done about it, and what is known of it on its way, with when something has to
 * happen next. Decides nothing.
 */
import { type TextToSpeechError } from "../schema/Errors.ts"
import { type SpeechAudio } from "../services/TextToSpeech.ts"
import * as Context from "./TogetherTtsContext.ts"

/** Something that happened. `context` says which context the service meant. */
export type ReplyInput =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "TextEnded" }
  /** The connection can be used. */
  | { readonly _tag: "Connected" }
  /** It cannot any more: all contexts are gone. */
  | { readonly _tag: "Disconnected"; readonly error: TextToSpeechError }
  /** An attempt to connect failed; there will be another one. */
  | { readonly _tag: "Unconnected"; readonly error: TextToSpeechError }
  /** There will be no connection, unless another reply gets one. */
  | { readonly _tag: "Refused"; readonly error: TextToSpeechError }
  | {
      readonly _tag: "Audio"
      readonly context: string
      readonly item: string | undefined
      readonly bytes: Uint8Array
    }
  | { readonly _tag: "Done"; readonly context: string; readonly item: string | undefined }
  /** A sentence could not be spoken; `said` is what the service says about that, which is private. */
  | {
      readonly _tag: "Failed"
      readonly context: string
      readonly error: TextToSpeechError
      readonly said: string | undefined
    }
  /** Audio of this sentence was taken by whoever plays it. */
  | { readonly _tag: "Taken"; readonly sentence: number }
  /** Nothing happened, time went by. */
  | { readonly _tag: "Clock" }

/** What is to be done; carried out in order. After `Ended` or `Failed` the reply is over. */
export type ReplyOutput =
  | { readonly _tag: "Say"; readonly context: string; readonly text: string }
  | { readonly _tag: "Cancel"; readonly context: string }
  | { readonly _tag: "Emit"; readonly audio: SpeechAudio }
  | { readonly _tag: "Ended" }
  | { readonly _tag: "Failed"; readonly error: TextToSpeechError }

/** How long what is waited for. Milliseconds. */
export interface TtsPatience {
  /** Quiet after the last `done` before a reply counts as over when there may be more items than commits. */
  readonly moreMs: number
  /** Quiet after audio before the `done` that should follow counts as lost. */
  readonly doneMs: number
  /** From committing a sentence, or from the last sign of life after that, to its first audio. */
  readonly audioMs: number
  /** From a sentence being there to a connection to say it on. */
  readonly connectionMs: number
}

/** Patience for a service that usually begins to speak in a fraction of a second. */
export const defaultPatience: TtsPatience = { moreMs: 1500, doneMs: 4000, audioMs: 8000, connectionMs: 8000 }

/** A reply on its way. Times are milliseconds on the caller's clock. */
export interface ReplyState {
  readonly name: string
  /** Counts contexts. */
  readonly attempt: number
  /** Sentences that came, also those with nothing to say in them. */
  readonly count: number
  readonly textEnded: boolean
  readonly connected: boolean
  /** Why the connection is or was not there. */
  readonly trouble: TextToSpeechError | undefined
  readonly refused: TextToSpeechError | undefined
  /** Sentences that are not committed in the present context. */
  readonly waiting: ReadonlyArray<Context.Sentence>
  /** Since when there was something waiting. */
  readonly waitingSince: number
  readonly context: Context.ContextState
  /** The sentence that audio was last taken of; -1: none. */
  readonly taken: number
  /** Sentences beyond it that have audio. */
  readonly untaken: ReadonlyArray<number>
  /** What all text so far should take to say, and how much speech came. */
  readonly expectedMs: number
  readonly receivedMs: number
}

/** A reply of which nothing is known yet. `name` becomes its context's id and must be the only one of its kind. */
export const initial = (name: string, habits: Context.Habits): ReplyState => ({
  name,
  attempt: 1,
  count: 0,
  textEnded: false,
  connected: false,
  trouble: undefined,
  refused: undefined,
  waiting: [],
  waitingSince: 0,
  context: Context.initial(habits),
  taken: -1,
  untaken: [],
  expectedMs: 0,
  receivedMs: 0
})

/** Id of the context the reply uses now. */
export const contextId = (state: ReplyState): string =>
  state.attempt === 1 ? state.name : `${state.name}.${state.attempt}`

/** When something has to happen if nothing else does, in milliseconds on the caller's clock. */
export const deadline = (state: ReplyState, patience: TtsPatience): number | undefined => {
  const { context } = state
  if (!state.connected && state.waiting.length > 0) return state.waitingSince + patience.connectionMs
  if (context.sent.length === 0) return undefined
  if (!Context.answered(context)) {
    return context.quietSince + (Context.silent(context) ? patience.audioMs : patience.doneMs)
  }
  const settling = context.current < context.sent.length || state.textEnded
  if (!settling || Context.over(context)) return undefined
  const likely = !context.habits.splits || Context.outstandingPlausible(context)
  return context.quietSince + (likely ? patience.moreMs : patience.doneMs)
}
