/** What the agent says and what comes back from the caller in, how much of it is the agent's own echo out. Pure arithmetic with a memory; owns no decision about who speaks. */
import { BYTES_PER_MS, type VoiceWindow, WINDOW_MS, WINDOW_SAMPLES } from "../schema/Audio.ts"
import { decodeMulaw } from "./Mulaw.ts"

/**
 * Knows the agent's echo in one call. Mutable.
 *
 * Loudness is all it compares, in bins of 8 ms: what was played, so much softer and so much later, is what an echo sounds
 * like. How much later is the delay at which both tracks rise and fall together; how much softer is what remains the same
 * between them then. A caller who speaks over the agent is louder than that and is never taken for it.
 */
export interface EchoGate {
  /** Audio was sent to the line, and is played from `atMs` on by the call's clock. */
  readonly sent: (mulaw: Uint8Array, atMs: number) => void
  /** What was sent and not played by `atMs` never will be. */
  readonly cleared: (atMs: number) => void
  /**
   * How much of a window of the caller's audio is explained by the echo, 0 to 1; windows come in order.
   *
   * `arrivedMs` is when its last sample came, by the call's clock. 0 while no echo is known, or nothing was played lately.
   */
  readonly explained: (window: VoiceWindow, arrivedMs: number) => number
  /** The echo that is known: how much later it comes than what was played, and how much softer it is (negative dB). */
  readonly echo: () => { readonly lagMs: number; readonly gainDb: number } | undefined
}

/** Samples, and milliseconds, in which loudness is measured. */
const BIN_SAMPLES = 64
const BIN_MS = BIN_SAMPLES / BYTES_PER_MS
const WINDOW_BINS = WINDOW_SAMPLES / BIN_SAMPLES

/** Longest delay that is looked for, in bins: 800 ms, there and back. */
const LAGS = 101

/** Bins that are remembered of each track, a power of two: 4 s, past and sent ahead of its time. */
const RING = 512
const MASK = RING - 1

/** Sound softer than this is silence, in dB relative to full scale: codec noise is not to be compared. */
const SILENCE_DB = -66

/** What was played counts as speech above this, in dB relative to full scale. */
const ACTIVE_DB = -50

/** Bins after something was played in which its echo is still compared: 250 ms. Later silences tell nothing. */
const HANGOVER = 31

/** Share of what was compared that is kept from window to window: what is 3 s old counts for a third. */
const KEEP = Math.exp(-WINDOW_MS / 3000)

/** Bins compared before anything is believed, every other one: 0.64 s. */
const EVIDENCE = 40

/** How alike the tracks must be for an echo to be believed, and what they may come down to before it is given up. */
const FOUND = 0.8
const LOST = 0.4

/** Windows from one look for the echo to the next, and looks that must find the same delay in turn. */
const LOOK_WINDOWS = 4
const STEADY = 2

/** Nothing comes back louder than this, in dB: whoever is louder is a caller. */
const LOUDEST_DB = -3

/** Bins of the caller's track from which the first idea of the echo's loudness is taken: 1 s. */
const RECENT = 125

/** How fast the echo's loudness is learned, in dB a bin, and how fast from bins in which a caller seems to speak. */
const LEARN_DB = 0.1
const LEARN_OVER_CALLER_DB = 0.01

/** How an echo dies away after what was played: power kept from bin to bin, 60 dB in about 200 ms. */
const DECAY = 0.6

/** Up to so many dB above what is expected a window is an echo, and from so many dB on it is none. */
const ECHO_DB = 3
const CALLER_DB = 6

/** How fast the line's noise is learned, in dB per window: as softest sound, which rises slowly. */
const NOISE_RISE_DB = 0.05
const NOISE_FALL_DB = 1

/** How fast a line's clock may drift against ours, in milliseconds per window. */
const DRIFT_MS = 0.01

/** Squares of the values of mu-law, with full scale as 1. */
const squares = Float64Array.from(
  decodeMulaw(Uint8Array.from({ length: 256 }, (_, code) => code)),
  (sample) => (sample / 32768) ** 2
)

const dbOf = (power: number): number => (power <= 0 ? -200 : 10 * Math.log10(power))

const powerOf = (db: number): number => 10 ** (db / 10)

/** Loudness of a bin for comparing: dB above silence. */
const levelOf = (power: number): number => Math.max(0, dbOf(power) - SILENCE_DB)

