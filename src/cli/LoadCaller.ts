/** One synthetic caller on an open media stream: time and the server's frames in, the carrier's frames out, what was seen into the tally. Owns the conversation's course; no clock, no socket. */
import { FRAME_MS } from "../schema/Audio.ts"
import { type TwilioFrames } from "../testing/TwilioFrames.ts"
import { BREATH_MS } from "./CallMeasure.ts"
import { FINISHED_MS } from "./CallScript.ts"
import { record } from "./Histogram.ts"
import { makeLoadPlayout } from "./LoadPlayout.ts"
import { type LoadTally } from "./LoadTally.ts"

/** Longest wait for a greeting, in milliseconds: an agent may well let the caller begin. */
const GREETING_MS = 5000

/** How far into what the agent says it is interrupted, in milliseconds. */
const BARGE_IN_AFTER_MS = 800

/** How long the agent may speak before the caller goes on all the same, in milliseconds. */
const LONGEST_REPLY_MS = 120_000

/** Speech beyond the end of the caller's that makes an answer of what began before it, in milliseconds. */
const ANSWER_MS = 300

/** Payload of a frame without sound: 160 times the mu-law code of 0. */
const silence = Buffer.alloc(160, 0xff).toString("base64")

/** Something to say, ready for the line. */
export interface LoadUtterance {
  readonly label: string
  /** Base64 of 160 bytes of mu-law each. */
  readonly payloads: ReadonlyArray<string>
  /** From its first to its last audible sample, in milliseconds of its own time. */
  readonly fromMs: number
  readonly untilMs: number
}

/** How callers behave. */
export interface LoadManners {
  readonly utterances: ReadonlyArray<LoadUtterance>
  /** Silence of both sides before a turn, after the agent is known to have finished. */
  readonly pauseMs: number
  /** How long an answer may take. */
  readonly timeoutMs: number
  /** Share of turns that interrupt the agent, 0 to 1. */
  readonly bargeIn: number
}

/** A call that is held. */
export interface LoadCallerOptions {
  readonly manners: LoadManners
  /** Number of the call; callers with different numbers begin at different places of what there is to say. */
  readonly number: number
  readonly frames: TwilioFrames
  readonly send: (frame: string) => void
  readonly at: (dueMs: number, act: () => void) => void
  readonly tally: LoadTally
  /** When the stream was opened. */
  readonly originMs: number
  /** Turns and audio count that begin between these. */
  readonly measureFromMs: number
  readonly measureUntilMs: number
}

/** The caller of one call; mutable. */
export interface LoadCaller {
  /** Sends the frame that is due, and does what is to be done by then. */
  readonly tick: (nowMs: number) => void
  /** When the next frame is due. */
  readonly nextMs: () => number
  /** Takes in what the server sent. */
  readonly receive: (nowMs: number, text: string) => void
  /** Whether the agent was heard. */
  readonly wasAnswered: () => boolean
}

/** A turn that is being said or waits for its answer. */
interface Turn {
  readonly startMs: number
  readonly endMs: number
  /** It began while the agent was speaking, and what the agent was saying is not over yet. */
  interrupts: boolean
}

/** What the server sends; anything may be missing. */
interface ServerMessage {
  readonly event?: unknown
  readonly media?: { readonly payload?: unknown }
  readonly mark?: { readonly name?: unknown }
}

const parse = (text: string): ServerMessage => {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}

/** Spreads the turns that interrupt evenly over turns and callers. */
const interruptsAt = (share: number, number: number, turn: number): boolean => {
  const offset = (number * 0.618_034) % 1
  return Math.floor((turn + 1) * share + offset) > Math.floor(turn * share + offset)
}

