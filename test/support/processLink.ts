/** Processes of one server without processes: links to a desk, in memory, with messages copied as between processes. */
import { Effect, type Scope } from "effect"
import { type SupervisorDesk } from "../../src/layers/SupervisorDesk.ts"
import { makeSupervisorLink, type SupervisorLink } from "../../src/layers/SupervisorLink.ts"
import { type ToWorker } from "../../src/layers/ProcessMessages.ts"

/** A link to the desk, until the scope closes. */
export const linkTo = (desk: SupervisorDesk): Effect.Effect<SupervisorLink, never, Scope.Scope> =>
  Effect.gen(function* () {
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const listeners: Array<(message: ToWorker) => void> = []
    const member = yield* desk.join((message) => {
      const copy = structuredClone(message)
      queueMicrotask(() => {
        for (const listener of listeners) listener(copy)
      })
    })
    return makeSupervisorLink({
      send: (message) => void run(desk.receive(member, structuredClone(message))),
      on: (event: string, listener: (message: ToWorker) => void) => {
        if (event === "message") listeners.push(listener)
      }
    })
  })
