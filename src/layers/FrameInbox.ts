/** Text frames in as they arrive, out to a fiber that pulls them or to a listener on the spot. Owns those that wait, not the connection. */
import { Array as Arr, Cause, Effect } from "effect"
import { type TakeFrame } from "../services/MediaLink.ts"

/** Characters of waiting frames above which no more are read: a few seconds of a call. */
const MAX_WAITING_CHARACTERS = 64 * 1024

/** What the frames arrive on. */
export interface Intake {
  /** Stops reading; what has been read already may still arrive. */
  readonly hold: () => void
  /** Reads on. */
  readonly letGo: () => void
}

/** Frames on their way from a connection to whoever wants them. Mutable. */
export interface FrameInbox {
  readonly push: (frame: string) => void
  /** No more will come. */
  readonly end: () => void
  /** All that wait, or the next one; the end once there are none. For one fiber. */
  readonly pull: Effect.Effect<Arr.NonEmptyReadonlyArray<string>, Cause.Done>
  /** Has frames taken where they arrive, until the end or until `take` is done. Dies of what `take` throws. For one fiber. */
  readonly listen: (take: TakeFrame) => Effect.Effect<never, Cause.Done>
}

/** What the connection calls must not throw: the listener's mistakes are those of its own fiber. */
const takeNow = (take: TakeFrame, frame: string): Effect.Effect<void, Cause.Done> => {
  try {
    return take(frame)
  } catch (defect) {
    return Effect.die(defect)
  }
}

/** An inbox with nothing in it. */
export const makeFrameInbox = ({ hold, letGo }: Intake): FrameInbox => {
  let waiting: Array<string> = []
  let characters = 0
  let held = false
  let over: Effect.Effect<never, Cause.Done> | undefined
  /** Wakes whoever waits for a frame, or for what a listener makes of one. */
  let wake: (() => void) | undefined
  /** Who takes frames on the spot: nobody while a frame waits, so that none overtakes another. */
  let listener: TakeFrame | undefined
  /** What the listener's fiber has to do before it takes the next frame. */
  let due: Effect.Effect<void, Cause.Done> | undefined

  const wakeUp = (): void => {
    const resume = wake
    wake = undefined
    resume?.()
  }

  const untilWoken = Effect.callback<void>((resume) => {
    // A fiber may give way between finding nothing and beginning to wait.
    if (waiting.length > 0 || due !== undefined || over !== undefined) return resume(Effect.void)
    wake = () => resume(Effect.void)
    return Effect.sync(() => void (wake = undefined))
  })

  const takeWaiting = (): Array<string> => {
    const frames = waiting
    waiting = []
    characters = 0
    if (held) {
      held = false
      letGo()
    }
    return frames
  }

  const pull: Effect.Effect<Arr.NonEmptyReadonlyArray<string>, Cause.Done> = Effect.suspend(() => {
    const frames = takeWaiting()
    return Arr.isArrayNonEmpty(frames) ? Effect.succeed(frames) : (over ?? Effect.andThen(untilWoken, pull))
  })

  const listen = (take: TakeFrame): Effect.Effect<never, Cause.Done> => {
    const next: Effect.Effect<never, Cause.Done> = Effect.suspend(() => {
      listener = undefined
      if (due !== undefined) {
        const first = due
        due = undefined
        return Effect.andThen(first, next)
      }
      const frames = takeWaiting()
      for (const [at, frame] of frames.entries()) {
        const todo = take(frame)
        if (todo === Effect.void) continue
        // Those behind it keep their place.
        const rest = frames.slice(at + 1)
        waiting = [...rest, ...waiting]
        characters += rest.reduce((sum, { length }) => sum + length, 0)
        return Effect.andThen(todo, next)
      }
      if (over !== undefined) return over
      listener = take
      return Effect.andThen(untilWoken, next)
    })
    return Effect.ensuring(
      next,
      Effect.sync(() => void (listener = undefined))
    )
  }

  return {
    push: (frame) => {
      if (listener !== undefined) {
        const todo = takeNow(listener, frame)
        if (todo === Effect.void) return
        listener = undefined
        due = todo
        return wakeUp()
      }
      waiting.push(frame)
      characters += frame.length
      if (characters > MAX_WAITING_CHARACTERS && !held) {
        held = true
        hold()
      }
      wakeUp()
    },
    end: () => {
      over = Cause.done()
      wakeUp()
    },
    pull,
    listen
  }
}
