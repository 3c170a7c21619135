/** The carrier's side of playout: mu-law and marks in, samples one by one out, each mark told when all before it was played. */
import { decode, SILENCE } from "./mulaw.js"

/** Samples (8 kHz) in which audio that is cleared dies away: a sudden end would click. */
const FADE = 40

/** Bytes that get lost together: one frame of the telephone line. */
const FRAME = 160

/** @typedef {{ bytes: Uint8Array, at: number } | { mark: string }} Item */

/** A queue that is played in real time by whoever takes its samples. */
export class Playout {
  /** @type {Array<Item>} */
  #items = []
  /** @type {Array<number>} */
  #tail = []
  #onMark

  /** @param {(name: string) => void} onMark Called when a mark is due to go back. */
  constructor(onMark) {
    this.#onMark = onMark
  }

  /** Whether there is audio to be played. */
  get playing() {
    return this.#items.length > 0
  }

  /**
   * Adds audio behind what is there.
   *
   * @param {Uint8Array} bytes
   * @param {() => boolean} [lost] Whether the next frame gets lost on its way: it is played as silence.
   */
  add(bytes, lost = () => false) {
    if (bytes.length === 0) return
    const kept = bytes.slice()
    for (let at = 0; at < kept.length; at += FRAME) {
      if (lost()) kept.fill(SILENCE, at, at + FRAME)
    }
    this.#items.push({ bytes: kept, at: 0 })
  }

  /**
   * Adds a mark, which goes back when everything before it was played: at once if there is nothing.
   *
   * @param {string} name
   */
  mark(name) {
    this.#items.push({ mark: name })
    this.#returnMarks()
  }

  /** Throws away what was not played. Marks in it go back, in order. */
  clear() {
    /** @type {Array<number>} */
    const rest = []
    for (let sample = this.#head(); sample !== undefined && rest.length < FADE; sample = this.#head()) rest.push(sample)
    this.#tail = rest.map((sample, i) => sample * (1 - (i + 1) / rest.length)).toReversed()
    const left = this.#items
    this.#items = []
    for (const item of left) if ("mark" in item) this.#onMark(item.mark)
  }

  /** The next sample at 8 kHz; undefined: there is none. */
  next() {
    return this.#tail.pop() ?? this.#head()
  }

  /** @returns {number | undefined} */
  #head() {
    const item = this.#items[0]
    if (item === undefined || "mark" in item) return undefined
    const sample = decode(item.bytes[item.at++])
    if (item.at >= item.bytes.length) {
      this.#items.shift()
      this.#returnMarks()
    }
    return sample
  }

  #returnMarks() {
    for (;;) {
      const item = this.#items[0]
      if (item === undefined || !("mark" in item)) return
      this.#items.shift()
      this.#onMark(item.mark)
    }
  }
}
