/** One reply's audio in, messages and marks to the line out, each in its time. Owns no decision whether the reply may be heard, and no account of what was. */
import { Deferred, Effect, Exit, Latch, type Scope, Stream } from "effect"
import { BYTES_PER_MS, FRAME_BYTES } from "../schema/Audio.ts"
import { type LineClock } from "./LineClock.ts"
import { type PlayoutNews, type PlayoutSettings, type PlayoutWire } from "./Playout.ts"
import { FILLER, type ReplyAudio, type ReplyRecord } from "./ReplyRecord.ts"
import { makeUnsentAudio, type OutboundMessage } from "./UnsentAudio.ts"

/** A reply that is not over. */
export interface Track {
  readonly epoch: number
  readonly record: ReplyRecord
  /** Open while it may be heard. */
  readonly gate: Latch.Latch
  /** Open while there is room for more audio. */
  readonly room: Latch.Latch
  /** Done when its last mark came back. */
  readonly ended: Deferred.Deferred<void>
  /** It was told that little of it is left. */
  ending: boolean
  allPlayed: boolean
  stopped: boolean
}

/** Name of the mark behind all of a reply's audio. */
export const endMark = (epoch: number): string => `${epoch}:end`

/** A timer goes off up to this much early, in milliseconds; another one for the rest is not worth it. */
const TIMER_GRAIN_MS = 1

/** Plays replies on a line: sends the audio of one, and waits until the caller has heard it to its end. */
export const makePlay = (wire: PlayoutWire, line: LineClock, settings: PlayoutSettings) => {
  const messageBytes = Math.max(1, Math.round((settings.messageMs * BYTES_PER_MS) / FRAME_BYTES)) * FRAME_BYTES

  const sendMark = (name: string) =>
    Effect.suspend(() => {
      line.mark(name)
      return wire.mark(name)
    })

  const keepRoom = ({ record, room }: Track): void => {
    if (record.backlogMs() < settings.backlogMs) room.openUnsafe()
    else room.closeUnsafe()
  }

  const nearEnd = (track: Track, news: PlayoutNews): Effect.Effect<void> => {
    if (track.ending) return Effect.void
    track.ending = true
    return news.onEnding
  }

  const send = Effect.fnUntraced(function* (track: Track, { mulaw, sentence }: OutboundMessage, news: PlayoutNews) {
    const { record } = track
    const filler = sentence === FILLER
    const first = record.send(mulaw.length, filler)
    const playsAtMs = line.send(mulaw.length)
    keepRoom(track)
    yield* wire.media(mulaw, playsAtMs)
    if (first) yield* filler ? (news.onFiller ?? Effect.void) : news.onAudible
    if (record.isAllReceived() && record.backlogMs() + line.aheadMs() <= settings.endingMs) yield* nearEnd(track, news)
  })

  /**
   * Sends all of the audio. A fiber of its own takes it at the pace at which it comes; this one puts messages together
   * from what is there when one is due, and so wakes up once a message.
   */
  const sendAll = Effect.fnUntraced(function* <E, R>(
    track: Track,
    audio: Stream.Stream<ReplyAudio, E, R>,
    news: PlayoutNews
  ): Effect.fn.Return<void, E, R | Scope.Scope> {
    const { epoch, gate, record, room } = track
    const unsent = makeUnsentAudio(messageBytes)
    const arrival = Latch.makeUnsafe(false)
    let received: Exit.Exit<void, E> | undefined

    const receive = Stream.runForEachArray(audio, (pieces) => {
      for (const piece of pieces) {
        record.receive(piece)
        unsent.add(piece)
      }
      keepRoom(track)
      arrival.openUnsafe()
      return room.isOpen() ? Effect.void : room.await
    })
    yield* Effect.forkScoped(
      Effect.map(Effect.exit(receive), (exit) => {
        received = exit
        if (Exit.isSuccess(exit)) {
          record.end()
          unsent.end()
        }
        arrival.openUnsafe()
      }),
      { startImmediately: true }
    )

    let sentence = 0
    // After any wait everything is looked at again: it may have been held or stopped meanwhile.
    for (;;) {
      if (!unsent.isReady()) {
        if (received !== undefined) return yield* received
        arrival.closeUnsafe()
        yield* arrival.await
        continue
      }
      if (!gate.isOpen()) {
        yield* gate.await
        continue
      }
      const earlyMs = line.aheadMs() - settings.leadMs
      if (earlyMs >= TIMER_GRAIN_MS) {
        yield* Effect.sleep(Math.ceil(earlyMs))
        continue
      }
      if (track.stopped) return yield* Effect.interrupt
      const message = unsent.take()
      if (message === undefined) continue
      yield* send(track, message, news)
      // The message that went out holds the end of what came before its last sentence.
      if (message.sentence > sentence) {
        yield* sendMark(`${epoch}:${message.sentence - 1}`)
        sentence = message.sentence
      }
    }
  })

  return Effect.fnUntraced(function* <E, R>(track: Track, audio: Stream.Stream<ReplyAudio, E, R>, news: PlayoutNews) {
    yield* Effect.scoped(sendAll(track, audio, news))
    if (track.record.sentBytes() === 0) return
    yield* nearEnd(track, news)
    yield* sendMark(endMark(track.epoch))
    // A mark that is lost costs the grace; one that came too early (not every carrier plays before it answers) is not
    // believed before the audio can have been played.
    yield* Effect.raceFirst(
      Deferred.await(track.ended),
      Effect.suspend(() => Effect.sleep(line.aheadMs() + settings.markGraceMs))
    )
    yield* Effect.suspend(() => Effect.sleep(line.aheadMs()))
    track.allPlayed = true
  })
}
