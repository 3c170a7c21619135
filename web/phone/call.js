/** One call from the click to its end: sound, media stream and the server's account of it, joined. Owns their life, nothing on the page. */
import { MicrophoneError, openAudio } from "./audio.js"
import { CallModel } from "./call-model.js"
import { DialHistory } from "./dial.js"
import { openEvents } from "./events.js"
import { newCallIds, openMediaStream } from "./media-stream.js"

const endReasons = /** @type {Readonly<Record<string, string>>} */ ({
  "caller hung up": "You hung up",
  "agent hung up": "The agent hung up",
  "connection lost": "The connection was lost",
  "server stopped": "The server stopped"
})

/**
 * What a stream that the server closed by itself means to the caller, by its close code: a few words, and what to do if
 * there is something.
 *
 * @type {Readonly<Record<number, readonly [text: string, warning?: string]>>}
 */
const closings = {
  1001: ["The server stopped"],
  1006: ["The connection was lost", "The connection to the server was lost: call again when it is back."],
  1008: ["Not let in", "The server did not let the call in: load the page again, with its token if it has one."],
  1011: ["The call broke off", "Something went wrong on the server: its log says what."],
  1013: ["All lines are busy", "The server has as many calls as it takes now: try again in a moment."]
}

/** How loud the agent is on the dial: speech has a small mean. */
const AGENT_GAIN = 5

/** How long the server may take for its last words about a call that is over. */
const LAST_WORDS_MS = 2000

/**
 * How bad the line is: each way so many milliseconds late and such a share of frames lost, and such a share of the
 * agent's voice coming back.
 *
 * @typedef {{ delayMs: number, loss: number, echo: number }} Conditions
 *
 * @typedef {object} CallOptions
 * @property {(path: string, query?: Record<string, string>) => URL} socketAddress
 * @property {Readonly<Record<string, string>>} parameters
 * @property {{ start: number, end: number }} thresholds
 * @property {Conditions} conditions May change at any time; see {@link Call.adjust}.
 * @property {boolean} withMicrophone
 * @property {(text: string) => void} onWarning Something is not as it should be, in a sentence.
 * @property {() => void} onChange The phase, or what the agent does, changed.
 */

/** A call. Connects at once; `phase` tells how far it is. */
export class Call {
  /** @type {"connecting" | "live" | "ended"} */
  phase = "connecting"
  /** Why it ended, in a few words. */
  endText = ""
  /** Whether the agent is heard from the speaker. */
  agentSounds = false
  model
  history = new DialHistory()

  #options
  /** @type {Awaited<ReturnType<typeof openAudio>> | undefined} */
  #audio
  /** @type {ReturnType<typeof openMediaStream> | undefined} */
  #stream
  /** @type {ReturnType<typeof openEvents> | undefined} */
  #events
  #liveSinceMs = 0
  #lengthMs = 0
  #muted = false
  #sampled = false