/** An echo gate for a new call. */
export const makeEchoGate = (): EchoGate => {
  /** Energy sent for each bin; `sentUntil` is the bin after the last one. */
  const sentEnergy = new Float64Array(RING)
  let sentUntil = 0
  /** The last bin that was speech. */
  let lastActive = -Infinity

  /** What is known of each bin that is over: its loudness, its echo's shape, and whether speech was played shortly before. */
  const level = new Float64Array(RING)
  const shape = new Float64Array(RING)
  const active = new Uint8Array(RING)
  let knownUntil = 0
  let activeBin = -Infinity

  /** Loudness of the caller's bins. */
  const callerLevel = new Float64Array(RING)

  /** By delay: weight, sums, squares and products of what was compared. */
  const weight = new Float64Array(LAGS)
  const sumPlayed = new Float64Array(LAGS)
  const sumCaller = new Float64Array(LAGS)
  const sumPlayed2 = new Float64Array(LAGS)
  const sumCaller2 = new Float64Array(LAGS)
  const sumProduct = new Float64Array(LAGS)

  let offsetMs: number | undefined
  let noiseDb = -60
  let windows = 0
  let best = 0
  let steady = 0
  let found: number | undefined
  let gainDb = 0
  const powers = new Float64Array(WINDOW_BINS)

  /** Makes room for bins up to `until`: what was not sent is silent. */
  const reach = (until: number): void => {
    if (until <= sentUntil) return
    for (let bin = Math.max(sentUntil, until - RING); bin < until; bin++) sentEnergy[bin & MASK] = 0
    sentUntil = until
  }

  const sent = (mulaw: Uint8Array, atMs: number): void => {
    const first = Math.round(atMs * BYTES_PER_MS)
    reach(Math.floor((first + mulaw.length - 1) / BIN_SAMPLES) + 1)
    for (let i = 0; i < mulaw.length;) {
      const bin = Math.floor((first + i) / BIN_SAMPLES)
      const end = Math.min(mulaw.length, (bin + 1) * BIN_SAMPLES - first)
      let sum = 0
      for (; i < end; i++) sum += squares[mulaw[i]!]!
      sentEnergy[bin & MASK] = sentEnergy[bin & MASK]! + sum
      if (dbOf(sentEnergy[bin & MASK]! / BIN_SAMPLES) > ACTIVE_DB) lastActive = Math.max(lastActive, bin)
    }
  }

  const cleared = (atMs: number): void => {
    const from = Math.max(Math.ceil(atMs / BIN_MS), sentUntil - RING)
    for (let bin = from; bin < sentUntil; bin++) sentEnergy[bin & MASK] = 0
    sentUntil = Math.max(from, Math.min(sentUntil, from))
    lastActive = Math.min(lastActive, from)
  }

  /** Settles what was played, up to and including `bin`. */
  const know = (bin: number): void => {
    reach(bin + 2)
    for (let at = Math.max(knownUntil, bin - RING + 1); at <= bin; at++) {
      const power = sentEnergy[at & MASK]! / BIN_SAMPLES
      const around = Math.max(
        power,
        sentEnergy[(at - 1) & MASK]! / BIN_SAMPLES,
        sentEnergy[(at + 1) & MASK]! / BIN_SAMPLES
      )
      level[at & MASK] = levelOf(power)
      shape[at & MASK] = Math.max(around, DECAY * shape[(at - 1) & MASK]!)
      if (dbOf(power) > ACTIVE_DB) activeBin = at
      active[at & MASK] = at - activeBin <= HANGOVER ? 1 : 0
    }
    knownUntil = Math.max(knownUntil, bin + 1)
  }

  const compare = (bin: number, caller: number): void => {
    callerLevel[bin & MASK] = caller
    // Neighbours are much alike: every other bin tells as much for half the work.
    if ((bin & 1) === 1) return
    for (let lag = 0; lag < LAGS; lag++) {
      const at = (bin - lag) & MASK
      if (active[at] === 0) continue
      const played = level[at]!
      weight[lag] = weight[lag]! + 1
      sumPlayed[lag] = sumPlayed[lag]! + played
      sumCaller[lag] = sumCaller[lag]! + caller
      sumPlayed2[lag] = sumPlayed2[lag]! + played * played
      sumCaller2[lag] = sumCaller2[lag]! + caller * caller
      sumProduct[lag] = sumProduct[lag]! + played * caller
    }
  }

  /** How alike the tracks are at a delay, -1 to 1; 0 while there is too little of them. */
  const likeness = (lag: number): number => {
    const n = weight[lag]!
    if (n < EVIDENCE) return 0
    const varPlayed = n * sumPlayed2[lag]! - sumPlayed[lag]! ** 2
    const varCaller = n * sumCaller2[lag]! - sumCaller[lag]! ** 2
    // A track that is as good as constant is like nothing.
    if (varPlayed < n * n || varCaller < n * n) return 0
    return (n * sumProduct[lag]! - sumPlayed[lag]! * sumCaller[lag]!) / Math.sqrt(varPlayed * varCaller)
  }

  /** How much softer than what was played the last second was, at a delay. */
  const gainAt = (bin: number, lag: number): number => {
    const differences: Array<number> = []
    for (let at = bin - RECENT + 1; at <= bin; at++) {
      const played = dbOf(shape[(at - lag) & MASK]!)
      if (active[(at - lag) & MASK] === 1 && played > ACTIVE_DB) {
        differences.push(callerLevel[at & MASK]! + SILENCE_DB - played)
      }
    }
    differences.sort((a, b) => a - b)
    return differences[differences.length >> 1] ?? 0
  }

  const forget = (): void => {
    for (const sums of [weight, sumPlayed, sumCaller, sumPlayed2, sumCaller2, sumProduct]) sums.fill(0)
    steady = 0
    found = undefined
  }

  const decay = (): void => {
    for (let lag = 0; lag < LAGS; lag++) {
      weight[lag] = weight[lag]! * KEEP
      sumPlayed[lag] = sumPlayed[lag]! * KEEP
      sumCaller[lag] = sumCaller[lag]! * KEEP
      sumPlayed2[lag] = sumPlayed2[lag]! * KEEP
      sumCaller2[lag] = sumCaller2[lag]! * KEEP
      sumProduct[lag] = sumProduct[lag]! * KEEP
    }
  }

  /** Finds the echo, finds it elsewhere, or gives it up. */
  const look = (bin: number): void => {
    let most = 0
    let at = 0
    for (let lag = 0; lag < LAGS; lag++) {
      const alike = likeness(lag)
      if (alike <= most) continue
      most = alike
      at = lag
    }
    steady = most >= FOUND && Math.abs(at - best) <= 1 ? steady + 1 : 0
    best = at
    if (found !== undefined && weight[found]! >= EVIDENCE && likeness(found) < LOST) found = undefined
    if (steady < STEADY || (found !== undefined && Math.abs(found - at) <= 1)) return
    const gain = gainAt(bin, at)
    if (gain > LOUDEST_DB) return
    found = at
    gainDb = gain
  }

  const explained = (window: VoiceWindow, arrivedMs: number): number => {
    const lateMs = arrivedMs - window.atMs - WINDOW_MS
    if (window.discontinuous) {
      offsetMs = undefined
      forget()
    }
    // The least delayed window tells best how the line's time and ours belong together.
    offsetMs = offsetMs === undefined ? lateMs : Math.min(lateMs, offsetMs + DRIFT_MS)
    const first = Math.round((window.atMs + offsetMs) / BIN_MS)

    let power = 0
    for (let n = 0; n < WINDOW_BINS; n++) {
      let sum = 0
      for (let i = n * BIN_SAMPLES; i < (n + 1) * BIN_SAMPLES; i++) {
        const sample = window.samples[i]! / 32768
        sum += sample * sample
      }
      powers[n] = sum / BIN_SAMPLES
      power += sum / WINDOW_SAMPLES
    }
    const db = Math.max(dbOf(power), -90)
    noiseDb = db > noiseDb ? noiseDb + NOISE_RISE_DB : Math.max(db, noiseDb - NOISE_FALL_DB)

    if (first - lastActive > LAGS + HANGOVER) return 0
    know(first + WINDOW_BINS - 1)
    decay()
    for (let n = 0; n < WINDOW_BINS; n++) compare(first + n, levelOf(powers[n]!))
    if (++windows % LOOK_WINDOWS === 0) look(first + WINDOW_BINS - 1)
    if (found === undefined) return 0

    const gain = powerOf(gainDb)
    let expected = WINDOW_BINS * powerOf(noiseDb)
    let echoing = false
    for (let n = 0; n < WINDOW_BINS; n++) {
      const at = (first + n - found) & MASK
      if (active[at] === 0) continue
      echoing = true
      expected += gain * shape[at]!
      const played = dbOf(shape[at]!)
      if (played <= ACTIVE_DB) continue
      const softer = Math.max(dbOf(powers[n]!), SILENCE_DB) - played
      const rate = softer > gainDb + CALLER_DB ? LEARN_OVER_CALLER_DB : LEARN_DB
      gainDb = Math.min(LOUDEST_DB, gainDb + (softer > gainDb ? rate : -rate))
    }
    if (!echoing) return 0
    const above = dbOf((power * WINDOW_BINS) / expected)
    return Math.min(1, Math.max(0, (CALLER_DB - above) / (CALLER_DB - ECHO_DB)))
  }

  return {
    sent,
    cleared,
    explained,
    echo: () => (found === undefined ? undefined : { lagMs: found * BIN_MS, gainDb })
  }
}
