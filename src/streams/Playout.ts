/** Replies' audio in, media, marks and clears to the carrier out, paced a little ahead of real time; knows what was played. Owns no decision about who speaks. */
import { Clock, Deferred, Effect, Latch, type Stream } from "effect"
import { BYTES_PER_MS } from "../schema/Audio.ts"
import { usualPace } from "./Heard.ts"
import { makeLineClock } from "./LineClock.ts"
import { emptyHeard, FILLER, type HeardReply, makeReplyRecord, type ReplyAudio, type Voice } from "./ReplyRecord.ts"
import { endMark, makePlay, type Track } from "./ReplySending.ts"

export { FILLER, type HeardReply, type ReplyAudio }

/** How audio is sent ahead of its time. Milliseconds. */
export interface PlayoutSettings {
  /**
   * Audio the carrier still has when more is sent to it, as long as there is some. Right after that it has up to
   * {@link messageMs} more, which is what an interruption has to clear.
   */
  readonly leadMs: number
  /** Longest stretch of audio in one message. */
  readonly messageMs: number
  /** How much later than its audio's end a reply is given up on when its last mark does not come back. */
  readonly markGraceMs: number
  /** Rest of a reply that counts as its ending: what is said over it answers it. */
  readonly endingMs: number
  /** Synthesised audio that may wait for its time; synthesis waits beyond it. */
  readonly backlogMs: number
}

/** A lead that outlasts the event loop's and the network's jitter; what the carrier has is gone in a quarter of a second. */
export const defaultPlayoutSettings: PlayoutSettings = {
  leadMs: 160,
  messageMs: 100,
  markGraceMs: 1000,
  endingMs: 1000,
  backlogMs: 10_000
}

/** What the carrier is to be sent. */
export interface PlayoutWire {
  /** Audio, and when it will be played by our reckoning: on the Clock's monotonic time, in milliseconds. */
  readonly media: (mulaw: Uint8Array, playsAtMs: number) => Effect.Effect<void>
  readonly mark: (name: string) => Effect.Effect<void>
  readonly clear: Effect.Effect<void>
}

/** One reply on its way to the caller. */
export interface ReplyPlayout {
  /** Whether any of it went to the caller; a filler is no part of it. */
  readonly isAudible: () => boolean
  /** Tells what sentence number `index`, or the filler, says, before its audio comes. */
  readonly sentence: (index: number, text: string) => void
  /** Whether what came of a sentence is as long as all of it should be, as the voice speaks. */
  readonly mayBeWhole: (index: number) => boolean
  /**
   * Sends the audio and waits until the caller has heard it to its end.
   *
   * Nothing is sent before the reply is released.
   */
  readonly play: <E, R>(audio: Stream.Stream<ReplyAudio, E, R>, news: PlayoutNews) => Effect.Effect<void, E, R>
}

/** What is told of a reply while it is played. */
export interface PlayoutNews {
  /** The first audio was sent; not that of a filler. */
  readonly onAudible: Effect.Effect<void>
  /** A filler was sent. */
  readonly onFiller?: Effect.Effect<void>
  /** All of its audio is there, and no more than {@link PlayoutSettings.endingMs} of it is left to be heard. */
  readonly onEnding: Effect.Effect<void>
}

/** The outbound side of one call. Several replies may be made at a time; one is released at a time. */
export interface Playout {
  /** Takes on a reply, held: its audio is taken and kept. */
  readonly begin: (epoch: number) => Effect.Effect<ReplyPlayout>
  /** Lets the reply's audio go, for the first time or again. */
  readonly release: (epoch: number) => Effect.Effect<void>
  /** Sends no more of the reply for now; what the carrier has is played, and nothing is lost. */
  readonly hold: (epoch: number) => Effect.Effect<void>
  /**
   * Lets go of a reply and tells what was heard of it. If it was not over, nothing of it is sent from now on, and what
   * the carrier still holds is cleared.
   */
  readonly stop: (epoch: number) => Effect.Effect<HeardReply>
  /** A mark came back. */
  readonly marked: (name: string) => Effect.Effect<void>
}

/** The outbound side of a call, on the Clock's monotonic time. */
export const makePlayout = Effect.fnUntraced(function* (wire: PlayoutWire, settings: PlayoutSettings) {
  const line = makeLineClock(yield* Clock.Clock)
  const playTrack = makePlay(wire, line, settings)
  const tracks = new Map<number, Track>()
  const voice: Voice = { pace: usualPace }

  const begin = (epoch: number) =>
    Effect.sync((): ReplyPlayout => {
      const record = makeReplyRecord(voice)
      const track: Track = {
        epoch,
        record,
        gate: Latch.makeUnsafe(false),
        room: Latch.makeUnsafe(true),
        ended: Deferred.makeUnsafe(),
        ending: false,
        allPlayed: false,
        stopped: false
      }
      tracks.set(epoch, track)
      return {
        isAudible: record.isAudible,
        sentence: record.sentence,
        mayBeWhole: record.mayBeWhole,
        play: (audio, news) => playTrack(track, audio, news)
      }
    })

  const release = (epoch: number) =>
    Effect.suspend(() => {
      const track = tracks.get(epoch)
      return track === undefined ? Effect.void : Effect.asVoid(track.gate.open)
    })

  const hold = (epoch: number) =>
    Effect.suspend(() => {
      const track = tracks.get(epoch)
      return track === undefined ? Effect.void : Effect.asVoid(track.gate.close)
    })

  const stop = Effect.fnUntraced(function* (epoch: number) {
    const track = tracks.get(epoch)
    if (track === undefined) return emptyHeard
    tracks.delete(epoch)
    track.stopped = true
    const { record } = track
    if (track.allPlayed) return record.heard(record.sentBytes())
    const played = Math.max(0, record.sentBytes() - line.unheardMs() * BYTES_PER_MS)
    if (record.sentBytes() > 0) {
      line.clear()
      yield* wire.clear
    }
    return record.heard(played)
  })

  const marked = (name: string) =>
    Effect.suspend(() => {
      if (!line.marked(name)) return Effect.void
      const ended = [...tracks.values()].find((track) => endMark(track.epoch) === name)
      return ended === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(ended.ended, undefined))
    })

  return { begin, release, hold, stop, marked } satisfies Playout
})
