/** What the agent says and what comes from the caller in, how much of the latter is the agent's own echo out. Arithmetic with a memory; owns no decision about who speaks. */
import { BYTES_PER_MS, type VoiceWindow, WINDOW_MS, WINDOW_SAMPLES } from "../schema/Audio.ts"
import { makeLagSearch } from "./EchoLag.ts"
import { decodeMulaw } from "./Mulaw.ts"

/**
 * Knows the agent's echo in one call. Mutable.
 *
 * Loudness is all it compares, in bins of 8 ms: an echo is what was played, so much later and so much softer. How much
 * later is the delay at which both tracks rise and fall together; how much softer is what then lies between them. A
 * caller who speaks over the agent is louder than that, and is not taken for it.
 */
export interface EchoGate {
  /** Audio was sent to the line; it is played from `atMs` on by the call's clock. */
  readonly sent: (mulaw: Uint8Array, atMs: number) => void
  /** What was sent and is not played by `atMs` never will be. */
  readonly cleared: (atMs: number) => void
  /**
   * How much of a window of the caller's audio is explained by the echo, 0 to 1; windows come in order.
   *
   * `arrivedMs` is when its last sample came, by the call's clock. 0 if there is no echo, or nothing was played lately; in
   * the first second of the agent's speech, when that is not known yet, {@link SUSPECTED} for what is soft enough to be one.
   */
  readonly explained: (window: VoiceWindow, arrivedMs: number) => number
  /** The echo that is known: how much later it comes than what is played, and how much softer (negative) in dB. */
  readonly echo: () => { readonly lagMs: number; readonly gainDb: number } | undefined
}

/** Samples in which loudness is measured: 8 ms. */
const BIN_SAMPLES = 64
const BIN_MS = BIN_SAMPLES / BYTES_PER_MS
const WINDOW_BINS = WINDOW_SAMPLES / BIN_SAMPLES

/** Delays that are looked for, in bins: up to 800 ms, there and back. */
const LAGS = 101

/** Bins that are remembered, past ones and ones sent ahead of their time, a power of two: 4 s. */
const RING = 512
const MASK = RING - 1

/** Softer than this is silence, in dB relative to full scale: what the codec adds is not to be compared. */
const SILENCE_DB = -66

/** Louder than this is speech that can be heard in an echo, in dB relative to full scale. */
const ACTIVE_DB = -50

/** Bins after speech whose silence still tells something: 250 ms. */
const HANGOVER = 31

/** What is kept of all comparisons from window to window: those of 3 s ago count for a third. */
const KEEP = Math.exp(-WINDOW_MS / 3000)

/** Comparisons, one every 16 ms, before anything is believed: 0.64 s. */
const EVIDENCE = 40

/** How alike the tracks must be for an echo to be believed. */
const FOUND = 0.8

/** Windows from one look for the echo to the next, and looks in turn that must find the same delay. */
const LOOK_WINDOWS = 4
const STEADY_LOOKS = 2

/** Windows more that were not as expected than were, before the echo is given up: 2 s, longer than people talk at once. */
const LOST_WINDOWS = 62

/** An echo that is expected to be this much louder than the line's noise, in dB, would be heard. */
const CLEAR_DB = 10

/** Before it is known whether there is an echo: what is softer than the agent by this, in dB, may be one, and how much of it. */
const SUSPECT_DB = -9
export const SUSPECTED = 0.6

/** No echo is louder than this, relative to what was played: whoever is, is a caller. */
const LOUDEST_DB = -3

/** Bins from which a first idea of the echo's loudness is taken: 1 s. */
const RECENT = 125

/** How fast the echo's loudness is learned, in dB a bin, and how fast from bins in which a caller seems to speak. */
const LEARN_DB = 0.1
const LEARN_OVER_CALLER_DB = 0.01

/** What is left of an echo's power from bin to bin when it dies away: 60 dB in about 200 ms. */
const DECAY = 0.6

/** A window so much above the expected echo, in dB, is still all echo; from so much on it is none. */
const ECHO_DB = 3
const CALLER_DB = 6

/** How fast the line's noise is learned, in dB a window: up slowly, so that speech does not lift it. */
const NOISE_RISE_DB = 0.05
const NOISE_FALL_DB = 1

/** How far a line's clock may drift from ours, in milliseconds a window. */
const DRIFT_MS = 0.01

/** The power of a sample of each mu-law code, full scale being 1. */
const powers = Float64Array.from(
  decodeMulaw(Uint8Array.from({ length: 256 }, (_, code) => code)),
  (sample) => (sample / 32768) ** 2
)

