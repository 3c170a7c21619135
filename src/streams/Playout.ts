/** Replies' audio in, media, marks and clears to the carrier out, paced a little ahead of real time; knows what was played. Owns no decision about who speaks. */
import { Clock, Deferred, Effect, Latch, Stream } from "effect"
import { BYTES_PER_MS, FRAME_BYTES } from "../schema/Audio.ts"
import * as Frames from "./Frames.ts"
import { type BrokeOff, heardText, learnPace, mayBeWhole, type SpokenSentence, usualPace } from "./Heard.ts"

/** Number of what is said ahead of a reply and is no part of it. */
export const FILLER = -1

/** A piece of a reply as it goes down the line. `sentence` counts from 0, or from {@link FILLER}, and never decreases. */
export interface ReplyAudio {
  readonly sentence: number
  readonly mulaw: Uint8Array
  /** After this no more of the sentence comes, though not all of it did. */
  readonly brokeOff?: BrokeOff | undefined
}

/** How audio is sent ahead of its time. Milliseconds. */
export interface PlayoutSettings {
  /** How much audio the carrier holds at least, as long as there is some: what an interruption has to clear. */
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

/** A lead that outlasts the event loop's and the network's jitter and is gone in a fifth of a second. */
export const defaultPlayoutSettings: PlayoutSettings = {
  leadMs: 180,
  messageMs: 60,
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

/** Everything known of a reply that is not over. */
interface Track {
  readonly epoch: number
  readonly filler: { text: string; bytes: number; sentBytes: number }
  readonly texts: Array<string>
  /** Bytes received of each sentence. */
  readonly received: Array<number>
  /** Which of them broke off. */
  readonly brokeOff: Array<BrokeOff | undefined>
  allReceived: boolean
  sentBytes: number
  allPlayed: boolean
  ending: boolean
  readonly gate: Latch.Latch
  /** Open while there is room for more audio. */
  readonly room: Latch.Latch
  readonly ended: Deferred.Deferred<void>
}

const emptyHeard: HeardReply = { text: "", answer: "", generated: "", playedMs: 0 }

const spoken = (...texts: ReadonlyArray<string>): string => texts.filter((text) => text !== "").join(" ")

const endMark = (epoch: number): string => `${epoch}:end`

/** Cuts whole frames into messages of at most so many bytes. */
const messagesOf = (frames: Uint8Array, messageBytes: number): ReadonlyArray<Uint8Array> => {
  if (frames.length <= messageBytes) return [frames]
  const messages: Array<Uint8Array> = []
  for (let at = 0; at < frames.length; at += messageBytes) messages.push(frames.subarray(at, at + messageBytes))
  return messages
}

/** The outbound side of a call, on the Clock's monotonic time. */
export const makePlayout = Effect.fnUntraced(function* (wire: PlayoutWire, settings: PlayoutSettings) {
  const clock = yield* Clock.Clock
  const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const messageBytes = Math.max(1, Math.round((settings.messageMs * BYTES_PER_MS) / FRAME_BYTES)) * FRAME_BYTES

  /** The carrier's queue as we see it: when it will have played everything that was sent. */
  let lineEndsMs = 0
  /** How much later than by our reckoning marks come back: the way there and back. */
  let lagMs = 0
  /** When each mark that is on its way will be due. */
  const dueMs = new Map<string, number>()
  const tracks = new Map<number, Track>()
  let pace = usualPace

  const playedBytes = (current: Track): number => {
    const unplayedMs = Math.max(0, lineEndsMs + lagMs - nowMs())
    return Math.max(0, current.sentBytes - unplayedMs * BYTES_PER_MS)
  }

  const heard = (current: Track, played: number): HeardReply => {
    const last = current.texts.length - 1
    const sentences = current.texts.map((text, index): SpokenSentence => ({
      text,
      bytes: current.received[index] ?? 0,
      complete: current.allReceived || (index < last && current.received[index + 1] !== undefined),
      brokeOff: current.brokeOff[index]
    }))
    const { bytes, text } = current.filler
    const answer = heardText(sentences, played - bytes, pace)
    return {
      text: spoken(heardText([{ text, bytes, complete: true }], played), answer),
      answer,
      generated: spoken(bytes === 0 ? "" : text, ...current.texts),
      playedMs: Math.round(played / BYTES_PER_MS)
    }
  }

  const sendMark = (name: string) =>
    Effect.suspend(() => {
      // With nothing left to be played it comes back at once, which says nothing about the way.
      dueMs.set(name, Math.max(lineEndsMs, nowMs()))
      return wire.mark(name)
    })

  /** Audio that was received and not sent. */
  const backlogMs = (current: Track): number =>
    (current.received.reduce((sum, bytes) => sum + bytes, current.filler.bytes) - current.sentBytes) / BYTES_PER_MS

  const leftMs = (current: Track): number => backlogMs(current) + Math.max(0, lineEndsMs - nowMs())

  const keepRoom = (current: Track): void => {
    if (backlogMs(current) < settings.backlogMs) current.room.openUnsafe()
    else current.room.closeUnsafe()
  }

  const nearEnd = (current: Track, news: PlayoutNews) =>
    Effect.suspend(() => {
      if (current.ending) return Effect.void
      current.ending = true
      return news.onEnding
    })

  const send = Effect.fnUntraced(function* (current: Track, message: Uint8Array, filler: boolean, news: PlayoutNews) {
    for (;;) {
      yield* current.gate.await
      const aheadMs = lineEndsMs - nowMs()
      if (aheadMs <= settings.leadMs) break
      yield* Effect.sleep(aheadMs - settings.leadMs)
      // Held meanwhile, perhaps: ask the gate again.
    }
    if (tracks.get(current.epoch) !== current) return yield* Effect.interrupt
    const first = current.sentBytes === (filler ? 0 : current.filler.sentBytes)
    current.sentBytes += message.length
    if (filler) current.filler.sentBytes += message.length
    const playsAtMs = Math.max(lineEndsMs, nowMs())
    lineEndsMs = playsAtMs + message.length / BYTES_PER_MS
    keepRoom(current)
    yield* wire.media(message, playsAtMs)
    if (first) yield* filler ? (news.onFiller ?? Effect.void) : news.onAudible
    if (current.allReceived && leftMs(current) <= settings.endingMs) yield* nearEnd(current, news)
  })

  const begin = (epoch: number) =>
    Effect.sync((): ReplyPlayout => {
      const current: Track = {
        epoch,
        filler: { text: "", bytes: 0, sentBytes: 0 },
        texts: [],
        received: [],
        brokeOff: [],
        allReceived: false,
        sentBytes: 0,
        allPlayed: false,
        ending: false,
        gate: Latch.makeUnsafe(false),
        room: Latch.makeUnsafe(true),
        ended: Deferred.makeUnsafe()
      }
      tracks.set(epoch, current)

      /** The sentence that came last is over: how long it took tells how fast the voice speaks. */
      const learn = (): void => {
        const last = current.received.length - 1
        const bytes = current.received[last] ?? 0
        if (bytes > 0 && current.brokeOff[last] === undefined) pace = learnPace(pace, current.texts[last] ?? "", bytes)
      }

      const receive = (piece: ReplyAudio): Effect.Effect<void> => {
        if (piece.sentence === FILLER) {
          current.filler.bytes += piece.mulaw.length
          return Effect.void
        }
        if (current.received.length > 0 && current.received.length <= piece.sentence) learn()
        for (let index = current.received.length; index <= piece.sentence; index++) current.received.push(0)
        current.received[piece.sentence] = (current.received[piece.sentence] ?? 0) + piece.mulaw.length
        // One that goes on after all has not broken off.
        if (piece.mulaw.length > 0) current.brokeOff[piece.sentence] = undefined
        if (piece.brokeOff !== undefined) current.brokeOff[piece.sentence] ??= piece.brokeOff
        keepRoom(current)
        return Effect.asVoid(current.room.await)
      }

      const play = Effect.fnUntraced(function* <E, R>(audio: Stream.Stream<ReplyAudio, E, R>, news: PlayoutNews) {
        current.allReceived = false
        let carry = Frames.initial
        let sentence = 0
        yield* audio.pipe(
          Stream.tap((piece) => Effect.suspend(() => receive(piece))),
          Stream.onEnd(
            Effect.sync(() => {
              current.allReceived = true
              learn()
            })
          ),
          Stream.buffer({ capacity: "unbounded" }),
          Stream.runForEach((piece) =>
            Effect.gen(function* () {
              const [rest, frames] = Frames.step(carry, piece.mulaw)
              carry = rest
              for (const message of frames.flatMap((whole) => messagesOf(whole, messageBytes))) {
                yield* send(current, message, piece.sentence === FILLER, news)
                // The message that went out holds the end of what came before this piece.
                if (piece.sentence > sentence) yield* sendMark(`${epoch}:${sentence}`)
                sentence = Math.max(sentence, piece.sentence)
              }
            })
          )
        )
        const onlyFiller = current.received.length === 0
        for (const message of Frames.end(carry)) yield* send(current, message, onlyFiller, news)
        if (current.sentBytes === 0) return
        yield* nearEnd(current, news)
        yield* sendMark(endMark(epoch))
        // A mark that is lost costs the grace; one that came too early (not every carrier plays before it answers) is
        // not believed before the audio can have been played.
        yield* Effect.raceFirst(
          Deferred.await(current.ended),
          Effect.suspend(() => Effect.sleep(Math.max(0, lineEndsMs - nowMs()) + settings.markGraceMs))
        )
        yield* Effect.suspend(() => Effect.sleep(Math.max(0, lineEndsMs - nowMs())))
        current.allPlayed = true
      })

      return {
        isAudible: () => current.sentBytes > current.filler.sentBytes,
        sentence: (index, text) => {
          if (index === FILLER) current.filler.text = text
          else current.texts[index] = text
        },
        mayBeWhole: (index) => mayBeWhole(pace, current.texts[index] ?? "", current.received[index] ?? 0),
        play
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
    const current = tracks.get(epoch)
    if (current === undefined) return emptyHeard
    tracks.delete(epoch)
    if (current.allPlayed) return heard(current, current.sentBytes)
    const played = playedBytes(current)
    if (current.sentBytes > 0) {
      lineEndsMs = nowMs()
      dueMs.clear()
      yield* wire.clear
    }
    return heard(current, played)
  })

  const marked = (name: string) =>
    Effect.suspend(() => {
      const due = dueMs.get(name)
      // Unknown, returned twice, or returned by a clear: it says nothing about what was heard.
      if (due === undefined) return Effect.void
      dueMs.delete(name)
      const lateMs = Math.min(Math.max(0, nowMs() - due), maxLagMs)
      lagMs = lagMs === 0 ? lateMs : lagMs + (lateMs - lagMs) / 4
      const ended = [...tracks.values()].find((track) => endMark(track.epoch) === name)
      return ended === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(ended.ended, undefined))
    })

  return { begin, release, hold, stop, marked } satisfies Playout
})

/** A mark later than this tells of trouble on the line, not of its length. */
const maxLagMs = 1000
