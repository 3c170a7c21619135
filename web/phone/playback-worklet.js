/** Audio worklet: the agent's mu-law and marks in, sound out in real time; returns marks when they are played. */
import { Playout } from "./playout.js"
import { Resampler } from "./resample.js"

const PHONE_RATE = 8000

/** Blocks of 128 samples between two reports of the level: about 40 ms. */
const REPORT_BLOCKS = 15

class Playback extends AudioWorkletProcessor {
  #loss = 0
  #playout = new Playout((mark) => this.#tell({ mark }))
  #resampler = new Resampler(PHONE_RATE, sampleRate)
  #blocks = 0
  #power = 0
  #wasPlaying = false

  constructor() {
    super()
    this.port.addEventListener("message", ({ data }) => this.#take(data))
    this.port.start()
  }

  /** @param {{ mark: string } | { playing: boolean, level: number }} message */
  #tell(message) {
    this.port.postMessage(message, [])
  }

  /** @param {{ media: Uint8Array } | { mark: string } | { clear: true } | { loss: number }} message */
  #take(message) {
    if ("media" in message) this.#playout.add(message.media, () => Math.random() < this.#loss)
    else if ("mark" in message) this.#playout.mark(message.mark)
    else if ("clear" in message) this.#playout.clear()
    else this.#loss = message.loss
  }

  /**
   * @param {unknown} _inputs
   * @param {ReadonlyArray<ReadonlyArray<Float32Array>>} outputs
   */
  process(_inputs, [channels]) {
    const [first, ...others] = channels
    for (let i = 0; i < first.length; i++) {
      while (!this.#resampler.ready) this.#resampler.push(this.#playout.next() ?? 0)
      first[i] = this.#resampler.take()
      this.#power += first[i] * first[i]
    }
    for (const channel of others) channel.set(first)
    this.#report(first.length)
    return true
  }

  /** @param {number} length */
  #report(length) {
    const { playing } = this.#playout
    const changed = playing !== this.#wasPlaying
    if (++this.#blocks < REPORT_BLOCKS && !changed) return
    if (playing || changed) {
      this.#tell({ playing, level: Math.sqrt(this.#power / (this.#blocks * length)) })
    }
    this.#wasPlaying = playing
    this.#blocks = 0
    this.#power = 0
  }
}

registerProcessor("playback", Playback)
