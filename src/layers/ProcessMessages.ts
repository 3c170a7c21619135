/** What the processes of one server tell each other; data only. Every message is a plain object, as they are copied. */
import { type CallEvent } from "../schema/CallEvent.ts"
import { type TokenRefusal } from "../services/StreamTokens.ts"

/** What a process that holds calls asks the one that has started it. */
export type Question =
  | { readonly _tag: "Mint"; readonly callSid: string }
  | { readonly _tag: "Redeem"; readonly callSid: string; readonly token: string }
  /** Whether a call may begin; its number if it may. */
  | { readonly _tag: "Enter"; readonly limit: number }
  | { readonly _tag: "Count" }
  | { readonly _tag: "Finish"; readonly callSid: string }
  | { readonly _tag: "IsFinished"; readonly callSid: string }
  /** Whether one of the other processes has the call; if it does, the words are told to it. */
  | { readonly _tag: "Typed"; readonly callSid: string; readonly text: string }

/** What is answered to each. */
export interface Answers {
  readonly Mint: string | undefined
  readonly Redeem: TokenRefusal | undefined
  readonly Enter: number | undefined
  readonly Count: number
  readonly Finish: undefined
  readonly IsFinished: boolean
  readonly Typed: boolean
}

/** From a process that holds calls. */
export type FromWorker =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Ask"; readonly id: number; readonly question: Question }
  /** A call that was let in is over. */
  | { readonly _tag: "Left"; readonly call: number }
  /** A connection that was handed over is closed. */
  | { readonly _tag: "Closed" }
  /** Wants to be told what happens in a call that another process may hold, until it does not any more. */
  | { readonly _tag: "Watch"; readonly watch: number; readonly callSid: string }
  | { readonly _tag: "Unwatch"; readonly watch: number }
  /** What happened in a call that another process watches; no event: it is over. */
  | { readonly _tag: "Watched"; readonly watch: number; readonly event: CallEvent | undefined }
  | { readonly _tag: "TypedThere"; readonly id: number; readonly heard: boolean }

/** To a process that holds calls. */
export type ToWorker =
  /** Comes with a connection. */
  | { readonly _tag: "Connection" }
  | { readonly _tag: "Answer"; readonly id: number; readonly answer: Answers[Question["_tag"]] }
  /** No new calls from now on. */
  | { readonly _tag: "Leaving" }
  /** Ends, whatever goes on. */
  | { readonly _tag: "Stop" }
  /** Is to tell what happens in a call, if it is here, until it is told to stop. */
  | { readonly _tag: "Watch"; readonly watch: number; readonly callSid: string }
  | { readonly _tag: "Unwatch"; readonly watch: number }
  | { readonly _tag: "Watched"; readonly watch: number; readonly event: CallEvent | undefined }
  /** Somebody who follows the call has typed something for it. */
  | { readonly _tag: "TypeHere"; readonly id: number; readonly callSid: string; readonly text: string }
