/** Runs Node programs as processes of their own: what they print, how they end. */
import { type Cause, Deferred, Effect, Queue, type Scope } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

/** A process that runs. */
export interface Process {
  /** Standard output, line by line as it comes; ends with the process. */
  readonly lines: Queue.Dequeue<string, Cause.Done>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Waits for its end; `code` is null if a signal ended it. */
  readonly ended: Effect.Effect<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>
}

/**
 * Starts Node with these arguments and nothing in its environment but `env`, away from any `.env` file: this one, or the
 * one at `node`.
 *
 * It is killed when the scope closes.
 */
export const startNode = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  node: string = process.execPath
): Effect.Effect<Process, never, Scope.Scope> =>
  Effect.gen(function* () {
    const lines = yield* Queue.unbounded<string, Cause.Done>()
    const ended = yield* Deferred.make<{
      readonly code: number | null
      readonly stdout: string
      readonly stderr: string
    }>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(node, args, {
          env: { ...env },
          cwd: fileURLToPath(new URL(".", import.meta.url)),
          stdio: ["ignore", "pipe", "pipe"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    let stdout = ""
    let stderr = ""
    let line = ""
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      stdout += part
      const whole = (line + part).split("\n")
      line = whole.pop() ?? ""
      Queue.offerAllUnsafe(lines, whole)
    })
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      stderr += part
    })
    child.on("close", (code) => {
      Queue.endUnsafe(lines)
      Deferred.doneUnsafe(ended, Effect.succeed({ code, stdout, stderr }))
    })
    return {
      lines,
      signal: (signal) => Effect.sync(() => void child.kill(signal)),
      ended: Deferred.await(ended)
    }
  })
