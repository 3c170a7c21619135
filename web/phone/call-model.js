/** A call's events in, everything the page tells of it out: what the agent does, transcript, latencies, timeline. No DOM, no clock of its own. */
import { splitHeard } from "./heard.js"
import { Timeline } from "./timeline.js"

/**
 * @typedef {"listening" | "hearing" | "thinking" | "speaking" | "held"} AgentState
 *
 * @typedef {object} CallerEntry
 * @property {"caller"} who
 * @property {string} id
 * @property {number} at
 * @property {string} text
 * @property {"open" | "ended" | "dropped"} status
 * @property {string} detail
 *
 * @typedef {object} AgentEntry
 * @property {"agent"} who
 * @property {string} id
 * @property {number} at
 * @property {string} heard What the caller heard, or hears just now.
 * @property {string} unheard The rest of what was made: not heard, or not yet.
 * @property {"speaking" | "held" | "heard" | "cut"} status
 * @property {string} detail
 *
 * @typedef {{ who: "note", id: string, at: number, text: string }} NoteEntry
 * @typedef {CallerEntry | AgentEntry | NoteEntry} Entry
 *
 * @typedef {{ name: string, fromMs: number, toMs: number }} Stage
 * @typedef {{ turn: number, voiceToVoiceMs: number, stages: ReadonlyArray<Stage> }} Latency
 */

const stopReasons = /** @type {Readonly<Record<string, string>>} */ ({
  "barge-in": "interrupted",
  "key pressed": "stopped by a key",
  "caller went on": "the caller went on",
  "time up": "time is up"
})

const dropReasons = /** @type {Readonly<Record<string, string>>} */ ({
  "no words": "no words in it",
  backchannel: "the agent went on"
})

/** Everything known of a reply that may be heard. */
class Reply {
  /** @type {Array<string>} */
  sentences = []
  /** Sentences of which all was played. */
  played = 0
  audible = false
  held = false
  released = false
  ended = false
  detail = ""
}

/** One call as it is seen by whoever watches it. */
export class CallModel {
  /** @type {AgentState} */
  agent = "listening"
  /** @type {Array<Entry>} */
  entries = []
  /** @type {Array<Latency>} */
  latencies = []
  /** How many times the agent began to say something. */
  answers = 0
  /** Counts changes of the entries and latencies. */
  version = 0
  timeline

  /** @type {Map<number, Reply>} */
  #replies = new Map()
  /** The reply that was released last, while it goes on. @type {number | undefined} */
  #current
  /** @type {Map<number, { turn: number, text: string, final: boolean }>} */
  #segments = new Map()
  #notes = 0

  /** @param {{ start: number, end: number }} thresholds */
  constructor(thresholds) {
    this.timeline = new Timeline(thresholds)
  }

  /**
   * Takes in what the server tells; what it does not know, it passes over.
   *
   * @param {any} event
   * @param {number} nowMs
   */
  take(event, nowMs) {
    const at = this.timeline.fromCall(event.atMs)
    switch (event._tag) {
      case "Voice":
        if (this.timeline.score(event, nowMs)) this.#settle()
        return
      case "Decided":
        return this.#decided(event.output, at)
      case "Interim":
        return this.#words(event.segment, event.text, false)
      case "Transcript":
        return this.#words(event.segment, event.text ?? "", true)
      case "Key":
        return this.timeline.note("key", event.digit, at)
      case "Sentence":
        this.#reply(event.epoch).sentences[event.index] = event.text
        return this.#show(event.epoch, at)
      case "Audible":
        this.#reply(event.epoch).audible = true
        this.answers++
        this.#current = event.epoch
        this.#show(event.epoch, at)
        return this.#settle()
      case "Heard":
        this.#show(event.epoch, at)
        return this.#heard(event)
      case "Latency":
        this.latencies.push({ turn: event.turn, voiceToVoiceMs: event.voiceToVoiceMs, stages: event.stages })
        this.version++
        return
      case "Failed":
        return this.#note(`${event.stage}: ${event.message}`, at)
      case "Refused":
        return this.#note(event.message, this.timeline.audioMs)
    }
  }

  /**
   * The agent is heard from the speaker, or no more.
   *
   * @param {boolean} playing
   * @param {number} nowMs
   */
  playing(playing, nowMs) {
    const at = this.timeline.timeAt(nowMs)
    if (playing) this.timeline.open("agent", at)
    else this.timeline.close("agent", at)
  }

  /**
   * A mark was played: `<epoch>:<sentence>` ends a sentence, `<epoch>:end` a reply; any other says nothing here.
   *
   * @param {string} name
   */
  marked(name) {
    const [, epoch, sentence] = /^(\d+):(\d+|end)$/.exec(name) ?? []
    const reply = this.#replies.get(Number(epoch))
    if (reply === undefined || reply.ended) return
    reply.played = sentence === "end" ? reply.sentences.length : Math.max(reply.played, Number(sentence) + 1)
    this.#show(Number(epoch), this.timeline.audioMs)
  }

  /** The call is over: what was not heard by now never will be. */
  finish() {
    for (const entry of this.entries) {
      if (entry.who === "agent" && (entry.status === "speaking" || entry.status === "held")) {
        entry.status = entry.unheard === "" ? "heard" : "cut"
        entry.detail = entry.unheard === "" ? "" : "the call ended"
      } else if (entry.who === "caller" && entry.status === "open") {
        entry.status = "ended"
        entry.detail = "the call ended"
      }
    }
    this.timeline.finish()
    this.#current = undefined
    this.version++
  }

