/** Which segment is on the wire and whose answer is due: audio and commits in, messages and answers out; owns no socket and no time. */
import { Deferred, Effect } from "effect"
import { type SpeechToTextError } from "../schema/Errors.ts"
import { type InterimTranscript } from "../services/SpeechToText.ts"
import { makeSegmentAudio, type SegmentAudio } from "./TogetherSttAudio.ts"

/** Where messages go: one connection that is ready for audio. Sending never waits. */
export interface Wire {
  /** Sends one text frame with audio. */
  readonly append: (message: string) => void
  /** Asks for the words of the audio since the last commit. */
  readonly commit: () => void
}

/** A segment that somebody may be waiting for. */
export interface Segment {
  readonly id: number
  readonly audio: SegmentAudio
  readonly answer: Deferred.Deferred<string, SpeechToTextError>
  /** All its audio is there and its words are wanted. */
  ended: boolean
  /** The answer is given, or nobody wants it any more. */
  settled: boolean
}

/** What is said to the service and what it answers, over as many connections as it takes; mutable. */
export interface Dialogue {
  /** Adds audio (8 kHz) and says whether that opened the segment. Audio for a segment that is over is dropped. */
  readonly append: (id: number, samples: Int16Array) => boolean
  /** Ends a segment and asks for its words; undefined when it never got any audio or is over. */
  readonly end: (id: number) => Segment | undefined
  /** Gives up on a segment: its answer, should it come, is dropped. Says whether it was asked for and may still come. */
  readonly giveUp: (segment: Segment) => boolean
  /** Drops a segment, whatever was sent of it. Says whether an answer to it may still come. */
  readonly discard: (id: number) => boolean
  /** Fails every segment that somebody waits for. */
  readonly failAll: (error: SpeechToTextError) => void
  /** Goes on over a new connection: what is not answered is said again. */
  readonly attach: (wire: Wire) => void
  /** The connection is gone. */
  readonly detach: () => void
  /** The service's hypothesis for the item on the wire. */
  readonly interim: (itemId: string | undefined, text: string) => void
  /** The service's answer to the oldest commit. Says whether it was due; one that was not is dropped. */
  readonly answer: (itemId: string | undefined, answer: Effect.Effect<string, SpeechToTextError>) => boolean
  /** The service failed at what it was asked for, but may answer all the same. Says whether anything was asked. */
  readonly fail: (itemId: string | undefined, error: SpeechToTextError) => boolean
  /** Whether the service has no audio and owes no answer. */
  readonly idle: () => boolean
}

/** How many answered items are remembered to recognise what comes twice. */
const REMEMBERED_ITEMS = 32

/**
 * A dialogue without a connection.
 *
 * One segment is on the wire at a time: nothing of the next one is sent before the commit of this one was answered.
 * The service may answer a commit with nothing at all and need not say which item an answer is for, so with two commits
 * under way an answer could be taken for the wrong one. A dropped segment that was partly sent is committed too, since
 * its audio would else be heard at the beginning of the next.
 */
export const makeDialogue = (onInterim: (interim: InterimTranscript) => void): Dialogue => {
  /** Not settled, oldest first; only the last one can be open. */
  const queue: Array<Segment> = []
  let lastOpened = Number.NEGATIVE_INFINITY
  let wire: Wire | undefined
  /** The segment whose commit is not answered on this wire, settled or not. */
  let asked: Segment | undefined
  let answeredItems: Array<string> = []

  const isAnswered = (itemId: string | undefined) => itemId !== undefined && answeredItems.includes(itemId)
  const find = (id: number) => queue.find((segment) => segment.id === id)

  /** Sends what can be sent. */
  const pump = () => {
    const head = queue[0]
    if (wire === undefined || asked !== undefined || head === undefined) return
    head.audio.take(wire.append)
    if (!head.ended) return
    asked = head
    wire.commit()
  }

  const settle = (segment: Segment, answer: Effect.Effect<string, SpeechToTextError>) => {
    if (segment.settled) return
    segment.settled = true
    queue.splice(queue.indexOf(segment), 1)
    Deferred.doneUnsafe(segment.answer, answer)
    pump()
  }

  const giveUp: Dialogue["giveUp"] = (segment) => {
    if (segment.settled) return false
    settle(segment, Effect.succeed(""))
    return asked === segment
  }

  const discard: Dialogue["discard"] = (id) => {
    const segment = find(id)
    if (segment === undefined) return false
    if (wire !== undefined && asked === undefined && segment.audio.taken()) {
      asked = segment
      wire.commit()
    }
    return giveUp(segment)
  }

  const open = (id: number): Segment => {
    const previous = queue.at(-1)
    if (previous !== undefined && !previous.ended) discard(previous.id)
    const segment: Segment = {
      id,
      audio: makeSegmentAudio(),
      answer: Deferred.makeUnsafe(),
      ended: false,
      settled: false
    }
    lastOpened = id
    queue.push(segment)
    return segment
  }

  return {
    append: (id, samples) => {
      if (samples.length === 0) return false
      const isNew = id > lastOpened
      const segment = isNew ? open(id) : find(id)
      if (segment === undefined || segment.ended) return false
      segment.audio.push(samples)
      if (segment === queue[0]) pump()
      return isNew
    },
    end: (id) => {
      const segment = find(id)
      if (segment !== undefined && !segment.ended) {
        segment.ended = true
        segment.audio.end()
        pump()
      }
      return segment
    },
    giveUp,
    discard,
    failAll: (error) => {
      for (const segment of queue.filter((segment) => segment.ended)) settle(segment, Effect.fail(error))
    },
    attach: (next) => {
      wire = next
      asked = undefined
      answeredItems = []
      for (const segment of queue) segment.audio.rewind()
      pump()
    },
    detach: () => {
      wire = undefined
      asked = undefined
    },
    interim: (itemId, text) => {
      if (isAnswered(itemId)) return
      const segment = asked ?? (queue[0]?.audio.taken() === true ? queue[0] : undefined)
      if (segment !== undefined && !segment.settled) onInterim({ segment: segment.id, text })
    },
    answer: (itemId, answer) => {
      const segment = asked
      if (segment === undefined || isAnswered(itemId)) return false
      if (itemId !== undefined) {
        answeredItems.push(itemId)
        if (answeredItems.length > REMEMBERED_ITEMS) answeredItems.shift()
      }
      asked = undefined
      if (segment.settled) pump()
      else settle(segment, answer)
      return true
    },
    fail: (itemId, error) => {
      if (asked === undefined || isAnswered(itemId)) return false
      settle(asked, Effect.fail(error))
      return true
    },
    idle: () => wire !== undefined && asked === undefined && queue[0]?.audio.taken() !== true
  }
}
