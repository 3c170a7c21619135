/** Frames from the server and the passing of time in, what the caller hears and which marks go back out. A pure state machine; owns no clock and no socket. */
import { BYTES_PER_MS, FRAME_BYTES } from "../schema/Audio.ts"
import { type ServerFrame, type Violation } from "./TwilioRules.ts"

/** Audio or a mark that waits its turn. Positions are on the line's sample clock, 8 samples a millisecond. */
type Queued =
  | { readonly _tag: "Audio"; readonly bytes: Uint8Array; readonly reply: number }
  | { readonly _tag: "Mark"; readonly name: string; readonly dueAt: number }

/** Sums over the whole stream; `receivedBytes` is what was played, flushed or is still queued. */
export interface PlayoutTotals {
  /** Bytes of mu-law taken into the queue. */
  readonly receivedBytes: number
  readonly playedBytes: number
  /** Bytes thrown away by `clear`. */
  readonly flushedBytes: number
  /** Media whose length is not a multiple of 160 bytes. */
  readonly raggedFrames: number
  /** Times the queue ran dry inside a reply. */
  readonly underruns: number
  /** How long it was dry, in milliseconds. */
  readonly underrunMs: number
  /** Frames that were refused. */
  readonly violations: number
}

/** How replies are told apart, since the wire does not say. */
export interface PlayoutOptions {
  /** Whether a mark of this name is the last one of its reply; by default every mark is. */
  readonly endsReply?: (mark: string) => boolean
  /** For a server that never sends marks: a dry stretch of this many milliseconds lies between replies. Default 2000. */
  readonly replyGapMs?: number
}

/** Everything Twilio remembers about the server's side of a stream. */
export interface PlayoutState {
  /** Sample up to which the caller has heard. */
  readonly atSample: number
  readonly queue: ReadonlyArray<Queued>
  /** Bytes of the queue's first item that were played already. */
  readonly headOffset: number
  readonly queuedBytes: number
  /** Number of the latest reply, 0 before the first. */
  readonly reply: number
  /** Whether the next media belongs to the latest reply. */
  readonly replyOpen: boolean
  /** Since when the queue holds no audio. */
  readonly dryFrom: number
  readonly marksSeen: boolean
  readonly totals: PlayoutTotals
}

/** Something the server sent, or nothing but time. `atMs` is line time; time that goes backwards counts as no time. */
export type PlayoutInput =
  | { readonly _tag: "Received"; readonly atMs: number; readonly frame: ServerFrame | Violation }
  | { readonly _tag: "Tick"; readonly atMs: number }

/** Why a mark went back: what was queued before it was played, nothing was queued, or `clear` threw it away. */
export type MarkReason = "played" | "empty" | "cleared"

/** What follows. `atMs` is exact on the line's sample clock, whenever the machine was told of the time. */
export type PlayoutOutput =
  /** The caller hears `bytes` from `atMs` on. */
  | { readonly _tag: "Played"; readonly atMs: number; readonly bytes: Uint8Array; readonly reply: number }
  /** The mark is to be sent back to the server. */
  | { readonly _tag: "MarkReturned"; readonly atMs: number; readonly name: string; readonly reason: MarkReason }
  | { readonly _tag: "Cleared"; readonly atMs: number; readonly flushedBytes: number }
  /** The caller heard nothing inside a reply from `atMs` on. */
  | { readonly _tag: "Underrun"; readonly atMs: number; readonly durationMs: number; readonly reply: number }
  | { readonly _tag: "Violated"; readonly atMs: number; readonly violation: Violation }

/** An empty queue at the beginning of the stream. */
export const initial: PlayoutState = {
  atSample: 0,
  queue: [],
  headOffset: 0,
  queuedBytes: 0,
  reply: 0,
  replyOpen: false,
  dryFrom: 0,
  marksSeen: false,
  totals: {
    receivedBytes: 0,
    playedBytes: 0,
    flushedBytes: 0,
    raggedFrames: 0,
    underruns: 0,
    underrunMs: 0,
    violations: 0
  }
}

const nothing: ReadonlyArray<PlayoutOutput> = []

const everyMark = (): boolean => true

/** Guards against a time a hair below the sample it means. */
const EPSILON = 1e-6

const sampleAt = (state: PlayoutState, atMs: number): number =>
  Math.max(state.atSample, Math.floor(atMs * BYTES_PER_MS + EPSILON))

/** When the next mark is due, in line milliseconds; undefined when none waits. */
export const nextMarkMs = (state: PlayoutState): number | undefined => {
  for (const item of state.queue) if (item._tag === "Mark") return item.dueAt / BYTES_PER_MS
  return undefined
}

/** Plays up to `toSample`: audio in order, and each mark the moment it is reached. */
const play = (
  state: PlayoutState,
  toSample: number
): readonly [state: PlayoutState, outputs: ReadonlyArray<PlayoutOutput>] => {
  if (state.queue.length === 0) return [state.atSample === toSample ? state : { ...state, atSample: toSample }, nothing]
  const outputs: Array<PlayoutOutput> = []
  let at = state.atSample
  let offset = state.headOffset
  let done = 0
  for (let item = state.queue[0]; item !== undefined; item = state.queue[++done]) {
    const atMs = at / BYTES_PER_MS
    if (item._tag === "Mark") {
      outputs.push({ _tag: "MarkReturned", atMs, name: item.name, reason: "played" })
      continue
    }
    const end = Math.min(item.bytes.length, offset + toSample - at)
    if (end === offset) break
    outputs.push({ _tag: "Played", atMs, bytes: item.bytes.subarray(offset, end), reply: item.reply })
    at += end - offset
    offset = end
    if (offset < item.bytes.length) break
    offset = 0
  }
  const played = at - state.atSample
  const next: PlayoutState = {
    ...state,
    atSample: toSample,
    queue: done === 0 ? state.queue : state.queue.slice(done),
    headOffset: offset,
    queuedBytes: state.queuedBytes - played,
    dryFrom: at,
    totals: { ...state.totals, playedBytes: state.totals.playedBytes + played }
  }
  return [next, outputs]
}

