/** One connection to the speech emulator after its upgrade: the client's messages in, scripted speech out; owns the connection's contexts. */
import { Clock, Duration, Effect, Fiber, Option, Queue, type Scope } from "effect"
import { Socket } from "effect/socket"
import {
  type ClientMessage,
  decodeClientMessage,
  DEFAULT_CONTEXT,
  MAX_CONTEXTS,
  type TtsError
} from "../schema/TogetherTts.ts"
import { type EmulatedLine } from "./EmulatedSocket.ts"
import { type TtsConnectionFault, type TtsEmulatorScript, TtsEvent } from "./TtsScript.ts"
import { divide, type Segmenting } from "./TtsSynthesis.ts"
import { type Piece, speakItem, strange, type TtsVoice } from "./TtsVoice.ts"

/** What the connections of an emulator share. */
export interface TtsDesk {
  readonly script: TtsEmulatorScript
  readonly record: (event: TtsEvent) => Effect.Effect<void>
  /** Numbers the next item. */
  readonly nextItem: () => number
  /** Puts the connection under the controls for as long as the scope is open. */
  readonly join: (line: EmulatedLine) => Effect.Effect<void, never, Scope.Scope>
}

/** What is known of a connection when it is made. */
export interface TtsConnectionInfo {
  readonly connection: number
  readonly query: Readonly<Record<string, string>>
  readonly fault: TtsConnectionFault | undefined
  /** Destroys the connection without a close frame. */
  readonly breakOff: Effect.Effect<void>
}

/** A context of the session. */
interface TtsContext {
  buffer: string
  commits: number
  /** Pieces of all commits, and of the present one. */
  items: number
  itemsOfCommit: number
  readonly pieces: Queue.Queue<Piece>
  readonly speaking: Fiber.Fiber<void>
  /** What is still to be sent of the item being spoken. */
  left: ReadonlyArray<Effect.Effect<void>>
}

const segmentingOf = ({ max_partial_length, segment }: Readonly<Record<string, string>>): Segmenting => ({
  mode: segment === "immediate" || segment === "never" ? segment : "sentence",
  maxPartialLength: Number(max_partial_length ?? 250) || 250
})

