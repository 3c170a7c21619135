/** Tokens, live calls and the way out of a server that is several processes: what each of them knows of them is what the process knows that has started it. Owns none of it. */
import { Effect, Layer, Option, Redacted } from "effect"
import { CallRegistry } from "../services/CallRegistry.ts"
import { Lifecycle } from "../services/Lifecycle.ts"
import { StreamTokens } from "../services/StreamTokens.ts"
import { SupervisorLink } from "./SupervisorLink.ts"

/** A token that one process makes is good in another, once. */
export const streamTokens: Layer.Layer<StreamTokens, never, SupervisorLink> = Layer.effect(
  StreamTokens,
  Effect.map(SupervisorLink, ({ ask }) =>
    StreamTokens.of({
      mint: (callSid) =>
        Effect.map(ask({ _tag: "Mint", callSid }), (token) =>
          Option.map(Option.fromUndefinedOr(token), (token) => Redacted.make(token, { label: "stream token" }))
        ),
      redeem: (callSid, token) => Effect.map(ask({ _tag: "Redeem", callSid, token }), Option.fromUndefinedOr)
    })
  )
)

/** Calls are counted over all processes. */
export const callRegistry: Layer.Layer<CallRegistry, never, SupervisorLink> = Layer.effect(
  CallRegistry,
  Effect.map(SupervisorLink, ({ ask, stopped, tell }) =>
    CallRegistry.of({
      enter: (limit) =>
        Effect.map(
          Effect.acquireRelease(ask({ _tag: "Enter", limit }), (call) =>
            Effect.sync(() => {
              if (call !== undefined) tell({ _tag: "Left", call })
            })
          ),
          (call) => call !== undefined
        ),
      count: ask({ _tag: "Count" }),
      // Who has started this process waits for its calls, and says when.
      idle: stopped,
      finish: (callSid) => Effect.asVoid(ask({ _tag: "Finish", callSid })),
      isFinished: (callSid) => ask({ _tag: "IsFinished", callSid })
    })
  )
)

/** Leaves when it is told to. */
export const lifecycle: Layer.Layer<Lifecycle, never, SupervisorLink> = Layer.effect(
  Lifecycle,
  Effect.map(SupervisorLink, ({ isLeaving, stopped }) =>
    Lifecycle.of({ isLeaving: Effect.sync(isLeaving), leave: stopped })
  )
)
