/** Pieces of a reply of any length in, messages of whole telephone frames out, put together from what has come. Owns no pacing. */
import { FRAME_BYTES, MULAW_SILENCE } from "../schema/Audio.ts"
import { FILLER, type ReplyAudio } from "./ReplyRecord.ts"

/** What goes to the line at a time. */
export interface OutboundMessage {
  /** Whole frames; a view of a piece where it can be one. */
  readonly mulaw: Uint8Array
  /** The sentence at its end, of which it holds at least the frame in which that begins. */
  readonly sentence: number
}

/** Audio that came and was not sent. Mutable. */
export interface UnsentAudio {
  readonly add: (piece: ReplyAudio) => void
  /** No more comes: what is less than a frame is filled up with silence. */
  readonly end: () => void
  /** Whether there is a whole frame. */
  readonly isReady: () => boolean
  /**
   * Takes as much as has come, but no more than fits into a message; undefined if there is no whole frame.
   *
   * A filler and the reply never share a message, but for the end of the filler that makes no frame of its own.
   */
  readonly take: () => OutboundMessage | undefined
}

/** Nothing yet; messages have at most `messageBytes` bytes, a multiple of `FRAME_BYTES`. */
export const makeUnsentAudio = (messageBytes: number): UnsentAudio => {
  /** Oldest first; of the first one, what comes before `offset` is gone. */
  const pieces: Array<ReplyAudio> = []
  let offset = 0
  let bytes = 0
  let sentence = 0

  const add = (piece: ReplyAudio): void => {
    sentence = piece.sentence
    if (piece.mulaw.length === 0) return
    pieces.push(piece)
    bytes += piece.mulaw.length
  }

  /** Bytes of the next message, and the sentence at its end. */
  const measure = (): { readonly length: number; readonly last: number } => {
    let length = 0
    let last = FILLER
    let reach = -offset
    for (const piece of pieces) {
      if (length > 0 && last === FILLER && piece.sentence !== FILLER) break
      reach += piece.mulaw.length
      const whole = Math.min(reach - (reach % FRAME_BYTES), messageBytes)
      // What makes no frame goes with the next piece, and counts as that.
      if (whole > length) last = piece.sentence
      length = whole
      if (length === messageBytes) break
    }
    return { length, last }
  }

  const cut = (length: number): Uint8Array => {
    const [first] = pieces
    if (first !== undefined && first.mulaw.length - offset >= length) {
      const view = first.mulaw.subarray(offset, offset + length)
      offset += length
      if (offset === first.mulaw.length) {
        pieces.shift()
        offset = 0
      }
      return view
    }
    const joined = new Uint8Array(length)
    let used = 0
    let at = 0
    for (const { mulaw } of pieces) {
      const end = Math.min(mulaw.length, offset + length - at)
      joined.set(end - offset === mulaw.length ? mulaw : mulaw.subarray(offset, end), at)
      at += end - offset
      offset = end
      if (end < mulaw.length) break
      used++
      offset = 0
      if (at === length) break
    }
    pieces.splice(0, used)
    return joined
  }

  return {
    add,
    end: () => {
      const rest = bytes % FRAME_BYTES
      if (rest > 0) add({ sentence, mulaw: new Uint8Array(FRAME_BYTES - rest).fill(MULAW_SILENCE) })
    },
    isReady: () => bytes >= FRAME_BYTES,
    take: () => {
      const { last, length } = measure()
      if (length === 0) return undefined
      bytes -= length
      return { mulaw: cut(length), sentence: last }
    }
  }
}
