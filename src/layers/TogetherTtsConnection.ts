/**
 * The text-to-speech socket of one call: requests in, each reply's events out to its inbox. Keeps itself connected;
 * owns no reply's progress.
 *
 * The socket is read all the time, so that control messages are never held up behind audio. What gathers for a reply
 * nobody listens to is bounded by what was asked for: the speech of `LOOK_AHEAD` sentences and one more, and in all not
 * more than `RUNAWAY` allows, both in `TogetherTtsReply.ts`.
 */
import { Clock, Deferred, Effect, Latch, Random, Redacted, Result, type Scope } from "effect"
import { Socket } from "effect/socket"
import { TextToSpeechError } from "../schema/Errors.ts"
import { type ClientMessage, TTS_RATE } from "../schema/TogetherTts.ts"
import { type TogetherSettings } from "../services/AppConfig.ts"
import { type SocketAddress } from "./ReadySockets.ts"
import { socketFailure, ttsError } from "./TogetherTtsErrors.ts"
import { type Inbox, replace as replaceSignal, type Signal, TtsRouting } from "./TogetherTtsRouting.ts"

/** The connection of one call, which lives as long as the call's scope. */
export interface TtsConnection {
  /**
   * Tells the inbox of the connection, and of what comes in the contexts that it says something in, until the scope
   * closes; contexts that are still open then are cancelled.
   */
  readonly attach: (inbox: Inbox) => Effect.Effect<void, never, Scope.Scope>
  /** Has a sentence spoken in a context, which is opened if it is new. Does nothing while there is no connection. */
  readonly say: (inbox: Inbox, context: string, text: string) => Effect.Effect<void>
  /** Stops a context without waiting for it; what still comes for it is dropped. */
  readonly cancel: (context: string) => Effect.Effect<void>
  /** Tells that nothing more is expected in a context. */
  readonly finish: (context: string) => Effect.Effect<void>
  /** Replaces a connection that seems to be dead. */
  readonly replace: Effect.Effect<void>
  /** Whether audio came for a context after its end, so that counting `done`s is not enough to know it. */
  readonly overran: () => boolean
}

/** Time for the socket to open, in milliseconds. */
const OPEN_MS = 10_000

/** Time for `session.created` to follow, in milliseconds. Without it requests are sent all the same. */
const GREETING_MS = 1000

/** A connection that lasted this long was a good one even if it brought no audio. Milliseconds. */
const GOOD_MS = 10_000

/** Time after a refusal in which the service is not asked again, in milliseconds. */
const REFUSED_FOR_MS = 5000

/** Longest pause before trying to connect again, in milliseconds. */
const MAX_BACKOFF_MS = 15_000

/** Pause before trying again after `failures` bad connections in a row, in milliseconds; `draw` is 0 to 1. */
export const backoffMs = (failures: number, draw: number): number =>
  failures === 0 ? 0 : Math.min(MAX_BACKOFF_MS, 500 * 2 ** (failures - 1)) * (0.5 + draw / 2)