/** Serves a connection until it ends. */
export const serveSession = Effect.fnUntraced(function* (
  { record, script, ...desk }: TtsDesk,
  { breakOff, connection, fault, query }: TtsConnectionInfo,
  socket: Socket.Socket
): Effect.fn.Return<void, never, Scope.Scope> {
  let by: "client" | "emulator" = "client"
  let closeCode = 1006
  yield* Effect.addFinalizer(() => record(TtsEvent.Closed({ connection, code: closeCode, by })))

  const serve = Effect.gen(function* () {
    const { pull } = yield* socket.reader
    const writer = yield* socket.writer
    const clock = yield* Clock.Clock
    const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    const frames = (frame: string | Uint8Array) => Effect.ignore(writer.write(frame))
    const say: EmulatedLine["say"] = (message) => frames(JSON.stringify(message))
    const hangUp: EmulatedLine["hangUp"] = (code, reason) =>
      Effect.suspend(() => {
        by = "emulator"
        return Effect.ignore(writer.write(new Socket.CloseEvent(code, reason)))
      })
    const cut = Effect.suspend(() => {
      by = "emulator"
      return breakOff
    })
    yield* desk.join({ say, hangUp, cut })

    const segmenting = segmentingOf(query)
    const contexts = new Map<string, TtsContext>()
    let receivedAt = nowMs()

    const voice: TtsVoice = { script, connection, record, nextItem: desk.nextItem, frames, say, hangUp, cut }

    const open = Effect.fnUntraced(function* (context: string) {
      const known = contexts.get(context)
      if (known !== undefined) return known
      if (contexts.size >= (script.maxContexts ?? MAX_CONTEXTS)) {
        yield* record(TtsEvent.Violated({ connection, rule: "too many contexts" }))
        yield* sayError({ message: "too many contexts", type: "invalid_request_error", code: "context_limit" })
        return undefined
      }
      const pieces = yield* Queue.unbounded<Piece>()
      const speaking = yield* Queue.take(pieces).pipe(
        Effect.flatMap((piece) => {
          const own = contexts.get(context)
          return speakItem(voice, context, piece, (left) => {
            if (own !== undefined) own.left = left
          })
        }),
        Effect.forever,
        Effect.forkScoped
      )
      const opened: TtsContext = { buffer: "", commits: 0, items: 0, itemsOfCommit: 0, pieces, speaking, left: [] }
      contexts.set(context, opened)
      return opened
    })

    const sayError = (error: TtsError) => say({ type: "error", error })

    let connectionItems = 0

    const itemId = (context: TtsContext): string | undefined => {
      connectionItems++
      context.items++
      context.itemsOfCommit++
      switch (script.itemIds ?? "context") {
        case "context":
          return `tts_${context.items}`
        case "connection":
          return `tts_${connectionItems}`
        case "commit":
          return `tts_${context.itemsOfCommit}`
        case "shared":
          return `tts_${context.commits + 1}`
        case "none":
          return undefined
      }
    }

    const enqueue = (context: TtsContext, texts: ReadonlyArray<string>): void => {
      for (const text of texts) {
        const first = connectionItems === 0
        Queue.offerUnsafe(context.pieces, { text, itemId: itemId(context), first })
      }
    }

    const divideBuffer = (context: TtsContext, ended: boolean): void => {
      const own = script.pieces
      const [texts, rest] =
        own === undefined
          ? divide(context.buffer, segmenting, ended)
          : ended && context.buffer.trim() !== ""
            ? [own(context.buffer), ""]
            : [[], context.buffer]
      context.buffer = rest
      enqueue(context, texts)
    }

    const cancel = Effect.fnUntraced(function* (name: string) {
      yield* record(TtsEvent.Cancelled({ connection, context: name }))
      const context = contexts.get(name)
      if (context !== undefined) {
        yield* Fiber.interrupt(context.speaking)
        contexts.delete(name)
        yield* Effect.forEach(context.left.slice(0, script.lateDeltas ?? 0), (delta) => delta, { discard: true })
      }
      if (script.acknowledgeCancel !== false) yield* say({ type: "context.cancelled", context_id: name })
    })

    const receive = Effect.fnUntraced(function* (message: ClientMessage) {
      const name = message.context_id ?? DEFAULT_CONTEXT
      if (message.type === "context.cancel") return yield* cancel(name)
      if (message.type === "tts_session.updated") return
      const context = yield* open(name)
      if (context === undefined) return
      switch (message.type) {
        case "input_text_buffer.append":
          yield* record(TtsEvent.Appended({ connection, context: name, text: message.text }))
          context.buffer += message.text
          return divideBuffer(context, false)
        case "input_text_buffer.commit":
          yield* record(TtsEvent.Committed({ connection, context: name, text: context.buffer }))
          divideBuffer(context, true)
          context.commits++
          context.itemsOfCommit = 0
          return
        case "input_text_buffer.clear":
          yield* record(TtsEvent.Cleared({ connection, context: name, text: context.buffer }))
          context.buffer = ""
      }
    })

    const frame = Effect.fnUntraced(function* (data: string | Uint8Array) {
      receivedAt = nowMs()
      if (typeof data !== "string") return yield* record(TtsEvent.Violated({ connection, rule: "binary frame" }))
      const message = decodeClientMessage(data)
      if (Option.isSome(message)) return fault?._tag === "HalfOpen" ? undefined : yield* receive(message.value)
      const rule = data.trimStart().startsWith("{") ? "unknown type" : "not JSON"
      yield* record(TtsEvent.Violated({ connection, rule }))
    })

    const closeWhenIdle = Effect.gen(function* () {
      const idleMs = Duration.toMillis(Duration.fromInputUnsafe(script.idleTimeout ?? Duration.infinity))
      if (idleMs === Infinity) return
      while (nowMs() - receivedAt < idleMs) yield* Effect.sleep(receivedAt + idleMs - nowMs())
      yield* hangUp(1000)
    })

    const greet = Effect.gen(function* () {
      if (fault?._tag === "CloseBeforeReady") {
        if (fault.error !== undefined) yield* sayError(fault.error)
        return yield* hangUp(fault.code, fault.reason)
      }
      if (fault?._tag === "NeverReady") return
      const { model, voice = "tara" } = query
      if (script.voices?.includes(voice) === false) {
        yield* sayError({
          message: "no such voice",
          type: "invalid_request_error",
          param: "voice",
          code: "voice_not_found"
        })
        return yield* hangUp(1000)
      }
      // Before it is sent: whoever waits for the event must not find the client ahead of it.
      yield* record(TtsEvent.Ready({ connection }))
      if (script.strangeMessages === true) yield* Effect.forEach(strange, frames, { discard: true })
      if (fault?._tag !== "Ungreeted") {
        const session = { id: `sess_${connection}`, object: "realtime.tts.session", model, voice }
        yield* say({ type: "session.created", event_id: `ev_${connection}`, session })
      }
    })

    yield* greet
    yield* Effect.forkScoped(closeWhenIdle)
    if (fault?._tag === "NeverReady") return yield* Effect.forever(pull)
    while (true) for (const data of yield* pull) yield* frame(data)
  })

  yield* serve.pipe(
    Effect.catch(({ reason }) =>
      Effect.sync(() => {
        if (reason._tag === "SocketCloseError") closeCode = reason.code
      })
    )
  )
})
