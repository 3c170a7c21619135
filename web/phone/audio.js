/** The sound of the phone: microphone and sample caller into frames, the agent's audio out of the speaker. Owns the audio context, not the call. */
import { decode } from "./mulaw.js"
import { Resampler } from "./resample.js"

/** Rate of the sample caller's files. */
const PHONE_RATE = 8000

/** How much later than it was played the agent's voice comes back as echo, in seconds. */
const ECHO_DELAY = 0.12

/** How loud the sample caller is in the room. */
const MONITOR = 0.35

/** Why there is no microphone, in a sentence. */
export class MicrophoneError extends Error {}

/** @param {unknown} error */
const describeMicrophone = (error) => {
  const name = error instanceof DOMException ? error.name : ""
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "The microphone is blocked for this page: allow it in the browser, or type, press keys or play the sample caller."
    case "NotFoundError":
    case "OverconstrainedError":
      return "No microphone was found: type, press keys or play the sample caller."
    case "NotReadableError":
    case "AbortError":
      return "The microphone is in use by another program: close that, or type, press keys or play the sample caller."
    default:
      return "The microphone cannot be used here: type, press keys or play the sample caller."
  }
}

/** @param {AudioParam} param @param {number} value */
const glide = (param, value) => param.setTargetAtTime(value, 0, 0.015)

/** @param {string} name @param {AudioContext} context */
const loadSample = async (name, context) => {
  const response = await fetch(new URL(`samples/${name}.ulaw`, import.meta.url))
  if (!response.ok) throw new Error(`the sample ${name} could not be loaded`)
  const bytes = new Uint8Array(await response.arrayBuffer())
  const resampler = new Resampler(PHONE_RATE, context.sampleRate)
  const samples = new Float32Array(Math.ceil((bytes.length * context.sampleRate) / PHONE_RATE))
  let at = 0
  for (const byte of bytes) {
    resampler.push(decode(byte))
    while (resampler.ready && at < samples.length) samples[at++] = resampler.take()
  }
  const buffer = context.createBuffer(1, samples.length, context.sampleRate)
  buffer.copyToChannel(samples, 0)
  return buffer
}

/**
 * @typedef {object} AudioNews
 * @property {(frame: Uint8Array, level: number) => void} onFrame The next 20 ms of the caller's side.
 * @property {(mark: string) => void} onMark A mark was played.
 * @property {(playing: boolean, level: number) => void} onAgent What the agent sounds like now.
 */

/**
 * Opens the sound. Has to be asked for by a click, or the browser keeps it silent.
 *
 * @param {AudioNews} news
 */
export const openAudio = async ({ onFrame, onMark, onAgent }) => {
  const context = new AudioContext({ latencyHint: "interactive" })
  await Promise.all([
    context.audioWorklet.addModule(new URL("capture-worklet.js", import.meta.url)),
    context.audioWorklet.addModule(new URL("playback-worklet.js", import.meta.url)),
    context.resume()
  ])

  const capture = new AudioWorkletNode(context, "capture", { numberOfInputs: 1, numberOfOutputs: 1 })
  const playback = new AudioWorkletNode(context, "playback", { numberOfInputs: 0, outputChannelCount: [1] })
  const microphone = context.createGain()
  const echo = context.createGain()
  const echoDelay = context.createDelay(1)
  const monitor = context.createGain()

  echo.gain.value = 0
  echoDelay.delayTime.value = ECHO_DELAY
  monitor.gain.value = MONITOR
  microphone.connect(capture)
  playback.connect(echo).connect(echoDelay).connect(capture)
  monitor.connect(context.destination)
  playback.connect(context.destination)
  // Silent; without it the browser would not run the node at all.
  capture.connect(context.destination)

  capture.port.addEventListener("message", ({ data }) => onFrame(data.frame, data.level))
  playback.port.addEventListener("message", ({ data }) => {
    if ("mark" in data) onMark(data.mark)
    else onAgent(data.playing, data.level)
  })
  playback.port.start()

  /** @param {object} message @param {Array<Transferable>} [transfer] */
  const tell = (message, transfer = []) => playback.port.postMessage(message, transfer)

  /** @type {MediaStream | undefined} */
  let input
  /** Breaks off the sample that is being said. */
  let hush = () => {}

  return {
    /** Lets frames come. */
    start: () => capture.port.start(),

    /** Asks for the microphone; fails with a {@link MicrophoneError}. */
    openMicrophone: async () => {
      if (navigator.mediaDevices === undefined) {
        throw new MicrophoneError(
          "Browsers give the microphone to https pages and localhost only: type, press keys or play the sample caller."
        )
      }
      try {
        input = await navigator.mediaDevices.getUserMedia({
          audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 }
        })
      } catch (error) {
        throw new MicrophoneError(describeMicrophone(error), { cause: error })
      }
      context.createMediaStreamSource(input).connect(microphone)
    },

    /** @param {boolean} muted */
    mute: (muted) => glide(microphone.gain, muted ? 0 : 1),

    /** @param {number} gain 0 to 1. */
    setEcho: (gain) => glide(echo.gain, gain),

    /** @param {number} loss Share of the agent's frames that get lost. */
    setLoss: (loss) => tell({ loss }),

    /** @param {Uint8Array} media */
    play: (media) => tell({ media }, [media.buffer]),

    /** @param {string} mark */
    mark: (mark) => tell({ mark }),

    clear: () => tell({ clear: true }),

    /**
     * Says a sample as the caller, to its end.
     *
     * @param {string} name
     */
    say: async (name) => {
      const buffer = await loadSample(name, context)
      const source = new AudioBufferSourceNode(context, { buffer })
      source.connect(capture)
      source.connect(monitor)
      await new Promise((resolve) => {
        hush = () => {
          source.stop()
          // A context that is closed tells of no end any more.
          resolve(undefined)
        }
        source.addEventListener("ended", resolve, { once: true })
        source.start()
      })
      hush = () => {}
    },

    hush: () => hush(),

    /** Gives back everything; may be done more than once. */
    close: async () => {
      hush()
      for (const track of input?.getTracks() ?? []) track.stop()
      if (context.state !== "closed") await context.close()
    }
  }
}
