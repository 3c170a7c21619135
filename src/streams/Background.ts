/** Loudness of windows in, how far the caller stands out from what goes on behind them out: other voices are voices too, but not as near. Pure; owns no score. */
import { WINDOW_MS } from "../schema/Audio.ts"

/** What was learned of a line's background. */
export interface BackgroundState {
  /** Power of the last windows, latest last, full scale being 1. */
  readonly recent: ReadonlyArray<number>
  /** Softest moment of each whole stretch of {@link STRETCH_WINDOWS}, in dB, latest last. */
  readonly minima: ReadonlyArray<number>
  /** Softest moment of the stretch that is not over, in dB, and its windows. */
  readonly minimum: number
  readonly windows: number
  /** Usual loudness of the background, in dB relative to full scale. */
  readonly usualDb: number
  /** How far the last windows stood out, in dB, latest last. */
  readonly above: ReadonlyArray<number>
}

/** Nothing heard yet: what is loud at once is a caller until it proves to be there all the time. */
export const initial: BackgroundState = {
  recent: [],
  minima: [],
  minimum: Infinity,
  windows: 0,
  usualDb: -45,
  above: []
}

/** Windows that are taken together, since the loudness of a voice or of several is never steady: 128 ms. */
const SMOOTH_WINDOWS = 4

/** Windows in which a moment is looked for that is softer than others: everybody draws breath. */
const SOFT_WINDOWS = 2

/** Background is what the softest moments of the last 4 s were like: 8 stretches of half a second. */
const STRETCH_WINDOWS = 16
const STRETCHES = 8

/** No louder than this above the softest moment it is still background, in dB. */
const SPREAD_DB = 8

/** How fast the usual loudness is learned: share of a new window in it, after 2 s all but a third. */
const LEARNING = WINDOW_MS / 2000

/** So far above the background, in dB, somebody counts as near: not at all, and fully. */
const FAR_DB = 2
const NEAR_DB = 5

/** How long somebody who was near counts as near, in windows: voices rise and fall. */
const HOLD_WINDOWS = 6

/** No background is louder than this, in dB relative to full scale. */
const LOUDEST_DB = -25

const dbOf = (power: number): number => 10 * Math.log10(Math.max(1e-9, power))

/** The last of the numbers with one more behind them, at most so many; a spread takes twice the memory, for each window. */
const withLatest = (values: ReadonlyArray<number>, latest: number, most: number): ReadonlyArray<number> => {
  const next: Array<number> = []
  for (let i = Math.max(0, values.length + 1 - most); i < values.length; i++) next.push(values[i]!)
  next.push(latest)
  return next
}

/** Of the last so many, or of all if there are fewer. */
const meanOf = (values: ReadonlyArray<number>, last: number): number => {
  const first = Math.max(0, values.length - last)
  let sum = 0
  for (let i = first; i < values.length; i++) sum += values[i]!
  return sum / (values.length - first)
}

const powerOf = (samples: Int16Array): number => {
  let sum = 0
  for (let i = 0; i < samples.length; i++) sum += samples[i]! * samples[i]!
  return sum / Math.max(1, samples.length) / 32768 ** 2
}

/**
 * How near the voice in a window is, 0 to 1, and what was learned from it. On a quiet line it is always 1 for somebody who
 * speaks: only a background that is nearly as loud as the caller makes a difference.
 */
export const step = (state: BackgroundState, samples: Int16Array): readonly [BackgroundState, number] => {
  const recent = withLatest(state.recent, powerOf(samples), SMOOTH_WINDOWS)
  const softDb = dbOf(meanOf(recent, SOFT_WINDOWS))
  const smoothDb = dbOf(meanOf(recent, SMOOTH_WINDOWS))

  const over = state.windows >= STRETCH_WINDOWS
  const minima = over ? withLatest(state.minima, state.minimum, STRETCHES - 1) : state.minima
  const minimum = over ? softDb : Math.min(softDb, state.minimum)
  const softest = Math.min(minimum, ...minima)

  const background = smoothDb < softest + SPREAD_DB
  const learned = background ? state.usualDb + LEARNING * (smoothDb - state.usualDb) : state.usualDb
  const usualDb = Math.min(LOUDEST_DB, Math.min(learned, softest + SPREAD_DB))

  const above = withLatest(state.above, smoothDb - usualDb, HOLD_WINDOWS)
  const near = Math.min(1, Math.max(0, (Math.max(...above) - FAR_DB) / (NEAR_DB - FAR_DB)))
  return [{ recent, minima, minimum, windows: over ? 1 : state.windows + 1, usualDb, above }, near]
}
