/** Processes of the command: a program and what it is told in, what it answers out. Owns their life, not what they do. */
import { type Cause, Deferred, Effect, Queue, type Scope } from "effect"
import { fork } from "node:child_process"
import { extname } from "node:path"
import { fileURLToPath } from "node:url"

/** A process that runs; messages may hold maps and typed arrays. */
export interface LoadProcess<Out> {
  readonly pid: number | undefined
  readonly send: (message: object) => Effect.Effect<void>
  /** What it tells, in order; ends with the process. */
  readonly messages: Queue.Dequeue<Out, Cause.Done>
  /** What it printed, line by line; ends with the process. */
  readonly lines: Queue.Dequeue<string, Cause.Done>
  /** Waits until it has ended. */
  readonly ended: Effect.Effect<void>
}

/** How it is started. */
export interface LoadProcessOptions {
  readonly args?: ReadonlyArray<string>
  /** Arguments of Node. */
  readonly nodeArgs?: ReadonlyArray<string>
  /** Set besides what is in the environment of the command. */
  readonly env?: Readonly<Record<string, string>>
}

/** How long it may take to end when it is told to, before it is killed. */
const GRACE = "3 seconds"

/** A module of this folder, or of the one above it, with the same ending in the sources and in the build. */
export const moduleUrl = (name: string): URL => new URL(`${name}${extname(import.meta.url)}`, import.meta.url)

/** Lines that are printed and not read yet; the oldest go first. */
const LINES = 1000

/** Starts a module in a process of its own, which ends with the scope. What it writes to standard error goes where the command's does not. */
export const startProcess = <Out>(
  module: URL,
  { args = [], env = {}, nodeArgs = [] }: LoadProcessOptions = {}
): Effect.Effect<LoadProcess<Out>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const messages = yield* Queue.unbounded<Out, Cause.Done>()
    const lines = yield* Queue.sliding<string, Cause.Done>(LINES)
    const ended = yield* Deferred.make<void>()
    const start = Effect.sync(() => {
      const child = fork(fileURLToPath(module), args, {
        env: { ...process.env, ...env },
        execArgv: [...nodeArgs],
        serialization: "advanced",
        stdio: ["ignore", "pipe", "pipe", "ipc"]
      })
      for (const output of [child.stdout, child.stderr]) {
        let rest = ""
        output?.setEncoding("utf8").on("data", (part: string) => {
          const whole = (rest + part).split("\n")
          rest = whole.pop() ?? ""
          Queue.offerAllUnsafe(lines, whole)
        })
      }
      child.on("message", (message) => void Queue.offerUnsafe(messages, message as Out))
      child.on("error", () => {})
      child.on("close", () => {
        Queue.endUnsafe(messages)
        Queue.endUnsafe(lines)
        Deferred.doneUnsafe(ended, Effect.void)
      })
      return child
    })
    const child = yield* Effect.acquireRelease(start, (child) =>
      Effect.gen(function* () {
        // The processes of the command end when nobody tells them anything any more.
        if (child.connected) child.disconnect()
        yield* Effect.timeoutOption(Deferred.await(ended), GRACE)
        child.kill("SIGKILL")
      })
    )
    return {
      pid: child.pid,
      send: (message) =>
        Effect.sync(() => {
          if (child.connected) child.send(message)
        }),
      messages,
      lines,
      ended: Deferred.await(ended)
    }
  })
