/** Contract: follow one call while it goes on, and speak into it. Owns who is told what, never the call. */
import { Context, type Effect, type Scope, type Stream } from "effect"
import { type CallEvent } from "../schema/CallEvent.ts"
import { type CallObserver } from "./CallObserver.ts"

/** One follower of one call. */
export interface CallWatch {
  /**
   * What happens in the call, from the last few things before now to its end; scores of windows only from now on.
   *
   * Ends with the call. A follower who does not keep up misses scores first. One consumer.
   */
  readonly events: Stream.Stream<CallEvent>
  /** Words that count as spoken by the caller; false: nobody could hear them, as the call is not going on. */
  readonly typed: (text: string) => Effect.Effect<boolean>
}

/** The calls of the process that may be followed. */
export class CallFeed extends Context.Service<
  CallFeed,
  {
    /** Where the calls come from: has to be among the observers of the process. */
    readonly observer: CallObserver["Service"]
    /** Follows the call with this id, which may be about to begin, until the scope closes. */
    readonly watch: (callSid: string) => Effect.Effect<CallWatch, never, Scope.Scope>
  }
>()("parley/services/CallFeed") {}
