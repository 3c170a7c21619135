/** One connection to the transcription emulator after its upgrade: the client's messages in, scripted answers out; owns what was sent and is not answered yet. */
import { Clock, Duration, Effect, Fiber, Option, Queue, Result, type Scope } from "effect"
import { Base64 } from "effect/encoding"
import { Socket } from "effect/socket"
import { type ClientMessage, decodeClientMessage, type ServiceError, STT_RATE } from "../schema/TogetherStt.ts"
import { type EmulatedLine } from "./EmulatedSocket.ts"
import { type SttCommitFault, type SttConnectionFault, type SttEmulatorScript, SttEvent } from "./SttScript.ts"

/** What the service would not say in these words, but might in others. */
const strange: ReadonlyArray<string> = [
  JSON.stringify({ type: "input_audio_buffer.committed", item_id: 7 }),
  JSON.stringify({ type: "conversation.item.input_audio_transcription.start_of_turn", transcript: null }),
  JSON.stringify(["not", "an", "object"]),
  "not JSON"
]

const TRANSCRIPTION = "conversation.item.input_audio_transcription"

/** What the connections of an emulator share. */
export interface SttDesk {
  readonly script: SttEmulatorScript
  readonly record: (event: SttEvent) => Effect.Effect<void>
  /** Numbers the next commit. */
  readonly nextCommit: () => number
  /** The position that the next segment with words has; `take` uses it up. */
  readonly segment: () => number
  readonly takeSegment: () => number
  /** Puts the connection under the controls for as long as the scope is open. */
  readonly join: (line: EmulatedLine) => Effect.Effect<void, never, Scope.Scope>
}

/** A commit that is to be answered. */
interface Due {
  readonly commit: number
  readonly item: number
  readonly text: string
  readonly fault: SttCommitFault | undefined
  readonly latency: Fiber.Fiber<void>
  cancelled: boolean
}

const toSamples = (pieces: ReadonlyArray<Uint8Array>): Int16Array => {
  const bytes = Buffer.concat(pieces)
  const samples = new Int16Array(bytes.length >> 1)
  for (let i = 0; i < samples.length; i++) samples[i] = bytes.readInt16LE(2 * i)
  return samples
}

/** Whether the client will say all of it again on another connection. */
const breaksOff = (fault: SttCommitFault | undefined): boolean =>
  fault !== undefined &&
  (fault._tag === "Cut" || fault._tag === "FailSession" || (fault._tag === "Error" && fault.stayOpen !== true))

const errorMessage = (error: ServiceError) => ({ type: "error", error })

const wordsOf = (script: SttEmulatorScript, number: number, samples: Int16Array): string => {
  const { words } = script
  if (typeof words === "function") return words({ number, samples })
  return words?.[number] ?? `segment ${number}`
}

const latencyOf = ({ latency }: SttEmulatorScript, commit: number): Effect.Effect<void> => {
  const wait = typeof latency === "function" ? latency(commit) : (latency ?? 0)
  return Effect.isEffect(wait) ? wait : Effect.sleep(wait)
}

