/** Windows of one call in, told with their scores in the same order, without a fiber that waits for each; owns those that wait, not how they are scored. */
import { Effect } from "effect"
import { type VoiceWindow } from "../schema/Audio.ts"
import { type VoiceActivityError } from "../schema/Errors.ts"
import { type DirectScorer } from "../services/VoiceActivity.ts"

/** Windows that may wait for the one before them: a second of audio, after which a run that is stuck has failed. */
export const MAX_WAITING = 31

/** Scores windows one after the other. Mutable. */
export interface OrderedScoring<A> {
  /** Has a window scored when those before it are; a discontinuous one as the first of a call. */
  readonly add: (heard: A) => void
  /** Waits while there are more than {@link MAX_WAITING} windows; `Effect.void` itself while there are not. */
  readonly room: () => Effect.Effect<void>
  /** Forgets all windows: none is told any more. */
  readonly end: () => void
}

/** A window that is being scored or waits for it, with whatever else is known of it. */
export interface Heard {
  readonly window: VoiceWindow
}

/**
 * Scores in order; `told` gets every window with its score or why it has none. If `told` throws, `broken` gets what it
 * threw: the scorer that calls is everybody's, and the call's mistakes are its own.
 */
export const scoreInOrder = <A extends Heard>(
  scorer: DirectScorer,
  told: (heard: A, failure: VoiceActivityError | undefined, probability: number) => void,
  broken: (defect: unknown) => void
): OrderedScoring<A> => {
  const waiting: Array<A> = []
  let current: A | undefined
  let resumeSender: (() => void) | undefined

  const isFree = (): boolean => current === undefined

  const settled = (failure: VoiceActivityError | undefined, probability: number): void => {
    const heard = current
    current = undefined
    if (heard === undefined) return
    try {
      told(heard, failure, probability)
    } catch (defect) {
      broken(defect)
    }
  }

  /** Starts with the next ones; those whose score is there at once are over with in the loop. */
  const goOn = (): void => {
    while (isFree()) {
      const heard = waiting.shift()
      if (heard === undefined) break
      start(heard)
    }
    if (waiting.length <= MAX_WAITING) resumeSender?.()
  }

  const start = (heard: A): void => {
    current = heard
    if (heard.window.discontinuous) scorer.reset()
    let atOnce = true
    scorer.score(heard.window.samples, (failure, probability) => {
      settled(failure, probability)
      if (!atOnce) goOn()
    })
    atOnce = false
  }

  return {
    add: (heard) => {
      waiting.push(heard)
      goOn()
    },
    room: () =>
      waiting.length <= MAX_WAITING
        ? Effect.void
        : Effect.callback<void>((resume) => {
            resumeSender = () => {
              resumeSender = undefined
              resume(Effect.void)
            }
          }),
    end: () => {
      waiting.length = 0
      current = undefined
      scorer.cancel()
    }
  }
}
