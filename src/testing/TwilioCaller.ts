/** A script in, a whole phone call on a media stream out: placed, held and recorded. Owns no server and no sounds of its own. */
import { Effect, Option, Queue, Stream } from "effect"
import { BYTES_PER_MS } from "../schema/Audio.ts"
import { audibleBounds } from "./AgentVoice.ts"
import { type CallEnd, type CallRecording, makeRecorder } from "./CallRecording.ts"
import { type CallerScript, stepsOf } from "./CallerScript.ts"
import { type CarrierConnection } from "./CarrierConnection.ts"
import { type GroundTruth, makeGroundTruth, type Utterance } from "./GroundTruth.ts"
import { type Impairments } from "./Impairments.ts"
import { makeLineSound } from "./LineNoise.ts"
import * as ScriptRunner from "./ScriptRunner.ts"
import { makeIdentity, type TwilioIdentity } from "./TwilioFrames.ts"
import { type CallerAct, type Mouth } from "./TwilioLine.ts"
import { type PlayoutOptions, type PlayoutTotals } from "./TwilioPlayout.ts"
import { runTwilioStream } from "./TwilioStream.ts"

/** A call to place. */
export interface CallOptions<E = never, R = never> {
  /** Reaches the server: `connectTo(serve)` in memory, `connectSocket(url)` over a WebSocket. */
  readonly connect: Effect.Effect<CarrierConnection, E, R>
  readonly script: CallerScript
  /** What is wrong with the line; nothing by default. */
  readonly impairments?: Impairments
  /** `customParameters` of the `start` frame. */
  readonly parameters?: Readonly<Record<string, string>>
  /** Identifiers the call must have; the rest is drawn from the Random service. */
  readonly identity?: Partial<TwilioIdentity>
  /** Where to write down what the caller says, while it is said. */
  readonly groundTruth?: GroundTruth
  readonly playout?: PlayoutOptions
}

/** A step of the script that did not go as it should have. */
export interface ScriptFailure {
  /** Number of the step, from 0. */
  readonly step: number
  /** Line time in milliseconds. */
  readonly atMs: number
  readonly message: string
}

/** A finished call. */
export interface CallResult {
  readonly identity: TwilioIdentity
  readonly end: CallEnd
  readonly recording: CallRecording
  /** What the caller said. */
  readonly utterances: ReadonlyArray<Utterance>
  /** What became of the server's audio; bytes received are played, flushed or `unplayedBytes` at the end. */
  readonly playout: PlayoutTotals & { readonly unplayedBytes: number }
  /** Empty if the script went as it should have. */
  readonly failures: ReadonlyArray<ScriptFailure>
}

const utteranceOf = (index: number, at: number, audio: Int16Array, text: string): Utterance => {
  const bounds = audibleBounds(audio)
  return { index, startMs: (at + bounds.from) / BYTES_PER_MS, endMs: (at + bounds.until) / BYTES_PER_MS, text }
}

/** What was said of each utterance before the call ended. */
const saidUntil = (utterances: ReadonlyArray<Utterance>, endMs: number): ReadonlyArray<Utterance> =>
  utterances
    .filter((utterance) => utterance.startMs < endMs)
    .map(({ index, startMs, endMs: saidMs, text }) => ({ index, startMs, endMs: Math.min(saidMs, endMs), text }))

/**
 * Places a call, plays the script, and hangs up when it ends.
 *
 * Time is the Clock's alone, so the same call runs in virtual time and in real time. Fails only if it cannot connect;
 * what goes wrong later is in the result.
 *
 * @example
 * ```ts
 * const call = placeCall({
 *   connect: connectTo((link) => myAgent(link)),
 *   script: [listen(), say({ audio: question, text: "When do you open?" }), listen(), hangUp]
 * })
 * const result = yield* inVirtualTime(Effect.scoped(call))
 * assert.deepStrictEqual(result.failures, [])
 * assert.isBelow(replyDelays(result.recording.events)[0].delayMs, 1000)
 * ```
 */
export const placeCall = Effect.fn("TwilioCaller.placeCall")(function* <E, R>(
  options: CallOptions<E, R>
): Effect.fn.Return<CallResult, E, R> {
  const impairments = options.impairments ?? {}
  const identity = yield* makeIdentity(options.identity)
  const truth = options.groundTruth ?? (yield* makeGroundTruth)
  const connection = yield* options.connect

  const recorder = makeRecorder()
  const failures: Array<ScriptFailure> = []
  const decisions = yield* Queue.unbounded<Extract<ScriptRunner.ScriptOutput, { readonly _tag: "Decide" }>>()
  let originMs: number | undefined
  let utterances: ReadonlyArray<Utterance> = []
  let decided: ScriptRunner.Decided | undefined
  let script = ScriptRunner.initial(options.script)

  const mouth: Mouth = ({ agent, from, to }) => {
    const [next, outputs] = ScriptRunner.step(script, { from, to, agent, decided })
    script = next
    decided = undefined
    const acts: Array<CallerAct> = []
    for (const output of outputs) {
      switch (output._tag) {
        case "UtteranceStarted":
          utterances = utterances.concat(utteranceOf(utterances.length, output.at, output.audio, output.text))
          truth.setUnsafe({ originMs, utterances })
          break
        case "Decide":
          Queue.offerUnsafe(decisions, output)
          break
        case "Failed":
          failures.push({ step: output.step, atMs: output.at / BYTES_PER_MS, message: output.message })
          break
        default:
          acts.push(output)
      }
    }
    return acts
  }

  const decide = Stream.fromQueue(decisions).pipe(
    Stream.runForEach(({ next, timeoutMs }) =>
      Effect.map(Effect.timeoutOption(next, timeoutMs), (script) => {
        decided = Option.isSome(script) ? { _tag: "Steps", script: script.value } : { _tag: "TimedOut" }
      })
    )
  )

  const speech = stepsOf(options.script).flatMap((step) =>
    step._tag === "Say" || step._tag === "Interrupt" ? [step.audio] : []
  )
  const stream = runTwilioStream({
    connection,
    identity,
    parameters: options.parameters ?? {},
    mouth,
    recorder,
    impairments,
    sound: makeLineSound(impairments, speech),
    playout: options.playout ?? {},
    onOpen: (openedMs) => {
      originMs = openedMs
      truth.setUnsafe({ originMs, utterances })
    }
  })

  const result = yield* Effect.raceFirst(stream, Effect.andThen(decide, Effect.never))
  if (result.end._tag === "AgentHungUp" && !ScriptRunner.waitsForHangUp(script)) {
    const step = script.steps[0]?._tag ?? "the last step"
    failures.push({ step: script.done, atMs: result.endMs, message: `the agent ended the call during ${step}` })
  }
  utterances = saidUntil(utterances, result.endMs)
  truth.setUnsafe({ originMs, utterances })
  return {
    identity,
    end: result.end,
    recording: recorder.finish(result.endMs, utterances),
    utterances,
    playout: { ...result.playout.totals, unplayedBytes: result.playout.queuedBytes },
    failures
  }
})
