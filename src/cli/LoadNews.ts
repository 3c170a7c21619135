/** What the processes of a load tell each other; data only, so that knowing it starts none of them. */
import { type LoadTally } from "./LoadTally.ts"

/** What a process that holds calls tells. */
export type CallerNews =
  /** A plan can be had now. */
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Going"; readonly tally: LoadTally }
  | { readonly _tag: "Done"; readonly tally: LoadTally }
  /** No call could be placed at all, with a reason. */
  | { readonly _tag: "Failed"; readonly message: string }

/** What the stand-in provider tells: once, that it listens. */
export interface StandInNews {
  readonly port: number
}

/** What a server that is measured is asked: to collect first, or not, which takes as long as the heap is large. */
export interface AgentQuestion {
  readonly _tag: "Usage"
  readonly collect: boolean
}

/** What it has used; `heldBytes` is what it holds, after a collection if there was one. */
export interface AgentNews {
  readonly cpuMs: number
  readonly rssBytes: number
  readonly heldBytes: number
}