/** A caller who hears the greeting, says something, hears the answer, and so on until the stream is closed. */
export const makeLoadCaller = (options: LoadCallerOptions): LoadCaller => {
  const { frames, manners, number, originMs, send, tally } = options
  const playout = makeLoadPlayout()
  const marks = new Set<string>()
  let sent = 0
  let turns = 0
  /** Since when the agent has been speaking, and since when the caller listens. */
  let agentSinceMs = originMs
  let listensSinceMs = originMs
  let turn: Turn | undefined
  let saying: { readonly utterance: LoadUtterance; next: number } | undefined

  const counts = (atMs: number): boolean => atMs >= options.measureFromMs && atMs < options.measureUntilMs

  const begin = (atMs: number, interrupts: boolean): void => {
    const utterance = manners.utterances[(number + turns) % manners.utterances.length]
    if (utterance === undefined) return
    turns++
    saying = { utterance, next: 0 }
    turn = { startMs: atMs + utterance.fromMs, endMs: atMs + utterance.untilMs, interrupts }
    playout.interrupt()
  }

  const interruptionIsOver = (over: Turn): void => {
    over.interrupts = false
    if (counts(over.startMs)) record(tally.bargeIn, Math.max(0, (playout.heardUntilMs() ?? 0) - over.startMs))
  }

  const finish = (atMs: number): void => {
    turn = undefined
    listensSinceMs = atMs
  }

  const hear = (fromMs: number, untilMs: number, goesOn: boolean): void => {
    if (!goesOn) agentSinceMs = fromMs
    if (turn === undefined || turn.interrupts) return
    if (fromMs < turn.endMs && untilMs <= turn.endMs + ANSWER_MS) return
    const delayMs = agentSinceMs - turn.endMs
    if (counts(turn.startMs)) {
      tally.turns++
      if (delayMs < 0) tally.early++
      else record(tally.voiceToVoice, delayMs)
    }
    finish(fromMs)
  }

  const play = (nowMs: number): void => {
    const heardMs = playout.heardUntilMs() ?? 0
    if (turn?.interrupts === true && nowMs - heardMs >= BREATH_MS) interruptionIsOver(turn)
    playout.playTo(nowMs, hear)
  }

  /** What there is to do at the time of a frame, before it is sent. */
  const decide = (dueMs: number): void => {
    if (saying !== undefined) return
    const heardMs = playout.heardUntilMs()
    if (turn !== undefined) {
      if (dueMs - turn.endMs < manners.timeoutMs) return
      if (counts(turn.startMs)) tally.unanswered++
      return finish(dueMs)
    }
    if (heardMs === undefined) {
      if (dueMs - originMs >= GREETING_MS) begin(dueMs, false)
      return
    }
    const isLongEnough = playout.hasMore() && dueMs - agentSinceMs >= BARGE_IN_AFTER_MS
    if (isLongEnough && interruptsAt(manners.bargeIn, number, turns)) return begin(dueMs, true)
    const quietMs = playout.hasMore() ? 0 : dueMs - Math.max(heardMs, listensSinceMs)
    if (quietMs >= FINISHED_MS + manners.pauseMs || dueMs - listensSinceMs >= LONGEST_REPLY_MS) begin(dueMs, false)
  }

  /** The next 20 ms of the caller's side. */
  const payload = (): string => {
    if (saying === undefined) return silence
    const next = saying.utterance.payloads[saying.next++]
    if (saying.next >= saying.utterance.payloads.length) saying = undefined
    return next ?? silence
  }

  const receiveMedia = (nowMs: number, base64: string): void => {
    const { aheadMs } = playout.media(nowMs, Buffer.from(base64, "base64"))
    // What the agent does while it is spoken over is no question of being in time.
    if (saying !== undefined) return playout.interrupt()
    if (aheadMs === undefined || !counts(nowMs)) return
    record(tally.ahead, aheadMs)
    record(tally.late, Math.max(0, -aheadMs))
    if (aheadMs < -1) {
      tally.underruns++
      tally.underrunMs -= aheadMs
    }
  }

  const returnMark = (name: string): void => {
    if (marks.delete(name)) send(frames.mark(name))
  }

  return {
    tick: (nowMs) => {
      const dueMs = originMs + (sent + 1) * FRAME_MS
      play(nowMs)
      // Audio of a frame is what was said in the 20 ms before it.
      decide(dueMs - FRAME_MS)
      sent++
      send(frames.media(sent, (sent - 1) * FRAME_MS, payload()))
      if (counts(dueMs)) {
        tally.frames++
        record(tally.ownLateness, Math.max(0, nowMs - dueMs))
      }
    },
    nextMs: () => originMs + (sent + 1) * FRAME_MS,
    receive: (nowMs, text) => {
      play(nowMs)
      const { event, mark, media } = parse(text)
      if (event === "media" && typeof media?.payload === "string") return receiveMedia(nowMs, media.payload)
      if (event === "mark" && typeof mark?.name === "string") {
        const { name } = mark
        marks.add(name)
        return options.at(playout.markDueMs(nowMs), () => returnMark(name))
      }
      if (event === "clear") {
        playout.clear(nowMs)
        if (turn?.interrupts === true) interruptionIsOver(turn)
        for (const name of marks) returnMark(name)
      }
    },
    wasAnswered: () => playout.heardUntilMs() !== undefined
  }
}
