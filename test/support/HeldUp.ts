/** A process that is held up while something is there for it to read. Owns the channel it comes on, not who reads it. */
import { Effect, Queue, type Scope } from "effect"
import { MessageChannel } from "node:worker_threads"

/** Something to be read, as on a socket: the loop comes to it in the turn after it was sent. */
export interface Inflow<A> {
  readonly send: (value: A) => void
  /** The next of it. */
  readonly next: Effect.Effect<A>
}

/** Wakes who waits for it where it is read. */
export const readAtOnce = <A>(): Effect.Effect<Inflow<A>, never, Scope.Scope> =>
  Effect.map(channel, ({ port1, port2 }) => ({
    send: (value) => port1.postMessage(value),
    next: Effect.callback<A>((resume) => {
      const read = (value: A): void => resume(Effect.succeed(value))
      port2.once("message", read)
      return Effect.sync(() => void port2.off("message", read))
    })
  }))

/** Puts it into a queue, so that who waits for it is woken a turn of the loop later. */
export const readToQueue = <A>(): Effect.Effect<Inflow<A>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { port1, port2 } = yield* channel
    const queue = yield* Queue.unbounded<A>()
    port2.on("message", (value: A) => Queue.offerUnsafe(queue, value))
    return { send: (value) => port1.postMessage(value), next: Queue.take(queue) }
  })

const channel = Effect.acquireRelease(
  Effect.sync(() => new MessageChannel()),
  ({ port1 }) => Effect.sync(() => port1.close())
)

/** Goes to where the timers come next in a turn of the loop, before anything is read. */
export const beforeTimers: Effect.Effect<void> = Effect.yieldNow

/** Does nothing and lets nothing else be done for `ms` milliseconds. */
export const holdUp = (ms: number): void => {
  const until = performance.now() + ms
  while (performance.now() < until);
}
