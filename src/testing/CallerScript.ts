/** What a caller does in a call, step by step, as data. Owns no time: `ScriptRunner.ts` plays it. */
import { type Effect } from "effect"

/** Something to say: 8 kHz mono PCM, and its words where a recogniser is to know them. */
export interface Speech {
  readonly audio: Int16Array
  readonly text?: string
}

/** One step. Durations are milliseconds of line time; a wait that times out is recorded as a failure and the script goes on. */
export type CallerStep =
  | { readonly _tag: "Say"; readonly audio: Int16Array; readonly text: string }
  | { readonly _tag: "Pause"; readonly ms: number }
  | { readonly _tag: "WaitUntilAgentSpeaks"; readonly timeoutMs: number }
  | { readonly _tag: "WaitUntilAgentQuiet"; readonly quietMs: number; readonly timeoutMs: number }
  | {
      readonly _tag: "Interrupt"
      readonly afterMs: number
      readonly audio: Int16Array
      readonly text: string
      readonly timeoutMs: number
    }
  | { readonly _tag: "Press"; readonly keys: string; readonly keyMs: number }
  | { readonly _tag: "SendRaw"; readonly frame: string }
  | {
      readonly _tag: "Decide"
      readonly name: string
      readonly next: Effect.Effect<CallerScript>
      readonly timeoutMs: number
    }
  | { readonly _tag: "WaitUntilAgentHangsUp"; readonly timeoutMs: number }
  | { readonly _tag: "HangUp" }
  | { readonly _tag: "Reset" }

/** Steps in order; lists of steps may be nested. A script that ends without hanging up hangs up. */
export type CallerScript = ReadonlyArray<CallerStep | CallerScript>

/** How long a wait may last when it is not said otherwise. */
export const DEFAULT_TIMEOUT_MS = 30_000

interface WaitOptions {
  /** Longest wait, in milliseconds of line time; 30 000 by default. */
  readonly timeoutMs?: number
}

const duration = (what: string, ms: number): number => {
  if (Number.isFinite(ms) && ms >= 0) return ms
  throw new RangeError(`${what} is ${ms}; milliseconds, 0 or more, were expected`)
}

const timeoutOf = (what: string, options: WaitOptions | undefined): number =>
  duration(`${what}: timeoutMs`, options?.timeoutMs ?? DEFAULT_TIMEOUT_MS)

const speechOf = (speech: Int16Array | Speech): { readonly audio: Int16Array; readonly text: string } =>
  speech instanceof Int16Array ? { audio: speech, text: "" } : { audio: speech.audio, text: speech.text ?? "" }

/** Says something; the next step begins after its last sample. */
export const say = (speech: Int16Array | Speech): CallerStep => ({ _tag: "Say", ...speechOf(speech) })

/** Says nothing for `ms` milliseconds, whatever the agent does: a breath, or a caller who has gone quiet. */
export const pause = (ms: number): CallerStep => ({ _tag: "Pause", ms: duration("pause", ms) })

/** Waits until the agent is audible; does not wait at all if it is speaking already. */
export const waitUntilAgentSpeaks = (options?: WaitOptions): CallerStep => ({
  _tag: "WaitUntilAgentSpeaks",
  timeoutMs: timeoutOf("waitUntilAgentSpeaks", options)
})

/**
 * Waits until the agent was not audible for `quietMs` milliseconds (300 by default).
 *
 * An agent that has not begun is quiet too: to hear a reply out, use {@link listen}.
 */
export const waitUntilAgentQuiet = (quietMs = 300, options?: WaitOptions): CallerStep => ({
  _tag: "WaitUntilAgentQuiet",
  quietMs: duration("waitUntilAgentQuiet", quietMs),
  timeoutMs: timeoutOf("waitUntilAgentQuiet", options)
})

/** Waits for the agent to speak, and then for it to be quiet for `quietMs` milliseconds (300 by default). */
export const listen = (quietMs = 300, options?: WaitOptions): CallerScript => [
  waitUntilAgentSpeaks(options),
  waitUntilAgentQuiet(quietMs, options)
]

/**
 * Waits for the agent to speak and says something `afterMs` milliseconds into it.
 *
 * It is said even if the agent was quiet for half a second by then, and recorded as a failure: nothing was interrupted.
 */
export const interrupt = (
  options: { readonly afterMs: number; readonly say: Int16Array | Speech } & WaitOptions
): CallerStep => ({
  _tag: "Interrupt",
  afterMs: duration("interrupt: afterMs", options.afterMs),
  ...speechOf(options.say),
  timeoutMs: timeoutOf("interrupt", options)
})

/** Presses keys (0-9, *, #, A-D) one after the other, `keyMs` milliseconds each (200 by default), saying nothing. */
export const press = (keys: string, keyMs = 200): CallerStep => {
  if (!/^[0-9*#A-D]+$/.test(keys))
    throw new RangeError(`press: ${JSON.stringify(keys)}; keys of 0-9*#A-D were expected`)
  return { _tag: "Press", keys, keyMs: duration("press: keyMs", keyMs) }
}

/** Sends a text frame as it is, for what Twilio would never send. */
export const sendRaw = (frame: string): CallerStep => ({ _tag: "SendRaw", frame })

/**
 * Says nothing until the effect is done, and then does the steps it returned.
 *
 * The effect is interrupted when it takes longer than `timeoutMs` or the call ends.
 */
export const decide = (name: string, next: Effect.Effect<CallerScript>, options?: WaitOptions): CallerStep => ({
  _tag: "Decide",
  name,
  next,
  timeoutMs: timeoutOf("decide", options)
})

/** Stays on the line until the agent ends the call. */
export const waitUntilAgentHangsUp = (options?: WaitOptions): CallerStep => ({
  _tag: "WaitUntilAgentHangsUp",
  timeoutMs: timeoutOf("waitUntilAgentHangsUp", options)
})

/** Hangs up: `stop`, then the connection closes. */
export const hangUp: CallerStep = { _tag: "HangUp" }

/** Is lost: the connection breaks without `stop`. */
export const reset: CallerStep = { _tag: "Reset" }

/** The steps of a script in one list. */
export const stepsOf = (script: CallerScript): ReadonlyArray<CallerStep> =>
  script.flatMap((part) => (isScript(part) ? stepsOf(part) : [part]))

const isScript = (part: CallerStep | CallerScript): part is CallerScript => Array.isArray(part)
