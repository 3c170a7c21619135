/** The caller's end of a carrier media stream over a WebSocket, as Twilio Media Streams define it. Owns frames and counters, no audio. */
import { makeLine } from "./line.js"

/** @param {number} digits */
const hex = (digits) =>
  Array.from(crypto.getRandomValues(new Uint8Array(digits / 2)), (byte) => byte.toString(16).padStart(2, "0")).join("")

/** Ids in the carrier's form, of this call alone. */
export const newCallIds = () => ({ callSid: `CA${hex(32)}`, streamSid: `MZ${hex(32)}` })

/** @param {Uint8Array} bytes */
const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes))

/** @param {string} text */
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0))

/** Milliseconds in a frame. */
const FRAME_MS = 20

/**
 * @typedef {object} MediaStreamOptions
 * @property {{ callSid: string, streamSid: string }} ids
 * @property {Readonly<Record<string, string>>} parameters What the call document would pass along.
 * @property {{ delayMs: number, loss: number }} conditions How bad the network is, each way; may change at any time.
 * @property {(bytes: Uint8Array) => void} onMedia
 * @property {(name: string) => void} onMark
 * @property {() => void} onClear
 * @property {(opened: boolean, code: number) => void} onClose
 *
 * @typedef {object} MediaStream
 * @property {Promise<boolean>} opened Whether there is a connection, once that is known.
 * @property {(frame: Uint8Array) => void} frame Sends the next 20 ms of the caller, unless they are lost.
 * @property {(name: string) => void} mark Returns a mark.
 * @property {(digit: string) => void} key
 * @property {() => void} stop Hangs up.
 * @property {Readonly<{ sent: number, lost: number, received: number, marks: number, clears: number }>} counts
 */

/**
 * Opens a stream.
 *
 * @param {WebSocket} socket
 * @param {MediaStreamOptions} options
 * @returns {MediaStream}
 */
export const openMediaStream = (socket, { ids, parameters, conditions, onMedia, onMark, onClear, onClose }) => {
  const { callSid, streamSid } = ids
  const out = makeLine(() => conditions.delayMs)
  const back = makeLine(() => conditions.delayMs)
  const counts = { sent: 0, lost: 0, received: 0, marks: 0, clears: 0 }
  let sequence = 1
  let chunk = 1
  let isOpen = false

  /** @param {Record<string, unknown>} message */
  const send = (message) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  }

  /**
   * Frames are numbered where they leave: one that gets lost on the way is missing in the order.
   *
   * @param {Record<string, unknown>} message
   */
  const sendNumbered = (message) => {
    const numbered = { ...message, sequenceNumber: String(sequence++), streamSid }
    out.push(() => send(numbered))
  }

  const start = () => {
    isOpen = true
    send({ event: "connected", protocol: "Call", version: "1.0.0" })
    sendNumbered({
      event: "start",
      start: {
        accountSid: `AC${"0".repeat(32)}`,
        streamSid,
        callSid,
        tracks: ["inbound"],
        mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
        customParameters: parameters
      }
    })
  }

  /** @param {string} text */
  const take = (text) => {
    const message = JSON.parse(text)
    if (message.streamSid !== streamSid) return
    if (message.event === "media") {
      counts.received++
      onMedia(fromBase64(message.media.payload))
    } else if (message.event === "mark") {
      onMark(message.mark.name)
    } else if (message.event === "clear") {
      counts.clears++
      onClear()
    }
  }

  socket.addEventListener("message", ({ data }) => back.push(() => take(data)))
  socket.addEventListener("close", ({ code }) => {
    out.drop()
    back.drop()
    onClose(isOpen, code)
  })

  return {
    opened: new Promise((resolve) => {
      socket.addEventListener("open", () => {
        start()
        resolve(true)
      })
      socket.addEventListener("close", () => resolve(false))
    }),
    frame: (frame) => {
      const number = chunk++
      if (Math.random() < conditions.loss) {
        counts.lost++
        sequence++
        return
      }
      counts.sent++
      sendNumbered({
        event: "media",
        media: {
          track: "inbound",
          chunk: String(number),
          timestamp: String((number - 1) * FRAME_MS),
          payload: toBase64(frame)
        }
      })
    },
    mark: (name) => {
      counts.marks++
      sendNumbered({ event: "mark", mark: { name } })
    },
    key: (digit) => sendNumbered({ event: "dtmf", dtmf: { track: "inbound_track", digit } }),
    stop: () => {
      out.drop()
      send({ event: "stop", sequenceNumber: String(sequence++), stop: { accountSid: "", callSid }, streamSid })
      socket.close(1000, "hung up")
    },
    counts
  }
}
