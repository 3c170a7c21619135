/** The scripts of the stand-ins in, what the emulators on real sockets are to do out, so that one scenario runs both ways. Pure. */
import { type FailureReason } from "../schema/Errors.ts"
import * as Beliefs from "./Beliefs.ts"
import { type ChatEmulatorScript } from "./ChatEmulator.ts"
import { type ChatFault, type ChatReply } from "./ChatReply.ts"
import {
  defaultLanguageModelScript,
  type LanguageModelFault,
  type LanguageModelScript,
  replyTo,
  requestOf
} from "./ScriptedLanguageModel.ts"
import { DEFAULT_TRANSCRIPT_MS, type SpeechToTextFault, type SpeechToTextScript } from "./ScriptedSpeechToText.ts"
import {
  defaultTextToSpeechScript,
  speechOf,
  type TextToSpeechFault,
  type TextToSpeechScript
} from "./ScriptedTextToSpeech.ts"
import { type SttBeliefs, SttCommitFault, type SttEmulatorScript, type SttSegment } from "./SttScript.ts"
import { type TtsEmulatorScript, TtsItemFault } from "./TtsScript.ts"
import { wordsIn } from "./WordHearing.ts"

/** Every second sample: what went up from 8 kHz comes down again. */
const everySecond = (samples: Int16Array): Int16Array =>
  Int16Array.from({ length: samples.length >> 1 }, (_, n) => samples[2 * n] ?? 0)

const RATE = 16_000

/** An error as the services write it, for a reason of ours. */
const wireError = (reason: FailureReason) => ({
  message: `${reason}, as scripted`,
  type: reason === "Rejected" ? "invalid_request_error" : "server_error",
  code: reason
})

const commitFault = (fault: SpeechToTextFault | undefined): SttCommitFault | undefined => {
  switch (fault?.kind) {
    case undefined:
      return undefined
    case "empty":
      return SttCommitFault.Empty()
    case "hang":
      return SttCommitFault.Silent()
    case "twice":
      return SttCommitFault.Twice()
    case "fail":
      return fault.reason === "Disconnected"
        ? SttCommitFault.Cut()
        : SttCommitFault.FailItem({ error: wireError(fault.reason) })
  }
}

/** Tells the same of a segment as the script's recogniser does. */
const beliefsOf = (script: SpeechToTextScript, wordsOf: (segment: SttSegment) => string): SttBeliefs | undefined =>
  script.interimEveryMs === undefined
    ? undefined
    : {
        everyMs: script.interimEveryMs,
        of: (number) => {
          let state = Beliefs.initial
          return (samples) => {
            const [next, told] = Beliefs.step(state, wordsOf({ number, samples }), script.rewrites === true)
            state = next
            return told
          }
        }
      }

/** The transcription emulator for a script. */
export const toSttEmulator = (script: SpeechToTextScript): SttEmulatorScript => {
  const { words } = script
  const heard = ({ number, samples }: SttSegment, complete: boolean): string =>
    typeof words === "function"
      ? words(everySecond(samples), number)
      : wordsIn(samples, words, RATE, complete).join(" ")
  const beliefs = beliefsOf(script, (segment) => heard(segment, false))
  return {
    words: (segment) => heard(segment, true),
    latency: (commit) => script.answers?.[commit]?.delayMs ?? script.delayMs ?? DEFAULT_TRANSCRIPT_MS,
    commitFault: (commit) => commitFault(script.answers?.[commit]?.fault),
    ...(beliefs === undefined ? {} : { beliefs })
  }
}

const chatFault = (fault: LanguageModelFault | undefined): ChatFault | undefined => {
  switch (fault?.kind) {
    case undefined:
    case "refuse":
      return undefined
    case "hang":
      return { kind: "hang" }
    case "error":
    case "stall":
    case "cut":
      return { kind: fault.kind, afterTokens: fault.afterTokens }
  }
}

/** The completions emulator for a script. */
export const toChatEmulator = (script: LanguageModelScript): ChatEmulatorScript => ({
  replies: ({ body, number }): ChatReply => {
    const messages = body.messages.map(({ content, role }) => ({ role, text: content ?? "" }))
    const reply = replyTo(script, requestOf(number, messages))
    const { firstTokenMs, tokensPerSecond } = { ...defaultLanguageModelScript, ...script, ...reply }
    const fault = chatFault(reply.fault)
    return {
      ...(reply.text === undefined ? {} : { text: reply.text }),
      toolCalls: (reply.calls ?? []).map(({ name, params }) => ({ name, arguments: params })),
      pace: { firstToken: firstTokenMs, tokensPerSecond },
      ...(reply.fault?.kind === "refuse" ? { refusal: { status: 400 } } : {}),
      ...(fault === undefined ? {} : { fault })
    }
  }
})

const itemFault = (fault: TextToSpeechFault | undefined): TtsItemFault | undefined => {
  switch (fault?.kind) {
    case undefined:
      return undefined
    case "silent":
      return TtsItemFault.Silent()
    case "no end":
      return TtsItemFault.NoDone()
    case "hang":
      return TtsItemFault.Stall({ afterMs: fault.afterMs ?? 0 })
    case "fail":
      return fault.reason === "Disconnected"
        ? TtsItemFault.Cut({ afterMs: fault.afterMs ?? 0 })
        : TtsItemFault.Fail({ error: wireError(fault.reason), afterMs: fault.afterMs ?? 0 })
  }
}

/** The speech emulator for a script. */
export const toTtsEmulator = (script: TextToSpeechScript): TtsEmulatorScript => {
  const { firstByteMs, pieceMs, realTimeFactor, sampleRate } = { ...defaultTextToSpeechScript, ...script }
  return {
    audio: ({ text }) => speechOf(script, text),
    sampleRate,
    realTimeFactor,
    deltaBytes: [2 * Math.max(1, Math.round((pieceMs * sampleRate) / 1000))],
    firstAudio: ({ number }) => script.sentences?.[number]?.firstByteMs ?? firstByteMs,
    itemFault: ({ number }) => itemFault(script.sentences?.[number]?.fault)
  }
}
