/** One process that holds calls, as the one that runs the server has started it: a program to run, its connections and its life. Owns no behaviour of calls. */
import { fork, type ChildProcess } from "node:child_process"
import { type Socket } from "node:net"
import { Deferred, Effect, type Scope } from "effect"
import { type FromWorker, type ToWorker } from "./ProcessMessages.ts"

/** What a process is told when it is started. */
export interface WorkerBirth {
  /** From 1; a process that takes the place of another one has its number. */
  readonly number: number
  /** What all processes of the server say to be, in `/health`. */
  readonly instance: string
}

/** A process that runs. */
export interface WorkerProcess extends WorkerBirth {
  readonly pid: number | undefined
  readonly tell: (message: ToWorker) => void
  /** Hands a connection over; false: it is still here, as the process is not there any more. */
  readonly give: (connection: Socket) => boolean
  /** Waits until it serves; fails with why it has ended before. */
  readonly ready: Effect.Effect<void, string>
  /** Waits until it has ended; says how. */
  readonly ended: Effect.Effect<string>
}

/** How long a process may take to end when it is told to, before it is killed. */
const GRACE = "5 seconds"

const howOf = (code: number | null, signal: NodeJS.Signals | null): string =>
  signal === null ? `exit code ${code}` : `signal ${signal}`

const start = (program: URL, birth: WorkerBirth): ChildProcess =>
  // What it prints goes where everything goes; what was asked of Node is asked of it too.
  fork(program, [JSON.stringify(birth)], { stdio: ["ignore", "inherit", "inherit", "ipc"], serialization: "advanced" })

/** Starts a program as a process that ends with the scope; `receive` is told what it says. */
export const startWorker = (
  program: URL,
  birth: WorkerBirth,
  receive: (message: FromWorker) => void
): Effect.Effect<WorkerProcess, never, Scope.Scope> =>
  Effect.gen(function* () {
    const ready = yield* Deferred.make<void, string>()
    const ended = yield* Deferred.make<string>()
    const tellTo = (child: ChildProcess, message: ToWorker): void => {
      if (child.connected) child.send(message, () => {})
    }
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = start(program, birth)
        const end = (how: string): void => {
          Deferred.doneUnsafe(ready, Effect.fail(how))
          Deferred.doneUnsafe(ended, Effect.succeed(how))
        }
        child.on("message", (message) => {
          // Whatever it sends is of our making.
          const said = message as FromWorker
          if (said._tag === "Ready") Deferred.doneUnsafe(ready, Effect.void)
          else receive(said)
        })
        child.on("error", (error) => end(error.message))
        child.on("exit", (code, signal) => end(howOf(code, signal)))
        return child
      }),
      (child) =>
        Effect.gen(function* () {
          tellTo(child, { _tag: "Stop" })
          yield* Effect.timeoutOption(Deferred.await(ended), GRACE)
          child.kill("SIGKILL")
        })
    )
    return {
      ...birth,
      pid: child.pid,
      tell: (message) => tellTo(child, message),
      give: (connection) => {
        if (!child.connected) return false
        child.send({ _tag: "Connection" } satisfies ToWorker, connection, (error) => {
          if (error !== null) connection.destroy()
        })
        return true
      },
      ready: Deferred.await(ready),
      ended: Deferred.await(ended)
    }
  })
