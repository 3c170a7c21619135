/** The agent's frames as they arrive in, what the caller hears of them and when marks are due out: the carrier's queue in arithmetic, made for hundreds of calls in a process. Owns no clock and no socket. */
import { BYTES_PER_MS } from "../schema/Audio.ts"
import { decodeMulaw } from "../streams/Mulaw.ts"
import { AUDIBLE, STRETCH_GAP_MS } from "../testing/AgentVoice.ts"

/** A dry stretch up to this long lies inside of what the agent says, in milliseconds; a longer one between two things. */
const SAME_REPLY_MS = 1000

const audible = Uint8Array.from(decodeMulaw(Uint8Array.from({ length: 256 }, (_, code) => code)), (sample) =>
  Math.abs(sample) >= AUDIBLE ? 1 : 0
)

/** Audible audio that is played at a time of the line, in milliseconds. */
interface Span {
  readonly from: number
  until: number
}

/** What became of a piece of audio when it arrived. */
export interface Arrival {
  /** How much audio was still to be played when it came, in milliseconds; negative: for so long there was none. Undefined: it began something. */
  readonly aheadMs: number | undefined
}

const began: Arrival = { aheadMs: undefined }

/** The agent's side of one call; mutable. Times are milliseconds of the line and never go backwards. */
export interface LoadPlayout {
  /** Takes mu-law in. */
  readonly media: (atMs: number, mulaw: Uint8Array) => Arrival
  /** When a mark that comes now is to go back. */
  readonly markDueMs: (atMs: number) => number
  /** Throws away what is not played yet. */
  readonly clear: (atMs: number) => void
  /** Plays up to a time; what is heard is told in order: audible audio, and whether it goes on after less than 200 ms. */
  readonly playTo: (atMs: number, hear: (fromMs: number, untilMs: number, goesOn: boolean) => void) => void
  /** The caller spoke: a dry stretch that lasts since then is no fault of the line. */
  readonly interrupt: () => void
  /** When the agent was last heard; undefined: never. */
  readonly heardUntilMs: () => number | undefined
  /** Whether something audible is to be played. */
  readonly hasMore: () => boolean
}

/** Nothing has come yet. */
export const makeLoadPlayout = (): LoadPlayout => {
  /** When everything that came will have been played. */
  let endsMs = 0
  /** Whether more audio is expected to follow what was played last. */
  let open = false
  let spans: Array<Span> = []
  let heardUntil: number | undefined

  return {
    media: (atMs, mulaw) => {
      const aheadMs = endsMs - atMs
      const goesOn = open && aheadMs > -SAME_REPLY_MS
      const startMs = Math.max(atMs, endsMs)
      endsMs = startMs + mulaw.length / BYTES_PER_MS
      open = true
      let first = 0
      while (first < mulaw.length && audible[mulaw[first]!] === 0) first++
      if (first < mulaw.length) {
        let last = mulaw.length - 1
        while (audible[mulaw[last]!] === 0) last--
        spans.push({ from: startMs + first / BYTES_PER_MS, until: startMs + (last + 1) / BYTES_PER_MS })
      }
      return goesOn ? { aheadMs } : began
    },
    markDueMs: (atMs) => Math.max(atMs, endsMs),
    clear: (atMs) => {
      endsMs = Math.min(endsMs, atMs)
      open = false
      spans = spans.filter((span) => span.from < atMs)
      const last = spans.at(-1)
      if (last !== undefined) last.until = Math.min(last.until, atMs)
    },
    playTo: (atMs, hear) => {
      let played = 0
      for (const span of spans) {
        if (span.from >= atMs) break
        const fromMs = Math.max(span.from, heardUntil ?? span.from)
        const untilMs = Math.min(span.until, atMs)
        if (untilMs > fromMs) {
          const goesOn = heardUntil !== undefined && fromMs - heardUntil < STRETCH_GAP_MS
          heardUntil = untilMs
          hear(fromMs, untilMs, goesOn)
        }
        if (span.until > atMs) break
        played++
      }
      if (played > 0) spans.splice(0, played)
    },
    interrupt: () => {
      open = false
    },
    heardUntilMs: () => heardUntil,
    hasMore: () => spans.length > 0
  }
}