const dbOf = (power: number): number => (power <= 0 ? -200 : 10 * Math.log10(power))

const ACTIVE = 10 ** (ACTIVE_DB / 10)

/** An echo gate for a new call. */
export const makeEchoGate = (): EchoGate => {
  /** Power sent for each bin; `sentUntil` is the bin after the last one. */
  const sentPower = new Float64Array(RING)
  let sentUntil = 0
  let lastActive = Number.NEGATIVE_INFINITY

  /** What is known of bins that are over: loudness above silence, the power an echo has, whether speech was just played. */
  const level = new Float64Array(RING)
  const tail = new Float64Array(RING)
  const active = new Uint8Array(RING)
  let knownUntil = 0
  let activeBin = Number.NEGATIVE_INFINITY

  const search = makeLagSearch({ level, active }, { lags: LAGS, evidence: EVIDENCE })
  const callerDb = new Float64Array(RING)
  const binPower = new Float64Array(WINDOW_BINS)

  /** The least time from when a sample was recorded to when it came. */
  let offsetMs: number | undefined
  let noiseDb = -60
  let windows = 0
  let candidate = 0
  let steady = 0
  let missed = 0
  let lag: number | undefined
  let gainDb = 0

  /** Makes room for the bins before `until`: what was not sent is silent. */
  const reach = (until: number): void => {
    for (let bin = Math.max(sentUntil, until - RING); bin < until; bin++) sentPower[bin & MASK] = 0
    sentUntil = Math.max(sentUntil, until)
  }

  const sent = (mulaw: Uint8Array, atMs: number): void => {
    const first = Math.round(atMs * BYTES_PER_MS)
    reach(Math.floor((first + mulaw.length - 1) / BIN_SAMPLES) + 1)
    for (let i = 0; i < mulaw.length;) {
      const bin = Math.floor((first + i) / BIN_SAMPLES)
      const end = Math.min(mulaw.length, (bin + 1) * BIN_SAMPLES - first)
      let sum = 0
      for (; i < end; i++) sum += powers[mulaw[i]!]!
      const power = sentPower[bin & MASK]! + sum / BIN_SAMPLES
      sentPower[bin & MASK] = power
      if (power > ACTIVE) lastActive = Math.max(lastActive, bin)
    }
  }

  const cleared = (atMs: number): void => {
    sentUntil = Math.min(sentUntil, Math.ceil(atMs / BIN_MS))
    lastActive = Math.min(lastActive, sentUntil)
  }

  /** Settles what was played, up to and including bin `last`. */
  const know = (last: number): void => {
    reach(last + 2)
    for (let bin = Math.max(knownUntil, last - RING + 1); bin <= last; bin++) {
      const power = sentPower[bin & MASK]!
      // The line's bins do not begin when ours do: a neighbour's power may be in this one.
      const around = Math.max(power, sentPower[(bin - 1) & MASK]!, sentPower[(bin + 1) & MASK]!)
      level[bin & MASK] = Math.max(0, dbOf(power) - SILENCE_DB)
      tail[bin & MASK] = Math.max(around, DECAY * tail[(bin - 1) & MASK]!)
      if (power > ACTIVE) activeBin = bin
      active[bin & MASK] = bin - activeBin <= HANGOVER ? 1 : 0
    }
    knownUntil = Math.max(knownUntil, last + 1)
  }

  /** How much louder the caller's bin is than what was played `delay` bins before; undefined if that was not speech. */
  const difference = (bin: number, delay: number): number | undefined => {
    const played = tail[(bin - delay) & MASK]!
    if (active[(bin - delay) & MASK] === 0 || played <= ACTIVE) return undefined
    return Math.max(callerDb[bin & MASK]!, SILENCE_DB) - dbOf(played)
  }

  /** The middle of the differences of the last second. */
  const recentGain = (bin: number, delay: number): number => {
    const differences: Array<number> = []
    for (let at = bin - RECENT + 1; at <= bin; at++) {
      const db = difference(at, delay)
      if (db !== undefined) differences.push(db)
    }
    differences.sort((a, b) => a - b)
    return differences[differences.length >> 1] ?? 0
  }

  const forget = (): void => {
    lag = undefined
    steady = 0
    missed = 0
    search.forget()
  }

  /** Finds the echo, or finds it elsewhere. */
  const look = (bin: number): void => {
    const best = search.best()
    steady = best.likeness < FOUND ? 0 : Math.abs(best.lag - candidate) <= 1 ? steady + 1 : 1
    candidate = best.lag
    if (steady < STEADY_LOOKS || (lag !== undefined && Math.abs(lag - candidate) <= 1)) return
    const gain = recentGain(bin, candidate)
    if (gain > LOUDEST_DB) return
    lag = candidate
    gainDb = gain
    missed = 0
  }

  /** Whether a window may be an echo for all that is known: nothing is yet, and it is softer than what was just played. */
  const isSuspect = (first: number, power: number): boolean => {
    if (search.likeness(LAGS - 1) !== undefined && steady !== 1) return false
    let loudest = 0
    for (let bin = first - LAGS; bin < first + WINDOW_BINS; bin++) loudest = Math.max(loudest, tail[bin & MASK]!)
    return power < loudest * 10 ** (SUSPECT_DB / 10)
  }

  /** How far a window is above the echo that is expected, in dB; undefined if none is. Learns from it. */
  const aboveEcho = (first: number, power: number, delay: number): number | undefined => {
    const gain = 10 ** (gainDb / 10)
    let expected = 0
    let echoing = false
    for (let bin = first; bin < first + WINDOW_BINS; bin++) {
      if (active[(bin - delay) & MASK] === 0) continue
      echoing = true
      expected += (gain * tail[(bin - delay) & MASK]!) / WINDOW_BINS
      const db = difference(bin, delay)
      if (db === undefined) continue
      const rate = db > gainDb + CALLER_DB ? LEARN_OVER_CALLER_DB : LEARN_DB
      gainDb = Math.min(LOUDEST_DB, gainDb + (db > gainDb ? rate : -rate))
    }
    if (!echoing) return undefined
    const aboveDb = dbOf(power / (expected + 10 ** (noiseDb / 10)))
    if (dbOf(expected) > noiseDb + CLEAR_DB) missed = Math.max(0, missed + (Math.abs(aboveDb) > CALLER_DB ? 1 : -1))
    return aboveDb
  }

  /** Measures the window's bins and the line's noise; the power of the whole window comes out. */
  const measure = (first: number, samples: Int16Array): number => {
    let power = 0
    for (let n = 0; n < WINDOW_BINS; n++) {
      let sum = 0
      for (let i = n * BIN_SAMPLES; i < (n + 1) * BIN_SAMPLES; i++) sum += (samples[i]! / 32768) ** 2
      binPower[n] = sum / BIN_SAMPLES
      callerDb[(first + n) & MASK] = dbOf(binPower[n]!)
      power += sum / WINDOW_SAMPLES
    }
    const db = Math.max(-90, dbOf(power))
    noiseDb = db > noiseDb ? noiseDb + NOISE_RISE_DB : Math.max(db, noiseDb - NOISE_FALL_DB)
    return power
  }

  const explained = (window: VoiceWindow, arrivedMs: number): number => {
    const lateMs = arrivedMs - window.atMs - WINDOW_MS
    if (window.discontinuous) {
      offsetMs = undefined
      forget()
    }
    offsetMs = offsetMs === undefined ? lateMs : Math.min(lateMs, offsetMs + DRIFT_MS)
    const first = Math.round((window.atMs + offsetMs) / BIN_MS)
    const last = first + WINDOW_BINS - 1
    const power = measure(first, window.samples)
    if (first - lastActive > LAGS + HANGOVER) return 0

    know(last)
    const aboveDb = lag === undefined ? undefined : aboveEcho(first, power, lag)
    if (missed > LOST_WINDOWS) forget()
    search.fade(KEEP)
    // What a caller says over the agent tells nothing about the echo.
    if (aboveDb === undefined || aboveDb < CALLER_DB) {
      for (let bin = first; bin <= last; bin++) {
        // Neighbours are much alike: every other one tells as much for half the work.
        if ((bin & 1) === 0) search.compare(bin, Math.max(0, callerDb[bin & MASK]! - SILENCE_DB))
      }
    }
    if (++windows % LOOK_WINDOWS === 0) look(last)
    if (aboveDb !== undefined) return Math.min(1, Math.max(0, (CALLER_DB - aboveDb) / (CALLER_DB - ECHO_DB)))
    return lag === undefined && isSuspect(first, power) ? SUSPECTED : 0
  }

  return {
    sent,
    cleared,
    explained,
    echo: () => (lag === undefined ? undefined : { lagMs: lag * BIN_MS, gainDb })
  }
}
