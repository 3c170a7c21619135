/** A script and what the caller hears in, what the caller says and does out, exact to the sample. A pure state machine, stepped once per frame. */
import { type Effect } from "effect"
import { BYTES_PER_MS } from "../schema/Audio.ts"
import { type AgentVoice, speakingFrom } from "./AgentVoice.ts"
import { type CallerScript, type CallerStep, stepsOf } from "./CallerScript.ts"

/** Where a script stands. Positions are samples of line time. */
export interface ScriptState {
  /** Steps left; the first one is being done. */
  readonly steps: ReadonlyArray<CallerStep>
  /** How many steps were done before it. */
  readonly done: number
  /** When the current step began. */
  readonly enteredAt: number
  /** How much of the current step was done: samples said, or keys pressed. */
  readonly progress: number
  /** When the agent began what is to be interrupted. */
  readonly anchor: number | undefined
  /** Whether the current step's effect is running. */
  readonly deciding: boolean
  readonly finished: boolean
}

/** One frame's worth of line time, what was heard up to its end, and how a `decide` went that ended since the last one. */
export interface ScriptInput {
  readonly from: number
  readonly to: number
  readonly agent: AgentVoice
  readonly decided: Decided | undefined
}

/** The steps a `decide` returned, or that it took too long. */
export type Decided = { readonly _tag: "Steps"; readonly script: CallerScript } | { readonly _tag: "TimedOut" }

/** What the caller does; `at` is the sample at which it happens, within the frame. */
export type ScriptOutput =
  | { readonly _tag: "UtteranceStarted"; readonly at: number; readonly audio: Int16Array; readonly text: string }
  /** Part of an utterance. */
  | { readonly _tag: "Voice"; readonly at: number; readonly samples: Int16Array }
  | { readonly _tag: "Key"; readonly at: number; readonly digit: string }
  | { readonly _tag: "Raw"; readonly at: number; readonly frame: string }
  | { readonly _tag: "Decide"; readonly next: Effect.Effect<CallerScript>; readonly timeoutMs: number }
  | { readonly _tag: "Failed"; readonly at: number; readonly step: number; readonly message: string }
  | { readonly _tag: "HangUp"; readonly at: number }
  | { readonly _tag: "Reset"; readonly at: number }

/** The beginning of a script. */
export const initial = (script: CallerScript): ScriptState => ({
  steps: stepsOf(script),
  done: 0,
  enteredAt: 0,
  progress: 0,
  anchor: undefined,
  deciding: false,
  finished: false
})

/** Silence of the agent before an interruption that makes it none, in samples. */
const ALREADY_QUIET = 500 * BYTES_PER_MS

const samples = (ms: number): number => Math.round(ms * BYTES_PER_MS)

const seconds = (ms: number): string => `${ms / 1000} s`

/** A step's outcome within the frame: not over yet, or over at a sample. */
type Outcome =
  | { readonly _tag: "Going"; readonly state: ScriptState }
  /** `next` comes before the steps that are left; a step that only `turns` into them is not done yet. */
  | { readonly _tag: "Over"; readonly at: number; readonly next?: ReadonlyArray<CallerStep>; readonly turns?: true }

const over = (at: number): Outcome => ({ _tag: "Over", at })

/** Does one frame of the script. */
export const step = (
  state: ScriptState,
  input: ScriptInput
): readonly [state: ScriptState, outputs: ReadonlyArray<ScriptOutput>] => {
  const outputs: Array<ScriptOutput> = []
  let current = state
  let at = input.from
  while (!current.finished && at < input.to) {
    const head = current.steps[0]
    if (head === undefined) {
      outputs.push({ _tag: "HangUp", at })
      return [{ ...current, finished: true }, outputs]
    }
    const outcome = perform(current, head, at, input, outputs)
    if (outcome._tag === "Going") return [outcome.state, outputs]
    at = outcome.at
    const rest = current.steps.slice(1)
    current = {
      steps: outcome.next === undefined ? rest : [...outcome.next, ...rest],
      done: current.done + (outcome.turns === true ? 0 : 1),
      enteredAt: at,
      progress: 0,
      anchor: undefined,
      deciding: false,
      finished: head._tag === "HangUp" || head._tag === "Reset"
    }
  }
  return [current, outputs]
}

