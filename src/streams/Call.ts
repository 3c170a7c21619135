/** A carrier's media stream in, a conversation on it: waits for the call to start, drives its session, and ends with it. */
import { Cause, Effect, Pull } from "effect"
import { type CallInfo, type EndReason } from "../schema/CallEvent.ts"
import { type InboundFrame, type OutboundFrame, type Start } from "../schema/Twilio.ts"
import { type MediaLink, type TakeFrame } from "../services/MediaLink.ts"
import { type CallServices, type CallSession, openSession } from "./CallSession.ts"
import { decodeFrame } from "./DecodeFrames.ts"
import { type PlayoutWire } from "./Playout.ts"
import { rawPull } from "./RawPull.ts"

/** The carrier's media stream as playout sees it. */
const wireOf = (link: MediaLink, streamSid: string): PlayoutWire => {
  const text = (frame: OutboundFrame): string => JSON.stringify(frame)
  // What does not change is written once: only base64 is made per message, and it needs no escaping.
  const empty = text({ event: "media", streamSid, media: { payload: "" } })
  const at = empty.lastIndexOf('""') + 1
  const before = empty.slice(0, at)
  const after = empty.slice(at)
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
  let stopped = false
  let texts = 0

  /** The frame in a text; undefined for one that is skipped. */
  const read = (text: string) => {
    texts++
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

  /** Hands a frame to the session; done when it is the stream's last. Only the caller's own track is heard. */
  const hear = (session: CallSession, text: string): Effect.Effect<void, Cause.Done> => {
    const frame = read(text)
    if (frame === undefined) return Effect.void
    if (frame.event === "stop") {
      stopped = true
      return Cause.done()
    }
    return take(session, frame)
  }

  return { findStart, hear, wasStopped: () => stopped, received: () => texts }
}

/**
 * Hands texts on in order, without a step of the fiber for those with which nothing has to be waited for: most frames
 * complete no window.
 */
const hearAll = (hear: TakeFrame, texts: ReadonlyArray<string>, from = 0): Effect.Effect<void, Cause.Done> => {
  for (let at = from; at < texts.length; at++) {
    const taken = hear(texts[at] ?? "")
    if (taken !== Effect.void) return Effect.flatMap(taken, () => hearAll(hear, texts, at + 1))
  }
  return Effect.void
}

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

/** Seconds in which not a single frame comes over a line that is dead; while one lives there are 50 a second, whoever speaks. */
const DEAD_LINE_S = 30

/**
 * Ends when nothing has come for that long, or up to twice as long. A connection whose other end is gone without a word
 * looks open for ever, and a call on which nobody speaks sends nothing that could show it.
 */
const lineDead = Effect.fnUntraced(function* (received: () => number): Effect.fn.Return<EndReason> {
  for (;;) {
    const before = received()
    yield* Effect.sleep(DEAD_LINE_S * 1000)
    // If it was the process that was held up, there are frames that wait to be read.
    yield* Effect.yieldNow
    yield* Effect.yieldNow
    if (received() === before) break
  }
  yield* Effect.logWarning(`media stream closed: nothing has come from the carrier for ${DEAD_LINE_S} s`)
  return "connection lost"
})

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
    const hear = (text: string) => receiver.hear(session, text)
    const hearRest =
      link.listen?.(hear) ??
      Effect.forever(
        Effect.flatMap(pull, (texts) => hearAll(hear, texts)),
        { disableYield: true }
      )
    const hearing = Effect.suspend(() => Effect.andThen(hearAll(hear, started.rest), hearRest)).pipe(
      Pull.catchDone(() => Effect.void),
      Effect.map((): EndReason => (receiver.wasStopped() ? "caller hung up" : "connection lost"))
    )
    const reason = yield* Effect.raceAllFirst([hearing, session.run, lineDead(receiver.received)]).pipe(
      Effect.onInterrupt(() => session.tell({ _tag: "Ended", reason: "server stopped", malformedFrames }))
    )
    yield* session.tell({ _tag: "Ended", reason, malformedFrames })
    if (reason === "agent hung up" || reason === "agent gave up") yield* link.close(reason)
  }).pipe(Effect.scoped, Effect.annotateLogs({ callSid: info.callSid }))
}, Effect.scoped)
