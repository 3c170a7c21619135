/** One connection to the speech emulator after its upgrade: the client's messages in, scripted speech out; owns the connection's contexts. */
import { Clock, Duration, Effect, Fiber, Option, Queue, type Scope } from "effect"
import { Socket } from "effect/socket"
import {
  type ClientMessage,
  decodeClientMessage,
  DEFAULT_CONTEXT,
  MAX_CONTEXTS,
  type TtsError,
  TTS_RATE
} from "../schema/TogetherTts.ts"
import { type TtsConnectionFault, type TtsEmulatorScript, TtsEvent, type TtsItem } from "./TtsScript.ts"
import { audioOf, cutUp, divide, firstAudioOf, type Segmenting } from "./TtsSynthesis.ts"

/** What the service would not say in these words, but might in others. */
const strange: ReadonlyArray<string> = [
  JSON.stringify({ type: "conversation.item.input_text.received", text: 7 }),
  JSON.stringify({ type: "conversation.item.word_timestamps", words: null, start_seconds: [], end_seconds: [] }),
  JSON.stringify({ type: "conversation.item.audio_output.delta", item_id: "tts_0" }),
  JSON.stringify(["not", "an", "object"]),
  "not JSON"
]

const REAL_TIME_FACTOR = 0.02

/** Synthesis that is not waited for, in milliseconds: timers are not more exact. */
const PACE_MS = 2

/** An open connection as the emulator's controls see it. */
export interface TtsLine {
  readonly say: (message: Readonly<Record<string, unknown>>) => Effect.Effect<void>
  readonly hangUp: (code: number, reason?: string) => Effect.Effect<void>
  readonly cut: Effect.Effect<void>
}

/** What the connections of an emulator share. */
export interface TtsDesk {
  readonly script: TtsEmulatorScript
  readonly record: (event: TtsEvent) => Effect.Effect<void>
  /** Numbers the next item. */
  readonly nextItem: () => number
  /** Puts the connection under the controls for as long as the scope is open. */
  readonly join: (line: TtsLine) => Effect.Effect<void, never, Scope.Scope>
}

/** What is known of a connection when it is made. */
export interface TtsConnectionInfo {
  readonly connection: number
  readonly query: Readonly<Record<string, string>>
  readonly fault: TtsConnectionFault | undefined
  /** Destroys the connection without a close frame. */
  readonly breakOff: Effect.Effect<void>
}

interface Piece {
  readonly text: string
  readonly itemId: string | undefined
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
  left: Array<Effect.Effect<void>>
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
    const send = (frame: string | Uint8Array) => Effect.ignore(writer.write(frame))
    const say: TtsLine["say"] = (message) => send(JSON.stringify(message))
    const hangUp: TtsLine["hangUp"] = (code, reason) =>
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
    let itemsEver = 0
    let receivedAt = nowMs()

    const names = (context: string, itemId: string | undefined, isDone = false) => {
      const named = script.contextIds ?? "all"
      return {
        ...(itemId === undefined ? {} : { item_id: itemId }),
        ...(named === "all" || (named === "not done" && !isDone) ? { context_id: context } : {})
      }
    }

    const sendDelta = (item: TtsItem, itemId: string | undefined, bytes: Uint8Array): Effect.Effect<void> => {
      const { context, number } = item
      const delta = Buffer.from(bytes).toString("base64")
      const frame = {
        type: "conversation.item.audio_output.delta",
        ...names(context, itemId),
        delta
      }
      return Effect.andThen(
        script.binary === true ? send(bytes) : say(frame),
        record(TtsEvent.Delta({ connection, context, item: number, bytes: bytes.length }))
      )
    }

    /** Says one piece; false when nothing more is to come in the context. */
    const speak = Effect.fnUntraced(function* (context: string, state: () => TtsContext | undefined, piece: Piece) {
      const { itemId, text } = piece
      const item: TtsItem = { number: desk.nextItem(), connection, context, text }
      const itemFault = script.itemFault?.(item)
      yield* record(TtsEvent.Began({ connection, context, item: item.number, text }))
      yield* firstAudioOf(script, item)
      if (script.strangeMessages === true) yield* Effect.forEach(strange, send, { discard: true })
      const first = itemsEver++ === 0
      const rate = script.sampleRate ?? TTS_RATE
      const deltas = itemFault?._tag === "Silent" ? [] : cutUp(script, audioOf(script, item), first)
      const limitMs =
        itemFault === undefined || itemFault._tag === "NoDone" || itemFault._tag === "Silent"
          ? Infinity
          : (itemFault.afterMs ?? 0)
      const left = deltas.map((bytes) => sendDelta(item, itemId, bytes))
      const own = state()
      if (own !== undefined) own.left = left
      const factor = script.realTimeFactor ?? REAL_TIME_FACTOR
      const startMs = nowMs()
      let sentMs = 0
      for (const bytes of deltas) {
        if (sentMs >= limitMs) break
        const next = left.shift()
        if (next !== undefined) yield* next
        sentMs += (bytes.length * 500) / rate
        const aheadMs = startMs + sentMs * factor - nowMs()
        if (aheadMs >= PACE_MS) yield* Effect.sleep(aheadMs)
      }
      if (own !== undefined) own.left = []
      const about = names(context, itemId)
      const done = say({ type: "conversation.item.audio_output.done", ...names(context, itemId, true) })
      switch (itemFault?._tag) {
        case undefined:
        case "Silent":
          yield* done
          break
        case "NoDone":
          break
        case "Fail":
          yield* say({ type: "conversation.item.tts.failed", ...about, error: itemFault.error })
          break
        case "Error":
          yield* say({ type: "error", error: itemFault.error })
          break
        case "Close":
          yield* hangUp(itemFault.code)
          break
        case "Cut":
          yield* cut
          break
        case "Stall":
          return yield* Effect.never
      }
      yield* record(TtsEvent.Spoken({ connection, context, item: item.number }))
    })

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
        Effect.flatMap((piece) => speak(context, () => contexts.get(context), piece)),
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
      for (const text of texts) Queue.offerUnsafe(context.pieces, { text, itemId: itemId(context) })
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
      if (script.strangeMessages === true) yield* Effect.forEach(strange, send, { discard: true })
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
