/** Stands between a media stream and its call: lets through what begins with an admitted `start`, and closes what does not. Owns neither. */
import { Array as Arr, Cause, Effect, Option, Pull, type Scope, Stream } from "effect"
import { type Start } from "../schema/Twilio.ts"
import { type MediaLink } from "../services/MediaLink.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { StreamAdmission } from "../services/StreamAdmission.ts"
import { decodeFrame } from "../streams/DecodeFrames.ts"
import { rawPull } from "../streams/RawPull.ts"
import { countStreamRefused } from "./EdgeMetrics.ts"
import { CloseCode, type SocketLink } from "./SocketMediaLink.ts"

/** Frames that may come before `start`; the carrier sends one. */
const MAX_FRAMES_BEFORE_START = 10

/** A stream that has been let in. */
export interface AdmittedStream {
  readonly callSid: string
  /** The stream from its `start` frame on. */
  readonly link: MediaLink
}

type Texts = Arr.NonEmptyReadonlyArray<string>

/** How nearly every frame of a call begins, as the carrier writes it. */
const MEDIA_BEGINNING = '{"event":"media"'

/** The `start` frame that a text is; only what looks like one is decoded, as this sees every frame of a call. */
const asStart = (text: string): Start | undefined => {
  if (text.startsWith(MEDIA_BEGINNING) || !text.includes('"start"')) return undefined
  const decoded = decodeFrame(text)
  return decoded._tag === "Frame" && decoded.frame.event === "start" ? decoded.frame : undefined
}

/** Closes a stream; the reason is told to the peer, the log, and the metric. */
export const refuseStream = Effect.fnUntraced(function* (
  link: SocketLink,
  code: number,
  reason: string
): Effect.fn.Return<void> {
  yield* countStreamRefused(reason)
  yield* Effect.logWarning(`media stream refused: ${reason}`)
  yield* link.closeWith(code, reason)
})

const breakRule = (link: SocketLink, reason: string) => refuseStream(link, CloseCode.PolicyViolation, reason)

/**
 * Waits for the `start` frame and asks whether it may come in. None: the stream is gone, or has been closed.
 *
 * An admitted stream that starts once more is closed, which ends it for the call.
 */
export const awaitAdmission = Effect.fnUntraced(function* (
  link: SocketLink
): Effect.fn.Return<Option.Option<AdmittedStream>, never, EdgeConfig | StreamAdmission | Scope.Scope> {
  const { startDeadline } = yield* EdgeConfig
  const admission = yield* StreamAdmission
  const pull = yield* rawPull(link.inbound)

  const findStart = Effect.gen(function* () {
    let before = 0
    for (;;) {
      const texts = yield* pull
      for (const [index, text] of texts.entries()) {
        const start = asStart(text)
        if (start !== undefined) return { start, rest: texts.slice(index + 1) }
        if (++before > MAX_FRAMES_BEFORE_START) return "no start among the first frames"
      }
    }
  }).pipe(
    Pull.catchDone(() => Effect.succeed(undefined)),
    Effect.timeoutOrElse({ duration: startDeadline, orElse: () => Effect.succeed("no start in time") })
  )

  const found = yield* findStart
  if (found === undefined) {
    yield* Effect.logDebug("media stream ended before its start")
    return Option.none()
  }
  if (typeof found === "string") {
    yield* breakRule(link, found)
    return Option.none()
  }
  const admitted = yield* Effect.result(admission.admit(found.start))
  if (admitted._tag === "Failure") {
    yield* breakRule(link, admitted.failure.reason)
    return Option.none()
  }

  const startedAgain = Effect.andThen(breakRule(link, "second start"), Cause.done())
  const passOn = (texts: Texts) =>
    texts.some((text) => asStart(text) !== undefined) ? startedAgain : Effect.succeed(texts)
  let first: Texts | undefined = [JSON.stringify(admitted.success), ...found.rest]
  const next = Effect.suspend(() => {
    if (first === undefined) return Effect.flatMap(pull, passOn)
    const [start, ...rest] = first
    first = undefined
    return Arr.isReadonlyArrayNonEmpty(rest)
      ? Effect.map(passOn(rest), (texts): Texts => [start, ...texts])
      : Effect.succeed<Texts>([start])
  })
  const { listen } = link
  const passing: Pick<MediaLink, "listen"> =
    listen === undefined
      ? {}
      : { listen: (take) => listen((text) => (asStart(text) === undefined ? take(text) : startedAgain)) }
  return Option.some({
    callSid: found.start.start.callSid,
    link: { ...link, ...passing, inbound: Stream.fromPull(Effect.succeed(next)) }
  })
})
