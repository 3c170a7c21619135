/** A reply's sentences and how much audio came of each and went out in, what the caller heard of it out. Owns no audio and no time. */
import { BYTES_PER_MS } from "../schema/Audio.ts"
import { type BrokeOff, heardText, learnPace, mayBeWhole, type Pace, type SpokenSentence } from "./Heard.ts"

/** Number of what is said ahead of a reply and is no part of it. */
export const FILLER = -1

/** A piece of a reply as it goes down the line. `sentence` counts from 0, or from {@link FILLER}, and never decreases. */
export interface ReplyAudio {
  readonly sentence: number
  readonly mulaw: Uint8Array
  /** After this no more of the sentence comes, though not all of it did. */
  readonly brokeOff?: BrokeOff | undefined
}

/** What became of a reply. */
export interface HeardReply {
  /** What the caller heard. */
  readonly text: string
  /** That without a filler, which is no part of the reply. */
  readonly answer: string
  /** All that went to synthesis. */
  readonly generated: string
  /** How much of its audio was played, in milliseconds. */
  readonly playedMs: number
}

/** Nothing of a reply. */
export const emptyHeard: HeardReply = { text: "", answer: "", generated: "", playedMs: 0 }

/** The voice of a call: how fast it speaks is learned from all of its replies. */
export interface Voice {
  pace: Pace
}

/** What is known of one reply. Mutable. */
export interface ReplyRecord {
  /** Tells what sentence number `index`, or the filler, says. */
  readonly sentence: (index: number, text: string) => void
  /** A piece of it came. */
  readonly receive: (piece: ReplyAudio) => void
  /** All of it came. */
  readonly end: () => void
  /** So many bytes go to the line, of the filler or of the reply itself; true if they are the first of their kind. */
  readonly send: (bytes: number, filler: boolean) => boolean
  readonly sentBytes: () => number
  /** Whether any of it was sent; a filler is no part of it. */
  readonly isAudible: () => boolean
  readonly isAllReceived: () => boolean
  /** Audio that was received and not sent, in milliseconds. */
  readonly backlogMs: () => number
  /** Whether what came of a sentence is as long as all of it should be, as the voice speaks. */
  readonly mayBeWhole: (index: number) => boolean
  /** What was heard of it when so many bytes were played. */
  readonly heard: (playedBytes: number) => HeardReply
}

const spoken = (...texts: ReadonlyArray<string>): string => texts.filter((text) => text !== "").join(" ")

/** A reply of which nothing has come yet. */
export const makeReplyRecord = (voice: Voice): ReplyRecord => {
  const filler = { text: "", bytes: 0, sentBytes: 0 }
  const texts: Array<string> = []
  /** Bytes received of each sentence, and which of them broke off. */
  const received: Array<number> = []
  const brokeOff: Array<BrokeOff | undefined> = []
  let receivedBytes = 0
  let sentBytes = 0
  let allReceived = false

  /** The sentence that came last is over: how long it took tells how fast the voice speaks. */
  const learn = (): void => {
    const last = received.length - 1
    const bytes = received[last] ?? 0
    if (bytes > 0 && brokeOff[last] === undefined) voice.pace = learnPace(voice.pace, texts[last] ?? "", bytes)
  }

  const receive = (piece: ReplyAudio): void => {
    const bytes = piece.mulaw.length
    receivedBytes += bytes
    if (piece.sentence === FILLER) {
      filler.bytes += bytes
      return
    }
    if (received.length > 0 && received.length <= piece.sentence) learn()
    while (received.length <= piece.sentence) received.push(0)
    received[piece.sentence] = (received[piece.sentence] ?? 0) + bytes
    // One that goes on after all has not broken off.
    if (bytes > 0) brokeOff[piece.sentence] = undefined
    if (piece.brokeOff !== undefined) brokeOff[piece.sentence] ??= piece.brokeOff
  }

  const heard = (playedBytes: number): HeardReply => {
    const last = texts.length - 1
    const sentences = texts.map((text, index): SpokenSentence => ({
      text,
      bytes: received[index] ?? 0,
      complete: allReceived || (index < last && received[index + 1] !== undefined),
      brokeOff: brokeOff[index]
    }))
    const { bytes, text } = filler
    const answer = heardText(sentences, playedBytes - bytes, voice.pace)
    return {
      text: spoken(heardText([{ text, bytes, complete: true }], playedBytes), answer),
      answer,
      generated: spoken(bytes === 0 ? "" : text, ...texts),
      playedMs: Math.round(playedBytes / BYTES_PER_MS)
    }
  }

  return {
    sentence: (index, text) => {
      if (index === FILLER) filler.text = text
      else texts[index] = text
    },
    receive,
    end: () => {
      allReceived = true
      learn()
    },
    send: (bytes, isFiller) => {
      const first = sentBytes === (isFiller ? 0 : filler.sentBytes)
      sentBytes += bytes
      if (isFiller) filler.sentBytes += bytes
      return first
    },
    sentBytes: () => sentBytes,
    isAudible: () => sentBytes > filler.sentBytes,
    isAllReceived: () => allReceived,
    backlogMs: () => (receivedBytes - sentBytes) / BYTES_PER_MS,
    mayBeWhole: (index) => mayBeWhole(voice.pace, texts[index] ?? "", received[index] ?? 0),
    heard
  }
}
