/** A carrier's media stream in, a conversation on it: waits for the call to start, drives its session, and ends with it. */
import { type Cause, Effect, Pull } from "effect"
import { type CallInfo, type EndReason } from "../schema/CallEvent.ts"
import { type InboundFrame, type OutboundFrame, type Start } from "../schema/Twilio.ts"
import { type MediaLink } from "../services/MediaLink.ts"
import { type CallServices, type CallSession, openSession } from "./CallSession.ts"
import { decodeFrame } from "./DecodeFrames.ts"
import { type PlayoutWire } from "./Playout.ts"
import { rawPull } from "./RawPull.ts"

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

/** The frames of one call as text, and what came of them. Mutable: it counts. */
const makeReceiver = (onMalformed: () => void) => {
  /** The frame in a text; undefined for one that is skipped. */
  const read = (text: string) => {
    const decoded = decodeFrame(text)
    if (decoded._tag === "Malformed") onMalformed()
    return decoded._tag === "Frame" ? decoded.frame : undefined
  }

  /** The `start` frame, if it is among these, and what comes after it. */
  const findStart = (texts: ReadonlyArray<string>) => {
    for (const [at, text] of texts.entries()) {
      const frame = read(text)
      if (frame?.event === "start") return { start: frame, rest: texts.slice(at + 1) }
      if (frame?.event === "stop") return "stopped"
    }
    return undefined
  }

  /**
   * Hands frames to the session, from number `from` on; whether the stream ended with one of them. Only the caller's own
   * track is heard. Most frames complete no window: those are over with in a loop, without a step of the fiber for each.
   */
  const hear = (session: CallSession, texts: ReadonlyArray<string>, from = 0): Effect.Effect<boolean> => {
    for (let at = from; at < texts.length; at++) {
      const frame = read(texts[at] ?? "")
      if (frame?.event === "stop") return ended
      const taken = frame === undefined ? Effect.void : take(session, frame)
      if (taken === Effect.void) continue
      return at + 1 === texts.length
        ? Effect.as(taken, false)
        : Effect.flatMap(taken, () => hear(session, texts, at + 1))
    }
    return goesOn
  }

  return { findStart, hear }
}

const ended = Effect.succeed(true)
const goesOn = Effect.succeed(false)

/** Hands a frame to the session. */
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
  const receiver = makeReceiver(() => void malformedFrames++)
  const pull = yield* rawPull(link.inbound)

  const awaitStart = Effect.gen(function* () {
    for (;;) {
      const found = receiver.findStart(yield* pull)
      if (found !== undefined) return found === "stopped" ? undefined : found
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
    const listen = (texts: ReadonlyArray<string>): Effect.Effect<EndReason, Cause.Done> =>
      Effect.flatMap(receiver.hear(session, texts), (stopped) =>
        stopped ? Effect.succeed<EndReason>("caller hung up") : Effect.flatMap(pull, listen)
      )
    const hearing = Effect.suspend(() => listen(started.rest)).pipe(
      Pull.catchDone(() => Effect.succeed<EndReason>("connection lost"))
    )
    const reason = yield* Effect.raceFirst(hearing, session.run).pipe(
      Effect.onInterrupt(() => session.tell({ _tag: "Ended", reason: "server stopped", malformedFrames }))
    )
    yield* session.tell({ _tag: "Ended", reason, malformedFrames })
    if (reason === "agent hung up" || reason === "agent gave up") yield* link.close(reason)
  }).pipe(Effect.scoped, Effect.annotateLogs({ callSid: info.callSid }))
}, Effect.scoped)
