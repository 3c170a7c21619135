/** What turn-taking is told and what it decides; data only. */

/** Everything that can bear on whose turn it is. Times are audio time: milliseconds since the stream began. */
export type TurnInput =
  /** The stream is up: the agent may greet. */
  | { readonly _tag: "CallStarted" }
  /** A scored window; `atMs` is its first sample's time. */
  | { readonly _tag: "Voice"; readonly atMs: number; readonly probability: number }
  /** No audio arrived for the window at `atMs`: the line is stuck, time goes on. */
  | { readonly _tag: "NoAudio"; readonly atMs: number }
  /** What a segment's words are believed to be so far. */
  | { readonly _tag: "Interim"; readonly segment: number; readonly text: string }
  /** A segment's words; "" if it held none. */
  | { readonly _tag: "Final"; readonly segment: number; readonly text: string }
  /** A segment's words could not be had, or not in time. */
  | { readonly _tag: "Unrecognised"; readonly segment: number }
  /** How long a pause is to end the turn, judged by its words so far; undefined: as long as usual. */
  | { readonly _tag: "PauseLimit"; readonly turn: number; readonly ms: number | undefined }
  /** A key was pressed. */
  | { readonly _tag: "Key"; readonly digit: string }
  /** Words that came as text count as spoken. */
  | { readonly _tag: "Typed"; readonly text: string }
  /** The first audio of a reply went out; `filler`: not yet of what it is to say. */
  | { readonly _tag: "Audible"; readonly epoch: number; readonly filler?: true }
  /** A reply's tool began to run, or has run. */
  | { readonly _tag: "Tool"; readonly epoch: number; readonly running: boolean }
  /** A reply is all made and has little left to be heard. */
  | { readonly _tag: "Ending"; readonly epoch: number }
  /** A reply is over: heard to its end, or `failed`: nothing of what it was to say could be said. */
  | { readonly _tag: "Finished"; readonly epoch: number; readonly failed?: true }

/** What the agent is to say. */
export type ReplyCue =
  /** The persona's first words. */
  | { readonly _tag: "Greeting" }
  /** An answer to what the caller said. */
  | { readonly _tag: "Answer"; readonly text: string }
  /** The caller spoke and could not be understood: ask again. */
  | { readonly _tag: "AskAgain" }
  /** No answer could be had: say so. */
  | { readonly _tag: "Apology" }
  /** Too many turns in a row came to nothing through our own fault: say goodbye. */
  | { readonly _tag: "GiveUp" }
  /** Nobody has said anything for a while. */
  | { readonly _tag: "StillThere" }
  /** Nobody has said anything for too long: say goodbye. */
  | { readonly _tag: "NobodyThere" }
  /** The call is about to reach its longest duration. */
  | { readonly _tag: "TimeWarning" }
  /** The call has reached its longest duration: say goodbye. */
  | { readonly _tag: "TimeUp" }

/** Why a turn came to nothing. */
export type DropReason = "no words" | "backchannel"

/** Why a reply was stopped. */
export type StopReason = "barge-in" | "caller went on" | "words changed" | "no turn" | "key pressed" | "time up"

/** What turn-taking decides; carried out in order. */
export type TurnOutput =
  /** A turn of the caller began at `atMs`. */
  | { readonly _tag: "TurnStarted"; readonly turn: number; readonly atMs: number }
  /** Recognition is to hear everything from `fromMs`, and from before it as far as pre-roll reaches. */
  | { readonly _tag: "SegmentOpened"; readonly turn: number; readonly segment: number; readonly fromMs: number }
  /** The segment ends here: its words are wanted. */
  | { readonly _tag: "SegmentEnded"; readonly turn: number; readonly segment: number; readonly toMs: number }
  /** It is to be judged how long a pause ends this turn, now that these are its words; `typicalPauseMs` is the caller's habit. */
  | {
      readonly _tag: "PauseLimitWanted"
      readonly turn: number
      readonly text: string
      readonly typicalPauseMs: number
      readonly pausesSeen: number
    }
  /** The turn is over and has these words; the caller fell silent at `pausedAtMs`, `pauseMs` of audio ago. */
  | {
      readonly _tag: "TurnEnded"
      readonly turn: number
      readonly text: string
      readonly pausedAtMs: number
      readonly pauseMs: number
    }
  /** The turn is over and was not one. */
  | { readonly _tag: "TurnDropped"; readonly turn: number; readonly reason: DropReason }
  /** A reply is to be made; its audio is held until it is released. */
  | { readonly _tag: "ReplyStarted"; readonly epoch: number; readonly cue: ReplyCue }
  /** The caller has waited long enough for this answer to be told that it is coming. */
  | { readonly _tag: "FillerWanted"; readonly epoch: number }
  /** The reply's audio may be sent, or sent again. */
  | { readonly _tag: "ReplyReleased"; readonly epoch: number }
  /** No more of the reply's audio is to be sent for now; nothing of it is lost. */
  | { readonly _tag: "ReplyHeld"; readonly epoch: number }
  /** The reply is to stop at once; whatever of it is on its way is to be cleared. */
  | { readonly _tag: "ReplyStopped"; readonly epoch: number; readonly reason: StopReason }
  /** The call is over. */
  | { readonly _tag: "HangUp" }
