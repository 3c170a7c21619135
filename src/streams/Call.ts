/** A carrier's media stream in, a conversation on it: waits for the call to start, drives its session, and ends with it. */
import { Effect, Pull, Stream } from "effect"
import { type CallInfo, type EndReason } from "../schema/CallEvent.ts"
import { type InboundFrame, type OutboundFrame, type Start } from "../schema/Twilio.ts"
import { type MediaLink } from "../services/MediaLink.ts"
import { type CallServices, type CallSession, openSession } from "./CallSession.ts"
import { decodeFrames } from "./DecodeFrames.ts"
import { type PlayoutWire } from "./Playout.ts"

/** The carrier's media stream as playout sees it. */
const wireOf = (link: MediaLink, streamSid: string): PlayoutWire => {
  const text = (frame: OutboundFrame): string => JSON.stringify(frame)
  // What does not change is written once: only base64 is made per message, and it needs no escaping.
  const [before, after] = text({ event: "media", streamSid, media: { payload: "|" } }).split("|") as [string, string]
  return {
    media: (mulaw) =>
      Effect.suspend(() =>
        link.send(before + Buffer.from(mulaw.buffer, mulaw.byteOffset, mulaw.byteLength).toString("base64") + after)
      ),
    mark: (name) => link.send(text({ event: "mark", streamSid, mark: { name } })),
    clear: link.send(text({ event: "clear", streamSid }))
  }
}

const infoOf = (frame: Start): CallInfo => ({
  callSid: frame.start.callSid,
  streamSid: frame.start.streamSid,
  parameters: frame.start.customParameters ?? {}
})

/** Hands a frame to the session. Only the caller's own track is heard. */
const take = (session: CallSession, frame: InboundFrame): Effect.Effect<void> => {
  switch (frame.event) {
    case "media":
      return (frame.media.track ?? "inbound") === "inbound" ? session.media(frame) : Effect.void
    case "mark":
      return session.mark(frame.mark.name)
    case "dtmf":
      return session.key(frame.dtmf.digit)
    case "start":
    case "connected":
    case "stop":
      return Effect.void
  }
}

/** How long a connected carrier may take to say which call it is. */
const START_DEADLINE = "10 seconds"

/**
 * Holds one call on a media stream: ends when the caller hangs up or the connection is lost. Interrupting it hangs up.
 *
 * Everything the call uses lives in its own scope and is gone when it ends.
 */
export const runCall: (link: MediaLink) => Effect.Effect<void, never, CallServices> = Effect.fn("Call.run")(function* (
  link
) {
  let malformedFrames = 0
  let stopped = false
  const pull = yield* link.inbound.pipe(
    decodeFrames(() => void malformedFrames++),
    Stream.takeUntil((frame) => (stopped = frame.event === "stop")),
    Stream.toPull
  )

  const awaitStart = Effect.gen(function* () {
    for (;;) {
      const frames = yield* pull
      const at = frames.findIndex((frame) => frame.event === "start")
      const start = frames[at]
      if (start?.event === "start") return { start, rest: frames.slice(at + 1) }
    }
  }).pipe(
    Pull.catchDone(() => Effect.succeed(undefined)),
    Effect.timeoutOrElse({ duration: START_DEADLINE, orElse: () => Effect.succeed(undefined) })
  )

  const started = yield* awaitStart
  if (started === undefined) {
    yield* Effect.logWarning("media stream closed: it never said which call it is")
    return yield* link.close("no start")
  }

  const info = infoOf(started.start)
  yield* Effect.gen(function* () {
    const session = yield* openSession(info, wireOf(link, info.streamSid))
    yield* Effect.forEach(started.rest, (frame) => take(session, frame), { discard: true })
    const listen = pull.pipe(
      Effect.flatMap((frames) => Effect.forEach(frames, (frame) => take(session, frame), { discard: true })),
      Effect.forever,
      Pull.catchDone(() => Effect.succeed<EndReason>(stopped ? "caller hung up" : "connection lost"))
    )
    const reason = yield* Effect.raceFirst(listen, session.run).pipe(
      Effect.onInterrupt(() => session.tell({ _tag: "Ended", reason: "server stopped", malformedFrames }))
    )
    yield* session.tell({ _tag: "Ended", reason, malformedFrames })
    if (reason === "agent hung up" || reason === "agent gave up") yield* link.close(reason)
  }).pipe(Effect.scoped, Effect.annotateLogs({ callSid: info.callSid }))
}, Effect.scoped)