/** Works on one step from sample `at` to the end of the frame; what the caller does goes to `outputs`. */
const perform = (
  state: ScriptState,
  head: CallerStep,
  at: number,
  input: ScriptInput,
  outputs: Array<ScriptOutput>
): Outcome => {
  const going: Outcome = { _tag: "Going", state }
  const failed = (sample: number, message: string): void => {
    outputs.push({ _tag: "Failed", at: sample, step: state.done, message })
  }
  /** Over at `reached`, unless the step's time was up before that. */
  const within = (reached: number | undefined, timeoutMs: number, message: string): Outcome => {
    const deadline = state.enteredAt + samples(timeoutMs)
    if (reached !== undefined && reached <= input.to && reached <= deadline) return over(reached)
    if (deadline > input.to) return going
    failed(deadline, message)
    return over(Math.max(at, deadline))
  }
  switch (head._tag) {
    case "Say": {
      if (state.progress === 0) outputs.push({ _tag: "UtteranceStarted", at, audio: head.audio, text: head.text })
      const said = Math.min(head.audio.length, state.progress + input.to - at)
      if (said > state.progress) {
        outputs.push({ _tag: "Voice", at, samples: head.audio.subarray(state.progress, said) })
      }
      return said === head.audio.length
        ? over(at + said - state.progress)
        : { _tag: "Going", state: { ...state, progress: said } }
    }
    case "Pause": {
      const end = state.enteredAt + samples(head.ms)
      return end <= input.to ? over(Math.max(at, end)) : going
    }
    case "WaitUntilAgentSpeaks":
      return within(
        speakingFrom(input.agent, at),
        head.timeoutMs,
        `the agent said nothing within ${seconds(head.timeoutMs)}`
      )
    case "WaitUntilAgentQuiet":
      return within(
        Math.max(at, input.agent.until + samples(head.quietMs)),
        head.timeoutMs,
        `the agent was not quiet for ${head.quietMs} ms within ${seconds(head.timeoutMs)}`
      )
    case "Interrupt":
      return interrupt(state, head, at, input, within, failed)
    case "Press": {
      let pressed = state.progress
      const keyAt = (key: number): number => state.enteredAt + key * samples(head.keyMs)
      for (; pressed < head.keys.length && keyAt(pressed) < input.to; pressed++) {
        outputs.push({ _tag: "Key", at: keyAt(pressed), digit: head.keys.charAt(pressed) })
      }
      const end = keyAt(head.keys.length)
      return end <= input.to ? over(Math.max(at, end)) : { _tag: "Going", state: { ...state, progress: pressed } }
    }
    case "SendRaw":
      outputs.push({ _tag: "Raw", at, frame: head.frame })
      return over(at)
    case "Decide":
      if (!state.deciding) {
        outputs.push({ _tag: "Decide", next: head.next, timeoutMs: head.timeoutMs })
        return { _tag: "Going", state: { ...state, deciding: true } }
      }
      if (input.decided === undefined) return going
      if (input.decided._tag === "Steps") return { _tag: "Over", at, next: stepsOf(input.decided.script) }
      failed(at, `${head.name} was not done within ${seconds(head.timeoutMs)}`)
      return over(at)
    case "WaitUntilAgentHangsUp":
      return within(undefined, head.timeoutMs, `the agent did not end the call within ${seconds(head.timeoutMs)}`)
    case "HangUp":
    case "Reset":
      outputs.push({ _tag: head._tag, at })
      return over(at)
  }
}

/** Waits for the agent to speak, then for the moment to cut in, and turns into saying something. */
const interrupt = (
  state: ScriptState,
  head: Extract<CallerStep, { readonly _tag: "Interrupt" }>,
  at: number,
  input: ScriptInput,
  within: (reached: number | undefined, timeoutMs: number, message: string) => Outcome,
  failed: (sample: number, message: string) => void
): Outcome => {
  const speakAt = (sample: number): Outcome => ({
    _tag: "Over",
    at: sample,
    next: [{ _tag: "Say", audio: head.audio, text: head.text }],
    turns: true
  })
  if (state.anchor === undefined) {
    const speaking = speakingFrom(input.agent, at)
    const outcome = within(
      speaking,
      head.timeoutMs,
      `the agent said nothing to interrupt in ${seconds(head.timeoutMs)}`
    )
    if (outcome._tag === "Going") return outcome
    if (outcome.at !== speaking) return speakAt(outcome.at)
  }
  const anchor = state.anchor ?? input.agent.from ?? at
  const moment = Math.max(at, anchor + samples(head.afterMs))
  if (moment > input.to) return { _tag: "Going", state: { ...state, anchor } }
  if (input.agent.until + ALREADY_QUIET <= moment) {
    failed(moment, `the agent was quiet again ${head.afterMs} ms into its reply: nothing was interrupted`)
  }
  return speakAt(moment)
}

/** Whether nothing is left to do once the agent has ended the call. */
export const waitsForHangUp = (state: ScriptState): boolean =>
  state.steps.every((step, index) => step._tag === (index === 0 ? "WaitUntilAgentHangsUp" : "HangUp"))
