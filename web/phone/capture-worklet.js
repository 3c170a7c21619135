/** Audio worklet: everything the caller's side sounds like in, mu-law frames of 20 ms out, on the audio clock. */
import { encode } from "./mulaw.js"
import { Resampler } from "./resample.js"

const PHONE_RATE = 8000
const FRAME = 160

class Capture extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, PHONE_RATE)
  #frame = new Uint8Array(FRAME)
  #filled = 0
  #power = 0

  /** @param {number} sample */
  #add(sample) {
    this.#frame[this.#filled++] = encode(sample)
    this.#power += sample * sample
    if (this.#filled < FRAME) return
    const frame = this.#frame
    this.port.postMessage({ frame, level: Math.sqrt(this.#power / FRAME) }, [frame.buffer])
    this.#frame = new Uint8Array(FRAME)
    this.#filled = 0
    this.#power = 0
  }

  /**
   * @param {ReadonlyArray<ReadonlyArray<Float32Array>>} inputs One input, of any number of channels; none: silence.
   * @param {ReadonlyArray<ReadonlyArray<Float32Array>>} outputs
   */
  process([channels], outputs) {
    const length = channels[0]?.length ?? outputs[0][0].length
    for (let i = 0; i < length; i++) {
      let sum = 0
      for (const channel of channels) sum += channel[i]
      this.#resampler.push(channels.length > 1 ? sum / channels.length : sum)
      while (this.#resampler.ready) this.#add(this.#resampler.take())
    }
    return true
  }
}

registerProcessor("capture", Capture)