  /** @param {CallOptions} options */
  constructor(options) {
    this.#options = options
    this.model = new CallModel(options.thresholds)
    /** Whether there is a call now. @type {Promise<boolean>} */
    this.connected = this.#connect().catch((error) => {
      this.#end("Not connected")
      options.onWarning(`The call could not be placed: ${error instanceof Error ? error.message : error}.`)
      return false
    })
  }

  /** How long it lasts, or has lasted, in milliseconds. */
  get lengthMs() {
    return this.phase === "live" ? performance.now() - this.#liveSinceMs : this.#lengthMs
  }

  get counts() {
    return this.#stream?.counts
  }

  /** @param {string} [text] What is said about it, in a few words. */
  hangUp(text = "You hung up") {
    this.#stream?.stop()
    this.#end(text)
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.#muted = muted
    this.#audio?.mute(muted || this.#sampled)
  }

  /** @param {string} digit */
  key(digit) {
    this.#stream?.key(digit)
  }

  /** Words that count as spoken. @param {string} text */
  type(text) {
    if (this.#events?.type(text) !== true) this.#options.onWarning("What was typed could not be sent.")
  }

  /** Lets a sample caller speak instead of whoever is at the microphone. @param {boolean} sampled */
  letSampleSpeak(sampled) {
    this.#sampled = sampled
    this.#audio?.mute(this.#muted || sampled)
    if (!sampled) this.#audio?.hush()
  }

  /** Says a sample to its end, or until the call is over. @param {string} name */
  async say(name) {
    await this.#audio?.say(name)
  }

  /** Makes the line as good or bad as the conditions say now. */
  adjust() {
    const { echo, loss } = this.#options.conditions
    this.#audio?.setLoss(loss)
    this.#audio?.setEcho(echo)
  }

  async #connect() {
    const { conditions, onWarning, parameters, socketAddress, withMicrophone } = this.#options
    const audio = await openAudio({
      onFrame: (frame) => this.#stream?.frame(frame),
      onMark: (name) => {
        this.model.marked(name)
        this.#stream?.mark(name)
      },
      onAgent: (playing, level) => this.#hearAgent(playing, level)
    })
    this.#audio = audio
    this.adjust()
    if (withMicrophone && this.phase === "connecting") {
      await audio.openMicrophone().catch((error) => {
        if (!(error instanceof MicrophoneError)) throw error
        onWarning(error.message)
      })
    }
    if (this.phase === "ended") {
      // Hung up while somebody was asked for the microphone.
      await audio.close()
      return false
    }

    const ids = newCallIds()
    this.#events = openEvents(socketAddress("phone/events", { call: ids.callSid }), {
      onEvent: (event) => this.#take(event),
      onLost: () => {
        if (this.phase === "live") onWarning("The call goes on, but what happens in it can no longer be shown.")
      }
    })
    const stream = openMediaStream(new WebSocket(socketAddress("media-stream")), {
      ids,
      parameters,
      conditions,
      onMedia: audio.play,
      onMark: audio.mark,
      onClear: audio.clear,
      onClose: (opened, code) => this.#closed(opened, code)
    })
    this.#stream = stream
    if (!(await stream.opened) || this.phase !== "connecting") return false
    this.#liveSinceMs = performance.now()
    this.phase = "live"
    audio.start()
    this.#options.onChange()
    return true
  }

  /** The server closed the stream, or it was lost. @param {boolean} opened @param {number} code */
  #closed(opened, code) {
    if (this.phase === "ended") return
    const [text, warning] = opened ? (closings[code] ?? ["The call is over"]) : ["Not connected"]
    if (!opened) this.#options.onWarning("The call could not be connected: the server did not answer, or has no room.")
    if (warning !== undefined) this.#options.onWarning(warning)
    this.#end(text)
  }

  /** @param {boolean} playing @param {number} level */
  #hearAgent(playing, level) {
    if (this.phase !== "live") return
    const nowMs = performance.now()
    if (playing !== this.agentSounds) this.model.playing(playing, nowMs)
    this.agentSounds = playing
    if (playing) this.history.agent(this.model.timeline.timeAt(nowMs), Math.min(1, level * AGENT_GAIN))
  }

  /** @param {any} event */
  #take(event) {
    this.model.take(event, performance.now())
    const { audioMs, voiced } = this.model.timeline
    if (event._tag === "Voice") this.history.caller(audioMs, voiced ? event.probability : 0)
    if (event._tag === "Ended") this.#end(endReasons[event.reason] ?? "The call is over")
    this.#options.onChange()
  }

  /** @param {string} text */
  #end(text) {
    if (this.phase === "ended") return
    this.#lengthMs = this.lengthMs
    this.phase = "ended"
    this.endText = text
    this.agentSounds = false
    this.model.playing(false, performance.now())
    this.model.finish()
    void this.#audio?.close()
    // The server's last words about the call are still to come.
    setTimeout(() => this.#events?.close(), LAST_WORDS_MS)
    this.#options.onChange()
  }
}
