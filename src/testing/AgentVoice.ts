/** What the caller hears of the agent in, when the agent is audible out. Pure; owns no opinion of what was said. */
import { BYTES_PER_MS } from "../schema/Audio.ts"
import { decodeMulaw } from "../streams/Mulaw.ts"

/** Least magnitude of an audible 16-bit sample, about -42 dB relative to full scale; below it are codec noise and silence. */
export const AUDIBLE = 256

/** A pause between audible samples that ends a stretch of speech, in milliseconds. */
export const STRETCH_GAP_MS = 200

/** The agent's latest stretch of audible speech, in samples of line time. */
export interface AgentVoice {
  /** First audible sample; undefined before the agent was ever heard. */
  readonly from: number | undefined
  /** The sample after the last audible one. */
  readonly until: number
  /** Number of the latest audible reply, 0 before the first. */
  readonly reply: number
  /** First audible sample of that reply. */
  readonly replyFrom: number
}

/** The agent was not heard yet. */
export const initial: AgentVoice = { from: undefined, until: 0, reply: 0, replyFrom: 0 }

const audible = Uint8Array.from(decodeMulaw(Uint8Array.from({ length: 256 }, (_, code) => code)), (sample) =>
  Math.abs(sample) >= AUDIBLE ? 1 : 0
)

/** Takes in `bytes` of mu-law that the caller hears from `atSample` on; at most a frame at a time, in order. */
export const hear = (state: AgentVoice, atSample: number, bytes: Uint8Array, reply: number): AgentVoice => {
  let first = 0
  while (first < bytes.length && audible[bytes[first]!] === 0) first++
  if (first === bytes.length) return state
  let last = bytes.length - 1
  while (audible[bytes[last]!] === 0) last--
  const from = atSample + first
  const goesOn = state.from !== undefined && from - state.until < STRETCH_GAP_MS * BYTES_PER_MS
  return {
    from: goesOn ? state.from : from,
    until: atSample + last + 1,
    reply,
    replyFrom: reply === state.reply ? state.replyFrom : from
  }
}

/**
 * The first sample from `at` on at which the agent is speaking, by what was heard so far; undefined when there is none.
 *
 * A pause in a stretch of speech is no speaking; `at` itself stands for where the stretch goes on after it.
 */
export const speakingFrom = (state: AgentVoice, at: number): number | undefined => {
  if (state.from === undefined) return undefined
  if (state.from >= at) return state.from
  return state.until > at ? at : undefined
}

/** From the first audible sample of 16-bit audio to the one after the last; all of it when none is audible. */
export const audibleBounds = (samples: Int16Array): { readonly from: number; readonly until: number } => {
  const from = samples.findIndex((sample) => Math.abs(sample) >= AUDIBLE)
  if (from < 0) return { from: 0, until: samples.length }
  return { from, until: samples.findLastIndex((sample) => Math.abs(sample) >= AUDIBLE) + 1 }
}
