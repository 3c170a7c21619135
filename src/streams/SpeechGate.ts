/** Windows of caller audio in, what recognition is to hear out: speech with pre-roll, nothing else. Pure; owns no decision about when speech is. */
import { type VoiceWindow, WINDOW_MS } from "../schema/Audio.ts"

/** Audio that belongs to a segment. */
export interface SegmentAudio {
  readonly segment: number
  readonly samples: Int16Array
}

/** The last windows not yet heard by recognition, oldest first, and the segment that is open. */
export interface SpeechGateState {
  readonly preRoll: ReadonlyArray<VoiceWindow>
  readonly segment: number | undefined
}

/** Nothing heard, no segment open. */
export const initial: SpeechGateState = { preRoll: [], segment: undefined }

const nothing: ReadonlyArray<SegmentAudio> = []

/**
 * A window arrived: it goes to the open segment, or is kept as pre-roll.
 *
 * `preRollMs` bounds what is kept; the window that starts speech and {@link slackMs} for a late decision come on top.
 */
export const hear = (
  state: SpeechGateState,
  window: VoiceWindow,
  preRollMs: number
): readonly [SpeechGateState, ReadonlyArray<SegmentAudio>] => {
  if (state.segment !== undefined) return [state, [{ segment: state.segment, samples: window.samples }]]
  const oldest = window.atMs - preRollMs - slackMs
  const first = state.preRoll.findIndex((kept) => kept.atMs + WINDOW_MS > oldest)
  return [{ preRoll: (first < 0 ? [] : state.preRoll.slice(first)).concat(window), segment: undefined }, nothing]
}

/** Windows kept beyond the pre-roll, in milliseconds, for segments that open a little after their first window. */
export const slackMs = 200

/** A segment opens: everything kept from `preRollMs` before `fromMs` belongs to it. */
export const open = (
  state: SpeechGateState,
  segment: number,
  fromMs: number,
  preRollMs: number
): readonly [SpeechGateState, ReadonlyArray<SegmentAudio>] => [
  { preRoll: [], segment },
  state.preRoll
    .filter((window) => window.atMs + WINDOW_MS > fromMs - preRollMs)
    .map((window) => ({ segment, samples: window.samples }))
]

/** The open segment ends: what follows is pre-roll of the next one. */
export const close = (state: SpeechGateState): SpeechGateState =>
  state.segment === undefined ? state : { preRoll: [], segment: undefined }
