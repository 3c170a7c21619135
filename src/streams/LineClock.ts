/** What is sent to the carrier and the marks that come back in, how much of it is still to be played out: the carrier's queue as it can be known from here. Owns no sending. */
import { type Clock } from "effect"
import { BYTES_PER_MS } from "../schema/Audio.ts"

/** What the line has yet to play, by our reckoning. Times are milliseconds of the Clock's monotonic time. Mutable. */
export interface LineClock {
  /** Audio that was sent and is not played yet, in milliseconds. */
  readonly aheadMs: () => number
  /** The same as the caller hears it: the way to the carrier and back, as marks tell it, is added. */
  readonly unheardMs: () => number
  /** So many bytes of mu-law are sent now; tells when their first one will be played. */
  readonly send: (bytes: number) => number
  /** What was sent and is not played never will be, nor will its marks say anything. */
  readonly clear: () => void
  /** A mark is sent now, behind everything that was sent before. */
  readonly mark: (name: string) => void
  /** A mark came back; false if it says nothing: unknown, returned twice, or returned by a clear. */
  readonly marked: (name: string) => boolean
}

/** A mark later than this, in milliseconds, tells of trouble on the line, not of its length. */
const MAX_LAG_MS = 1000

/** A line to which nothing was sent yet. */
export const makeLineClock = (clock: Clock.Clock): LineClock => {
  const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  /** When everything that was sent will have been played. */
  let endsMs = 0
  /** How much later than by our reckoning marks come back. */
  let lagMs = 0
  /** When each mark that is on its way will be due. */
  const dueMs = new Map<string, number>()

  return {
    aheadMs: () => Math.max(0, endsMs - nowMs()),
    unheardMs: () => Math.max(0, endsMs + lagMs - nowMs()),
    send: (bytes) => {
      const playsAtMs = Math.max(endsMs, nowMs())
      endsMs = playsAtMs + bytes / BYTES_PER_MS
      return playsAtMs
    },
    clear: () => {
      endsMs = nowMs()
      dueMs.clear()
    },
    // With nothing left to be played it comes back at once, which says nothing about the way.
    mark: (name) => void dueMs.set(name, Math.max(endsMs, nowMs())),
    marked: (name) => {
      const due = dueMs.get(name)
      if (due === undefined) return false
      dueMs.delete(name)
      const lateMs = Math.min(Math.max(0, nowMs() - due), MAX_LAG_MS)
      lagMs = lagMs === 0 ? lateMs : lagMs + (lateMs - lagMs) / 4
      return true
    }
  }
}
