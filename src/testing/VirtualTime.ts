/** Runs effects in virtual time: whenever nothing is left to do, the clock jumps to the next thing that is due. Owns no work of its own. */
import { Clock, Context, Duration, Effect, Scheduler } from "effect"

/** How a run in virtual time begins and how long it may take. */
export interface VirtualTimeOptions {
  /** `currentTimeMillis` at the beginning; 0 by default. */
  readonly startMs?: number
  /** Virtual time after which the run is given up on, since something must be waiting forever; an hour by default. */
  readonly limit?: Duration.Input
}

/** What keeps virtual time from passing. */
interface Standstill {
  readonly begin: () => void
  readonly end: () => void
}

const CurrentStandstill = Context.Reference<Standstill | undefined>("parley/testing/VirtualTime/Standstill", {
  defaultValue: () => undefined
})

interface Sleeper {
  readonly atMs: number
  readonly wake: () => void
}

interface Task {
  readonly run: () => void
  cancelled: boolean
}

/** Rounds of tasks done before the event loop has its turn: fibers that only ever yield must not starve it. */
const ROUNDS_PER_TURN = 1000

interface Machine {
  readonly clock: Clock.Clock
  readonly scheduler: Scheduler.Scheduler
  readonly standstill: Standstill
  /** From here on, time stands still for good; tasks are the event loop's, and new sleeps the outer clock's. */
  readonly stop: () => void
}

/** A clock that moves by itself, and the scheduler that tells it when there is nothing to do. */
const makeMachine = (outer: Clock.Clock, startMs: number, limitMs: number, onLimit: () => void): Machine => {
  let nowMs = startMs
  let nowNanos = BigInt(Math.round(startMs * 1e6))
  let endMs = startMs + limitMs
  let stopped = false
  /** Whether the event loop will come back to us. */
  let turning = false
  let standstills = 0
  let tasks: Array<Task> = []
  /** Latest first, so that the next one is at the end; those due together wake in the order they fell asleep. */
  const sleepers: Array<Sleeper> = []

  const doTasks = (): void => {
    for (let rounds = 0; tasks.length > 0; rounds++) {
      if (rounds >= ROUNDS_PER_TURN) return void setImmediate(doTasks)
      const now = tasks
      tasks = []
      for (const task of now) if (!task.cancelled) task.run()
    }
    // The event loop comes first: what a settled promise or a socket has to say belongs to this moment.
    if (sleepers.length > 0 && standstills === 0 && !stopped) setImmediate(wakeNext)
    else turning = false
  }

  const wakeNext = (): void => {
    if (tasks.length === 0 && standstills === 0 && !stopped) {
      const next = sleepers.pop()
      if (next !== undefined) {
        nowMs = next.atMs
        nowNanos = BigInt(Math.round(nowMs * 1e6))
        if (nowMs > endMs) {
          endMs = Infinity
          onLimit()
        }
        next.wake()
      }
    }
    doTasks()
  }

  const turn = (): void => {
    if (turning) return
    turning = true
    setImmediate(doTasks)
  }

  const schedule = (run: () => void): (() => void) => {
    if (stopped) {
      const immediate = setImmediate(run)
      return () => clearImmediate(immediate)
    }
    const task: Task = { run, cancelled: false }
    tasks.push(task)
    turn()
    return () => void (task.cancelled = true)
  }

  const sleep = (duration: Duration.Duration): Effect.Effect<void> => {
    if (stopped) return outer.sleep(duration)
    const ms = Duration.toMillis(duration)
    if (ms <= 0) return Effect.yieldNow
    if (!Number.isFinite(ms)) return Effect.never
    return Effect.callback<void>((resume) => {
      const sleeper: Sleeper = { atMs: nowMs + ms, wake: () => resume(Effect.void) }
      let low = 0
      let high = sleepers.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if (sleepers[middle]!.atMs > sleeper.atMs) low = middle + 1
        else high = middle
      }
      sleepers.splice(low, 0, sleeper)
      turn()
      return Effect.sync(() => {
        const index = sleepers.indexOf(sleeper)
        if (index >= 0) sleepers.splice(index, 1)
      })
    })
  }

  return {
    clock: {
      currentTimeMillisUnsafe: () => nowMs,
      currentTimeNanosUnsafe: () => nowNanos,
      monotonicTimeNanosUnsafe: () => nowNanos,
      currentTimeMillis: Effect.sync(() => nowMs),
      currentTimeNanos: Effect.sync(() => nowNanos),
      monotonicTimeNanos: Effect.sync(() => nowNanos),
      sleep
    },
    scheduler: new Scheduler.MixedScheduler("async", schedule),
    standstill: {
      begin: () => void standstills++,
      end: () => {
        standstills--
        turn()
      }
    },
    stop: () => void (stopped = true)
  }
}

/**
 * Runs an effect with a clock of its own that does not wait: minutes pass in milliseconds, and in the order they should.
 *
 * Nobody has to move the clock, as a `TestClock` has to be. Everything that is ready is done, forks and settled promises
 * included, before it moves to the next sleep that ends. Work outside of Effect that is still going on (a network, a
 * thread) is not waited for: put it into {@link timeStandsStill}. Dies when `limit` has passed.
 *
 * Keep scopes inside: a fiber that outlives the effect and is asleep then never wakes, and sleeps it begins later take
 * real time.
 */
export const inVirtualTime = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: VirtualTimeOptions = {}
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.Clock, (outer) => {
    const limit = Duration.fromInputUnsafe(options.limit ?? "1 hour")
    let giveUp = (): void => {}
    const expired = Effect.callback<never>((resume) => {
      giveUp = () =>
        resume(
          Effect.die(
            new Error(`not done after ${Duration.format(limit)} of virtual time: is something waiting forever?`)
          )
        )
    })
    const machine = makeMachine(outer, options.startMs ?? 0, Duration.toMillis(limit), () => giveUp())
    return Effect.raceFirst(effect, expired).pipe(
      Effect.provideContext(
        Context.make(Clock.Clock, machine.clock).pipe(
          Context.add(Scheduler.Scheduler, machine.scheduler),
          Context.add(CurrentStandstill, machine.standstill)
        )
      ),
      Effect.ensuring(Effect.sync(machine.stop))
    )
  })

/** Lets no virtual time pass while the effect runs: for work that is done outside of Effect, such as a native thread's. */
export const timeStandsStill = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(CurrentStandstill, (standstill) =>
    standstill === undefined
      ? effect
      : Effect.acquireUseRelease(
          Effect.sync(standstill.begin),
          () => effect,
          () => Effect.sync(standstill.end)
        )
  )
