/** A call on its audio clock: voice scores, who had the floor when, and what was decided. No DOM, no clock of its own. */

/**
 * @typedef {{ from: number, to: number | undefined }} Span In milliseconds of audio time; open: going on.
 *
 * @typedef {"speech" | "turn" | "agent" | "held"} Band What the caller's voice, their turn, the agent's voice and its being held last.
 *
 * @typedef {{ at: number, text: string, kind: "turn" | "barge-in" | "key" }} Moment
 */

/** How much of the past is kept, in milliseconds. */
const KEPT_MS = 60_000

/** Shorter gaps in a band are not shown, in milliseconds. */
const BREATH_MS = 100

/** Duration of a scored window, in milliseconds. */
const WINDOW_MS = 32

/** How long the audio clock goes on by itself when nothing is told of it, in milliseconds. */
const ALONE_MS = 2000

/** @type {ReadonlyArray<Band>} */
const bandNames = ["speech", "turn", "agent", "held"]

/** The last minute of a call. */
export class Timeline {
  /** @type {Array<{ at: number, probability: number }>} */
  scores = []
  /** @type {Record<Band, Array<Span>>} */
  bands = { speech: [], turn: [], agent: [], held: [] }
  /** @type {Array<Moment>} */
  moments = []
  /** Whether the caller speaks, by the two thresholds. */
  voiced = false
  /** End of the last scored window. */
  audioMs = 0

  #thresholds
  /** When that was told, on the clock of whoever tells it. @type {number | undefined} */
  #toldMs
  /** Difference between the call's clock and its audio clock. */
  #skewMs = 0

  /** @param {{ start: number, end: number }} thresholds */
  constructor(thresholds) {
    this.#thresholds = thresholds
  }

  /** Latest probability that there is a voice. */
  get probability() {
    return this.scores.at(-1)?.probability ?? 0
  }

  /**
   * Where the audio clock is now, by the clock of whoever tells.
   *
   * @param {number} nowMs
   */
  timeAt(nowMs) {
    return this.#toldMs === undefined ? 0 : this.audioMs + Math.min(nowMs - this.#toldMs, ALONE_MS)
  }

  /**
   * A time of the call's clock on its audio clock.
   *
   * @param {number} atMs
   */
  fromCall(atMs) {
    return atMs - this.#skewMs
  }

  /**
   * Takes in the score of a window; whether the caller has begun or ceased to speak with it.
   *
   * @param {{ audioMs: number, atMs: number, probability: number }} event
   * @param {number} nowMs
   */
  score({ audioMs, atMs, probability }, nowMs) {
    this.audioMs = audioMs + WINDOW_MS
    this.#toldMs = nowMs
    this.#skewMs = atMs - this.audioMs
    this.scores.push({ at: this.audioMs, probability })
    if (this.scores.length % 256 === 0) this.#forget()
    const voiced = this.voiced ? probability >= this.#thresholds.end : probability > this.#thresholds.start
    if (voiced === this.voiced) return false
    this.voiced = voiced
    if (voiced) this.open("speech", audioMs)
    else this.close("speech", audioMs)
    return true
  }

  /** @param {Band} band @param {number} at */
  open(band, at) {
    this.close(band, at)
    const last = this.bands[band].at(-1)
    if (last?.to !== undefined && at - last.to < BREATH_MS) last.to = undefined
    else this.bands[band].push({ from: at, to: undefined })
  }

  /** @param {Band} band @param {number} at */
  close(band, at) {
    const last = this.bands[band].at(-1)
    if (last !== undefined && last.to === undefined) last.to = at
  }

  /** @param {Moment["kind"]} kind @param {string} text @param {number} at */
  note(kind, text, at) {
    this.moments.push({ at, text, kind })
  }

  /** The call is over: nothing goes on. */
  finish() {
    for (const band of bandNames) this.close(band, this.audioMs)
  }

  #forget() {
    const from = this.audioMs - KEPT_MS
    this.scores = this.scores.filter(({ at }) => at > from)
    this.moments = this.moments.filter(({ at }) => at > from)
    for (const band of bandNames) {
      this.bands[band] = this.bands[band].filter(({ to }) => to === undefined || to > from)
    }
  }
}
