/** When audio last came in, the windows that should have come and did not out: audio time goes on when the line delivers nothing. Owns no turn. */
import { Effect } from "effect"
import { WINDOW_MS } from "../schema/Audio.ts"

/** Without audio for this long, in milliseconds, the line counts as stuck. */
export const LINE_STUCK_MS = 400

/** Windows that are missed at a time while it does. */
export const STUCK_WINDOWS = 4

/** What is known of a call's line, and who is told. */
export interface StuckLineOptions {
  /** Milliseconds of the Clock's monotonic time. */
  readonly nowMs: () => number
  /** When audio last came, on the same time. */
  readonly lastAudioMs: () => number
  /** Audio time up to which the call has been decided, in milliseconds. */
  readonly audioMs: () => number
  /** Whether anything depends on audio time going on. */
  readonly isWaitedFor: () => boolean
  /** No audio came for the window at `atMs` of audio time. */
  readonly onMissing: (atMs: number) => void
}

/** Keeps time on a line for as long as it runs, so that a turn can end and a silence be filled. */
export const keepTime = Effect.fnUntraced(function* (options: StuckLineOptions): Effect.fn.Return<never> {
  const { audioMs, isWaitedFor, lastAudioMs, nowMs, onMissing } = options
  const stuckInMs = (): number => lastAudioMs() + LINE_STUCK_MS - nowMs()
  const isStuck = (): boolean => stuckInMs() <= 0

  for (;;) {
    // While there is audio, it is looked at again when the line could count as stuck at the earliest.
    yield* Effect.sleep(isStuck() ? STUCK_WINDOWS * WINDOW_MS : stuckInMs())
    if (!isStuck()) continue
    // If it was the process that was held up, there is audio that waits to be read: timers come first in a turn of the loop.
    yield* Effect.yieldNow
    yield* Effect.yieldNow
    if (!isStuck() || !isWaitedFor()) continue
    const fromMs = audioMs()
    for (let window = 0; window < STUCK_WINDOWS; window++) onMissing(fromMs + window * WINDOW_MS)
  }
})