/**
 * Takes audio in, and settles whether the dry stretch before it was an underrun.
 *
 * A reply is open from its first media to a mark that ends it (`endsReply`) or a clear, in the order they arrive. The
 * queue being empty while a reply is open is an underrun once more media of that reply follows; at the end of a reply
 * it is not. A server that has not sent a single mark yet never says where a reply ends: for it only stretches shorter
 * than `replyGapMs` count, and longer ones begin a new reply.
 */
const takeMedia = (
  state: PlayoutState,
  bytes: Uint8Array,
  options: PlayoutOptions
): readonly [PlayoutState, ReadonlyArray<PlayoutOutput>] => {
  const dry = state.queuedBytes === 0 ? state.atSample - state.dryFrom : 0
  const gapMs = dry / BYTES_PER_MS
  const sameReply = state.replyOpen && (state.marksSeen || gapMs < (options.replyGapMs ?? 2000))
  const reply = sameReply ? state.reply : state.reply + 1
  const underrun = sameReply && dry > 0
  const { totals } = state
  return [
    {
      ...state,
      queue: [...state.queue, { _tag: "Audio", bytes, reply }],
      queuedBytes: state.queuedBytes + bytes.length,
      reply,
      replyOpen: true,
      totals: {
        ...totals,
        receivedBytes: totals.receivedBytes + bytes.length,
        raggedFrames: totals.raggedFrames + (bytes.length % FRAME_BYTES === 0 ? 0 : 1),
        underruns: totals.underruns + (underrun ? 1 : 0),
        underrunMs: totals.underrunMs + (underrun ? gapMs : 0)
      }
    },
    underrun ? [{ _tag: "Underrun", atMs: state.dryFrom / BYTES_PER_MS, durationMs: gapMs, reply }] : nothing
  ]
}

const takeMark = (
  state: PlayoutState,
  name: string,
  options: PlayoutOptions
): readonly [PlayoutState, ReadonlyArray<PlayoutOutput>] => {
  const replyOpen = state.replyOpen && !(options.endsReply ?? everyMark)(name)
  if (state.queue.length === 0) {
    const atMs = state.atSample / BYTES_PER_MS
    return [{ ...state, replyOpen, marksSeen: true }, [{ _tag: "MarkReturned", atMs, name, reason: "empty" }]]
  }
  const mark: Queued = { _tag: "Mark", name, dueAt: state.atSample + state.queuedBytes }
  return [{ ...state, replyOpen, marksSeen: true, queue: [...state.queue, mark] }, nothing]
}

const clear = (state: PlayoutState): readonly [PlayoutState, ReadonlyArray<PlayoutOutput>] => {
  const atMs = state.atSample / BYTES_PER_MS
  const outputs: Array<PlayoutOutput> = [{ _tag: "Cleared", atMs, flushedBytes: state.queuedBytes }]
  for (const item of state.queue) {
    if (item._tag === "Mark") outputs.push({ _tag: "MarkReturned", atMs, name: item.name, reason: "cleared" })
  }
  const totals = { ...state.totals, flushedBytes: state.totals.flushedBytes + state.queuedBytes }
  return [
    { ...state, queue: [], headOffset: 0, queuedBytes: 0, replyOpen: false, dryFrom: state.atSample, totals },
    outputs
  ]
}

/**
 * Plays up to the input's time, then does what the frame asks for.
 *
 * Audio leaves the queue at 8 bytes a millisecond. A mark goes back when everything queued before it was played, at once
 * if nothing is queued, and with all others right after a `clear` has emptied the queue. A frame that breaks the rules
 * is counted and changes nothing else. Source: twilio.com/docs/voice/media-streams/websocket-messages.
 */
export const step = (
  state: PlayoutState,
  input: PlayoutInput,
  options: PlayoutOptions = {}
): readonly [state: PlayoutState, outputs: ReadonlyArray<PlayoutOutput>] => {
  const [now, before] = play(state, sampleAt(state, input.atMs))
  if (input._tag === "Tick") return [now, before]
  const [next, after] = act(now, input.frame, options)
  return [next, before.length === 0 ? after : [...before, ...after]]
}

const act = (
  state: PlayoutState,
  frame: ServerFrame | Violation,
  options: PlayoutOptions
): readonly [PlayoutState, ReadonlyArray<PlayoutOutput>] => {
  switch (frame._tag) {
    case "Media":
      return frame.bytes.length === 0 ? [state, nothing] : takeMedia(state, frame.bytes, options)
    case "Mark":
      return takeMark(state, frame.name, options)
    case "Clear":
      return clear(state)
    case "Violation": {
      const totals = { ...state.totals, violations: state.totals.violations + 1 }
      return [{ ...state, totals }, [{ _tag: "Violated", atMs: state.atSample / BYTES_PER_MS, violation: frame }]]
    }
  }
}