/** Address of the text-to-speech socket below the API's root, with everything that is set for a session. */
export const speechUrl = (settings: TogetherSettings): string => {
  const url = new URL(settings.baseUrl)
  url.protocol = url.protocol === "http:" || url.protocol === "ws:" ? "ws:" : "wss:"
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/audio/speech/websocket`
  url.hash = ""
  url.searchParams.set("model", settings.ttsModel)
  url.searchParams.set("voice", settings.ttsVoice)
  url.searchParams.set("response_format", "pcm")
  url.searchParams.set("sample_rate", String(TTS_RATE))
  // Sentences are ours: each is committed as soon as it is there, and none is cut or held back for more.
  url.searchParams.set("segment", "never")
  return url.href
}

/** Where a session is dialled, and with what. */
export const speechAddress = (settings: TogetherSettings): SocketAddress => ({
  url: speechUrl(settings),
  headers: { Authorization: `Bearer ${Redacted.value(settings.apiKey)}` }
})

/** One socket, from its opening to its end. */
interface Link {
  readonly writer: Socket.Writer
  /** Completed to end it. */
  readonly retired: Deferred.Deferred<Signal>
}

const over = () => new TextToSpeechError({ reason: "Disconnected", message: "the speech synthesis session is over" })

/** Connects in the background, again and again, until the scope closes; a service that refuses is left alone for a while. */
export const connect = Effect.fnUntraced(function* (
  settings: TogetherSettings
): Effect.fn.Return<TtsConnection, never, Scope.Scope | Socket.WebSocketConstructor> {
  const clock = yield* Clock.Clock
  const { headers, url } = speechAddress(settings)
  const socket = yield* Socket.makeWebSocket(url, { headers, openTimeout: OPEN_MS })
  const routing = new TtsRouting(settings)
  /** The link that can be used. */
  let link: Link | undefined
  /** Why the last attempt to have one failed. */
  let trouble: TextToSpeechError | undefined
  let refused: { readonly error: TextToSpeechError; readonly at: number } | undefined
  const wanted = Latch.makeUnsafe(true)

  const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

  const up = (opened: Link): void => {
    link = opened
    trouble = undefined
    routing.tellAll({ _tag: "Connected" })
  }

  const down = (error: TextToSpeechError): void => {
    const wasUp = link !== undefined
    link = undefined
    trouble = error
    routing.tellAll({ _tag: wasUp ? "Disconnected" : "Unconnected", error })
  }

  const refuse = (error: TextToSpeechError, at: number): void => {
    refused = { error, at }
    wanted.closeUnsafe()
    routing.tellAll({ _tag: "Refused", error })
  }

  const replace = Effect.sync(() => {
    if (link !== undefined) Deferred.doneUnsafe(link.retired, Effect.succeed(replaceSignal))
  })

  const failureOf = (error: Socket.SocketError): TextToSpeechError => routing.problem ?? socketFailure(settings, error)

  const dial = socket.reader.pipe(
    Effect.mapError(failureOf),
    // A client that cannot even be made, for one with a key that no header can hold, must not leave anyone waiting.
    Effect.catchDefect(() => Effect.fail(ttsError("Rejected", settings, "no client can be made of these settings")))
  )

  /** One connection from dialling to its end: on purpose, or with a failure. */
  const once: Effect.Effect<Signal, TextToSpeechError> = Effect.gen(function* () {
    routing.reset()
    const { pull } = yield* dial
    const writer = yield* socket.writer
    const opened: Link = { writer, retired: yield* Deferred.make<Signal>() }
    const receive = (frame: string | Uint8Array): void => {
      const signal = routing.receive(frame)
      if (signal === undefined) return
      if (signal._tag !== "Ready") return void Deferred.doneUnsafe(opened.retired, Effect.succeed(signal))
      if (link === undefined) up(opened)
    }
    const greeting = Effect.andThen(
      Effect.sleep(GREETING_MS),
      Effect.sync(() => link === undefined && up(opened))
    )
    yield* Effect.forkScoped(greeting)
    return yield* Effect.raceFirst(
      Effect.forever(
        Effect.map(pull, (frames) => frames.forEach(receive)),
        { disableYield: true }
      ).pipe(Effect.mapError(failureOf)),
      Deferred.await(opened.retired)
    )
  }).pipe(
    Effect.flatMap((signal) => (signal._tag === "Refuse" ? Effect.fail(signal.error) : Effect.succeed(signal))),
    // Before the socket goes: a write to one that is gone would wait for the next one.
    Effect.tapError((error) => Effect.sync(() => down(error))),
    Effect.tap(() => Effect.sync(() => down(ttsError("Disconnected", settings, "to be replaced")))),
    Effect.onInterrupt(() => Effect.sync(() => down(over()))),
    Effect.scoped
  )

  const keepConnected = Effect.gen(function* () {
    let failures = 0
    for (;;) {
      yield* wanted.await
      const since = nowMs()
      const ending = yield* Effect.result(once)
      if (Result.isSuccess(ending)) continue
      const { message: detail, reason, retryable } = ending.failure
      yield* Effect.logWarning("Speech synthesis has no connection").pipe(
        Effect.annotateLogs({ reason, detail, failures, retrying: retryable, malformed: routing.malformed })
      )
      if (!retryable) {
        refuse(ending.failure, nowMs())
        failures = 0
        continue
      }
      if (routing.proven || nowMs() - since >= GOOD_MS) failures = 0
      // A service that is busy is not asked again at once.
      else if (reason === "RateLimited" || reason === "Overloaded") failures = Math.max(failures, 1)
      yield* Effect.sleep(backoffMs(failures, yield* Random.next))
      failures += 1
    }
  })

  const send = (messages: readonly [ClientMessage, ...Array<ClientMessage>]): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (link === undefined) return Effect.void
      const [first, ...rest] = messages
      // A write that fails is told by the reader as well, as the end of the connection.
      return Effect.ignore(link.writer.writeAll([JSON.stringify(first), ...rest.map((each) => JSON.stringify(each))]))
    })

  const replaceIfWornOut = Effect.suspend(() => (routing.wornOut ? replace : Effect.void))

  const cancel = (context: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      switch (routing.cancel(context, nowMs())) {
        case "ask":
          return Effect.andThen(send([{ type: "context.cancel", context_id: context }]), replaceIfWornOut)
        case "replace":
          return replace
        case "nothing":
          return Effect.void
      }
    })

  const join = (inbox: Inbox): Effect.Effect<void> =>
    Effect.sync(() => {
      if (refused !== undefined && nowMs() - refused.at >= REFUSED_FOR_MS) {
        refused = undefined
        trouble = undefined
        wanted.openUnsafe()
      }
      routing.add(inbox)
      if (refused !== undefined) inbox({ _tag: "Refused", error: refused.error })
      else if (link !== undefined) inbox({ _tag: "Connected" })
      else if (trouble !== undefined) inbox({ _tag: "Unconnected", error: trouble })
    })

  yield* Effect.addFinalizer(() => Effect.sync(() => refuse(over(), Infinity)))
  yield* Effect.forkScoped(keepConnected)

  return {
    attach: (inbox) =>
      Effect.acquireRelease(join(inbox), () =>
        Effect.suspend(() => Effect.forEach(routing.remove(inbox), cancel, { discard: true }))
      ),
    say: (inbox, context, text) =>
      Effect.suspend(() => {
        if (link === undefined) return Effect.void
        routing.open(context, inbox, nowMs())
        return send([
          { type: "input_text_buffer.append", context_id: context, text },
          { type: "input_text_buffer.commit", context_id: context }
        ])
      }),
    cancel,
    finish: (context) =>
      Effect.suspend(() => {
        routing.finish(context)
        return replaceIfWornOut
      }),
    replace,
    overran: () => routing.overran
  }
})