  /** @param {any} output @param {number} at */
  #decided(output, at) {
    switch (output._tag) {
      case "TurnStarted":
        this.timeline.open("turn", output.atMs)
        return this.#add({
          who: "caller",
          id: `turn-${output.turn}`,
          at: output.atMs,
          text: "",
          status: "open",
          detail: ""
        })
      case "SegmentOpened":
        this.#segments.set(output.segment, { turn: output.turn, text: "", final: false })
        return
      case "TurnEnded":
        this.timeline.close("turn", at)
        this.timeline.note("turn", `turn ${output.turn}`, at)
        return this.#turnEnded(output.turn, output.text)
      case "TurnDropped":
        this.timeline.close("turn", at)
        return this.#turnDropped(output.turn, dropReasons[output.reason] ?? output.reason)
      case "ReplyReleased": {
        const reply = this.#reply(output.epoch)
        reply.held = false
        reply.released = true
        this.timeline.close("held", at)
        this.#current = output.epoch
        this.#show(output.epoch, at)
        return this.#settle()
      }
      case "ReplyHeld": {
        const reply = this.#reply(output.epoch)
        reply.held = true
        if (reply.audible) this.timeline.open("held", at)
        this.#show(output.epoch, at)
        return this.#settle()
      }
      case "ReplyStopped": {
        const reply = this.#reply(output.epoch)
        reply.detail = stopReasons[output.reason] ?? output.reason
        this.timeline.close("held", at)
        if (reply.audible) this.timeline.note("barge-in", reply.detail, at)
        return this.#over(output.epoch)
      }
    }
  }

  /** @param {Entry} entry */
  #add(entry) {
    this.entries.push(entry)
    this.version++
  }

  /** Tells something that is no part of the conversation. @param {string} text @param {number} at */
  #note(text, at) {
    this.#add({ who: "note", id: `note-${this.#notes++}`, at, text })
  }

  // ----------------------------------------------------------------------------- the caller

  /** @param {number} turn @returns {CallerEntry | undefined} */
  #turn(turn) {
    const entry = this.entries.findLast(({ id }) => id === `turn-${turn}`)
    return entry?.who === "caller" ? entry : undefined
  }

  /** @param {number} segment @param {string} text @param {boolean} final */
  #words(segment, text, final) {
    const known = this.#segments.get(segment)
    if (known === undefined || (known.final && !final)) return
    known.text = text.trim()
    known.final = final
    const entry = this.#turn(known.turn)
    if (entry === undefined || entry.status !== "open") return
    entry.text = [...this.#segments.values()]
      .filter((other) => other.turn === known.turn && other.text !== "")
      .map((other) => other.text)
      .join(" ")
    this.version++
  }

  /** @param {number} turn @param {string} text */
  #turnEnded(turn, text) {
    const entry = this.#turn(turn)
    if (entry === undefined) return
    entry.text = text
    entry.status = "ended"
    entry.detail = text === "" ? "could not be understood" : ""
    this.version++
  }

  /** @param {number} turn @param {string} reason */
  #turnDropped(turn, reason) {
    const entry = this.#turn(turn)
    if (entry === undefined) return
    entry.status = "dropped"
    entry.detail = reason
    if (entry.text === "") this.entries = this.entries.filter((other) => other !== entry)
    this.version++
  }

  // ----------------------------------------------------------------------------- the agent

  /** @param {number} epoch */
  #reply(epoch) {
    const known = this.#replies.get(epoch)
    if (known !== undefined) return known
    const reply = new Reply()
    this.#replies.set(epoch, reply)
    return reply
  }

  /** Writes down what a reply says, once it is audible. @param {number} epoch @param {number} at */
  #show(epoch, at) {
    const reply = this.#reply(epoch)
    if (!reply.audible || reply.ended) return
    const known = this.entries.findLast(({ id }) => id === `reply-${epoch}`)
    const until = Math.min(reply.played + 1, reply.sentences.length)
    /** @type {AgentEntry} */
    const entry = {
      who: "agent",
      id: `reply-${epoch}`,
      at: known?.at ?? at,
      heard: reply.sentences.slice(0, until).join(" "),
      unheard: reply.sentences.slice(until).join(" "),
      status: reply.held ? "held" : "speaking",
      detail: reply.held ? "held" : ""
    }
    if (known === undefined) return this.#add(entry)
    this.entries[this.entries.indexOf(known)] = entry
    this.version++
  }

  /** @param {{ epoch: number, text: string, generated: string, playedMs: number }} event */
  #heard({ epoch, text, generated, playedMs }) {
    const reply = this.#reply(epoch)
    reply.ended = true
    const entry = this.entries.findLast(({ id }) => id === `reply-${epoch}`)
    if (entry?.who === "agent") {
      const { heard, unheard } = splitHeard(generated, text)
      entry.heard = heard
      entry.unheard = unheard
      entry.status = unheard === "" && reply.detail === "" ? "heard" : "cut"
      const seconds = (playedMs / 1000).toFixed(1)
      entry.detail = entry.status === "heard" ? "" : `${reply.detail || "cut short"} after ${seconds} s`
      this.version++
    }
    this.#over(epoch)
  }

  /** @param {number} epoch */
  #over(epoch) {
    if (this.#current === epoch) this.#current = undefined
    this.#settle()
  }

  /** Works out what the agent is doing. */
  #settle() {
    const reply = this.#current === undefined ? undefined : this.#replies.get(this.#current)
    if (reply?.audible) this.agent = reply.held ? "held" : "speaking"
    else if (this.timeline.voiced) this.agent = "hearing"
    else if (reply?.released && !reply.held) this.agent = "thinking"
    else this.agent = "listening"
  }
}