/** Serves a connection until it ends; `breakOff` destroys it without a close frame. */
export const serveSession = Effect.fnUntraced(function* (
  desk: SttDesk,
  connection: number,
  fault: SttConnectionFault | undefined,
  socket: Socket.Socket,
  breakOff: Effect.Effect<void>
): Effect.fn.Return<void, never, Scope.Scope> {
  const { record, script } = desk
  let by: "client" | "emulator" = "client"
  let closeCode = 1006
  yield* Effect.addFinalizer(() => record(SttEvent.Closed({ connection, code: closeCode, by })))

  const serve = Effect.gen(function* () {
    const { pull } = yield* socket.reader
    const writer = yield* socket.writer
    // A client that is gone hears nothing; that it is gone is told by the reader.
    const send = (text: string) => Effect.ignore(writer.write(text))
    const say: EmulatedLine["say"] = (message) => send(JSON.stringify(message))
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

    const clock = yield* Clock.Clock
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    const idleMs = Duration.toMillis(Duration.fromInputUnsafe(script.idleTimeout ?? "300 seconds"))
    let appendedAt = now()
    let pieces: Array<Uint8Array> = []
    let bytes = 0
    let bytesEver = 0
    let told = 0
    /** What is believed of the segment that is being sent, and after how much of it next, in milliseconds. */
    let believe: ((samples: Int16Array) => string | undefined) | undefined
    let believesAt = script.beliefs?.everyMs ?? Infinity
    /** Position of the item that audio is being added to. */
    let item = 0
    const underWay = new Set<Due>()
    const answers = yield* Queue.unbounded<Due>()

    const itemId = (item: number) => (script.itemIds === false ? {} : { item_id: `item_${connection}_${item}` })

    const give = Effect.fnUntraced(function* ({ commit, fault, item, text }: Due) {
      const completed = (transcript: string) => ({ type: `${TRANSCRIPTION}.completed`, ...itemId(item), transcript })
      if (script.strangeMessages === true) yield* Effect.forEach(strange, send, { discard: true })
      yield* record(SttEvent.Answered({ connection, commit }))
      switch (fault?._tag) {
        case undefined:
          return yield* say(completed(text))
        case "Silent":
          return
        case "Empty":
          return yield* say(completed(""))
        case "Twice":
          yield* say(completed(text))
          return yield* say(completed(text))
        case "FailItem": {
          const event_type = fault.eventType ?? "completed"
          return yield* say({ type: `${TRANSCRIPTION}.failed`, ...itemId(item), event_type, error: fault.error })
        }
        case "FailSession":
          yield* say({ type: `${TRANSCRIPTION}.failed`, ...itemId(item), error: fault.error })
          return yield* hangUp(1000)
        case "Error":
          yield* say(errorMessage(fault.error))
          return fault.stayOpen === true ? undefined : yield* hangUp(1000)
        case "Cut":
          return yield* cut
      }
    })

    const answering = Effect.gen(function* () {
      while (true) {
        const due = yield* Queue.take(answers)
        yield* Fiber.join(due.latency)
        underWay.delete(due)
        if (!due.cancelled) yield* give(due)
      }
    })

    const closeWhenIdle = Effect.gen(function* () {
      while (now() - appendedAt < idleMs) yield* Effect.sleep(appendedAt + idleMs - now())
      yield* say(
        errorMessage({
          message: "Session closed: timeout waiting for audio",
          type: "service_unavailable_error",
          code: "idle_timeout"
        })
      )
      yield* hangUp(1000)
    })

    /** A hypothesis: it replaces the one before. */
    const tell = (text: string) => say({ type: `${TRANSCRIPTION}.delta`, ...itemId(item), delta: text })

    const append = Effect.fnUntraced(function* (audio: string, frameLength: number) {
      const decoded = Base64.decode(audio)
      if (Result.isFailure(decoded)) return yield* record(SttEvent.Violated({ connection, rule: "bad base64" }))
      const piece = decoded.success
      if (piece.length % 2 === 1) yield* record(SttEvent.Violated({ connection, rule: "odd bytes" }))
      if (Buffer.from(piece.subarray(0, 4)).toString("latin1") === "RIFF") {
        yield* record(SttEvent.Violated({ connection, rule: "RIFF header" }))
      }
      pieces.push(piece)
      bytes += piece.length
      bytesEver += piece.length
      appendedAt = now()
      yield* record(SttEvent.Appended({ connection, samples: piece.length >> 1, frameLength }))
      const toMs = (count: number) => (count * 1000) / (2 * STT_RATE)
      if (fault?._tag === "CutAfter" && toMs(bytesEver) >= fault.audioMs) return yield* cut
      if (fault?._tag === "HalfOpen") return
      const interims = script.interims?.(desk.segment()) ?? []
      for (let next = interims[told]; next !== undefined && next.atMs <= toMs(bytes); next = interims[told]) {
        told++
        yield* tell(next.text)
      }
      if (toMs(bytes) < believesAt || script.beliefs === undefined) return
      believesAt += script.beliefs.everyMs
      believe ??= script.beliefs.of(desk.segment())
      const belief = believe(toSamples(pieces))
      if (belief !== undefined) yield* tell(belief)
    })

    const empty = () => {
      const samples = toSamples(pieces)
      pieces = []
      bytes = 0
      told = 0
      believe = undefined
      believesAt = script.beliefs?.everyMs ?? Infinity
      item++
      return samples
    }

    const commit = Effect.fnUntraced(function* () {
      const committedItem = item
      const samples = empty()
      const number = desk.nextCommit()
      const commitFault = script.commitFault?.(number)
      yield* record(SttEvent.Committed({ connection, commit: number, samples }))
      if (samples.length === 0 || fault?._tag === "HalfOpen") return
      const due: Due = {
        commit: number,
        item: committedItem,
        text: breaksOff(commitFault) ? "" : wordsOf(script, desk.takeSegment(), samples),
        fault: commitFault,
        latency: yield* Effect.forkScoped(latencyOf(script, number)),
        cancelled: false
      }
      underWay.add(due)
      Queue.offerUnsafe(answers, due)
    })

    const clear = Effect.suspend(() => {
      if (script.clear === "ignore") return Effect.void
      if (script.clear === "cancel") for (const due of underWay) due.cancelled = true
      return record(SttEvent.Cleared({ connection, samples: empty().length }))
    })

    const receive = (message: ClientMessage, frameLength: number): Effect.Effect<void, never, Scope.Scope> => {
      switch (message.type) {
        case "input_audio_buffer.append":
          return append(message.audio, frameLength)
        case "input_audio_buffer.commit":
          return commit()
        case "input_audio_buffer.clear":
          return clear
      }
    }

    const frame = Effect.fnUntraced(function* (data: string | Uint8Array) {
      if (typeof data !== "string") {
        yield* record(SttEvent.Violated({ connection, rule: "binary frame" }))
        return yield* cut
      }
      const message = decodeClientMessage(data)
      if (Option.isSome(message)) return yield* receive(message.value, data.length)
      const rule = data.trimStart().startsWith("{") ? "unknown type" : "not JSON"
      yield* record(SttEvent.Violated({ connection, rule }))
    })

    if (fault?._tag === "CloseBeforeReady") {
      if (fault.error !== undefined) yield* say(errorMessage(fault.error))
      yield* hangUp(fault.code, fault.reason)
    } else if (fault?._tag !== "NeverReady") {
      if (script.strangeMessages === true) yield* Effect.forEach(strange, send, { discard: true })
      // Before it is sent: whoever waits for the event must not find the client ahead of it.
      yield* record(SttEvent.Ready({ connection }))
      yield* say({ type: "session.created", session: { id: `sess_${connection}`, object: "realtime.session" } })
      yield* Effect.forkScoped(answering)
      yield* Effect.forkScoped(closeWhenIdle)
    }
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
