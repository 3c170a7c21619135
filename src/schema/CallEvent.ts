/** What happens in a call, as told to whoever watches it; data only. Texts in it are private. */
import { type TurnOutput } from "./Turn.ts"

/** Which call an observer is told about. */
export interface CallInfo {
  readonly callSid: string
  readonly streamSid: string
  /** What the call document passed along; private. */
  readonly parameters: Readonly<Record<string, string>>
}

/** Why a call was over. */
export type EndReason =
  | "caller hung up"
  | "agent hung up"
  /** The agent hung up because it could not go on: whoever comes next in the call document is to take over. */
  | "agent gave up"
  | "connection lost"
  | "never started"
  | "server stopped"

/** Part of the call that something went wrong in. */
export type CallStage = "voice activity" | "speech to text" | "language model" | "text to speech" | "call"

/** What happened; `epoch` numbers the agent's replies, `segment` the caller's stretches of speech. */
export type CallEventBody =
  | { readonly _tag: "Started" }
  /** A window was scored; `audioMs` is its start on the audio clock. */
  | { readonly _tag: "Voice"; readonly audioMs: number; readonly probability: number }
  /** Turn-taking decided something. */
  | { readonly _tag: "Decided"; readonly output: TurnOutput }
  | { readonly _tag: "Interim"; readonly segment: number; readonly text: string }
  /** A segment's words came; `text` is undefined when they could not be had. */
  | { readonly _tag: "Transcript"; readonly segment: number; readonly text: string | undefined }
  | { readonly _tag: "Key"; readonly digit: string }
  /** The language model's first words of a reply came. */
  | { readonly _tag: "FirstToken"; readonly epoch: number }
  /** A sentence went to synthesis. */
  | { readonly _tag: "Sentence"; readonly epoch: number; readonly index: number; readonly text: string }
  /** Synthesis gave the first audio of a reply. */
  | { readonly _tag: "FirstAudio"; readonly epoch: number }
  /** The first audio of a reply went to the caller. */
  | { readonly _tag: "Audible"; readonly epoch: number }
  /** A reply is over; `text` is what the caller heard of `generated`. */
  | {
      readonly _tag: "Heard"
      readonly epoch: number
      readonly text: string
      readonly generated: string
      readonly playedMs: number
    }
  | { readonly _tag: "Failed"; readonly stage: CallStage; readonly message: string }
  | { readonly _tag: "Ended"; readonly reason: EndReason; readonly malformedFrames: number }

/** Something that happened `atMs` milliseconds after the call began, by the Clock. */
export type CallEvent = CallEventBody & { readonly atMs: number }
