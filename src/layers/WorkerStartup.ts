/** A process that holds calls as a program: what it runs in, the process out, which lives and ends as the one that has started it says. */
import { Console, Effect, Exit, Layer } from "effect"
import { ServerInstance } from "./HealthRoute.ts"
import { describeCause } from "./Startup.ts"
import { makeSupervisorLink, SupervisorLink } from "./SupervisorLink.ts"
import { type WorkerBirth } from "./WorkerProcess.ts"

/** Runs a program, as process `number` of several, until it is told to stop; says why if it cannot. */
export const runWorker = <A, E>(programOf: (number: number) => Layer.Layer<A, E, SupervisorLink>): void => {
  const birth: WorkerBirth = JSON.parse(process.argv[2] ?? "")
  const link = makeSupervisorLink({
    send: (message) => {
      // Without somebody to be told there is nothing to tell, and nothing is wrong with that at the end.
      if (process.connected) process.send?.(message, undefined, undefined, () => {})
    },
    on: process.on.bind(process)
  })
  // A signal reaches every process of a terminal; the one that has started this one says what follows from it.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {})
  const program = programOf(birth.number).pipe(
    Layer.provide(Layer.succeed(SupervisorLink, link)),
    Layer.provide(Layer.succeed(ServerInstance, birth.instance))
  )
  const live = Effect.gen(function* () {
    yield* Layer.build(program)
    link.tell({ _tag: "Ready" })
    yield* link.stopped
  }).pipe(
    Effect.scoped,
    Effect.tapCause((cause) => Effect.forEach(describeCause(cause), (line) => Console.error(line), { discard: true }))
  )
  Effect.runFork(live).addObserver((exit) => process.exit(Exit.isSuccess(exit) ? 0 : 1))
}
