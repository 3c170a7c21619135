/** What the server's process and the callers' tell each other; data only. */

/** Calls to be placed at a time; `first` is the number of the first one. */
export interface Wave {
  readonly host: string
  readonly first: number
  readonly count: number
}

/** A call as its caller saw it. */
export interface HeldCall {
  /** Whether the agent was heard. */
  readonly audible: boolean
  /** How it ended, or why it could not be held. */
  readonly end: string
}

/** What the callers tell. */
export type FromCallers =
  | { readonly _tag: "Ready"; readonly origin: string }
  | { readonly _tag: "Held"; readonly calls: ReadonlyArray<HeldCall> }
