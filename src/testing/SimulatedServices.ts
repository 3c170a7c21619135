/** Scripts and settings in, everything a call stands on out: the scripted services, the settings, and an observer that keeps what it is told. Makes no call. */
import { Clock, Duration, Effect, Layer, Redacted } from "effect"
import { PHONE_RATE } from "../schema/Audio.ts"
import { type CallEvent } from "../schema/CallEvent.ts"
import { type Persona } from "../schema/Persona.ts"
import { defaultPhrases } from "../schema/Phrases.ts"
import { defaultTurnSettings, type TurnSettings } from "../schema/TurnSettings.ts"
import { AppConfig, type DeadlineSettings } from "../services/AppConfig.ts"
import { CallObserver } from "../services/CallObserver.ts"
import { type Endpointing } from "../services/Endpointing.ts"
import { KeptSpeech } from "../services/KeptSpeech.ts"
import * as EndpointingByWords from "../layers/EndpointingByWords.ts"
import { type CallServices } from "../streams/CallSession.ts"
import { endpointingOf } from "../streams/Endpointing.ts"
import { encodeMulaw } from "../streams/Mulaw.ts"
import { type CallerScript, stepsOf } from "./CallerScript.ts"
import { type GroundTruth } from "./GroundTruth.ts"
import {
  type LanguageModelRequest,
  type LanguageModelScript,
  replyTo,
  scriptedLanguageModel
} from "./ScriptedLanguageModel.ts"
import { scriptedSpeechToText, type SpeechToTextScript } from "./ScriptedSpeechToText.ts"
import { scriptedTextToSpeech, speechOf, type TextToSpeechScript } from "./ScriptedTextToSpeech.ts"
import { scriptedVoiceActivity, type VoiceActivityScript } from "./ScriptedVoiceActivity.ts"
import { type Lexicon, lexiconOf } from "./WordSound.ts"

/** What each service does; what is left out works well. */
export interface ServiceScripts {
  readonly languageModel: LanguageModelScript
  /** Without `words` it knows those of the caller's script. */
  readonly speechToText?: Partial<SpeechToTextScript>
  readonly textToSpeech?: TextToSpeechScript
  readonly voiceActivity?: VoiceActivityScript
  /** Whether the greeting and the fixed phrases need no synthesis, as in a process that has run for a while; true by default. */
  readonly keptSpeech?: boolean
}

/** What a call is held with. */
export interface AgentOptions {
  readonly services: ServiceScripts
  /** Who answers; by default somebody who says no more than "Hello, how can I help?". */
  readonly persona?: Persona
  /** Settings that differ from the usual ones. */
  readonly turns?: Partial<TurnSettings>
  readonly deadlines?: Partial<DeadlineSettings>
}

/** Who answers if nobody was chosen. */
export const testPersona: Persona = {
  id: "test",
  name: "Test",
  prompt: "You are a voice agent on the phone.",
  greeting: "Hello, how can I help?"
}

/** Deadlines of the product. */
export const defaultDeadlines: DeadlineSettings = {
  transcript: Duration.millis(1500),
  firstToken: Duration.millis(5000),
  stall: Duration.millis(4000),
  firstAudio: Duration.millis(5000)
}

/** The settings of a call's process. */
export const configOf = (options: AgentOptions): AppConfig["Service"] => ({
  server: { host: "127.0.0.1", port: 0, publicUrl: undefined },
  together: {
    apiKey: Redacted.make("scripted"),
    baseUrl: new URL("http://127.0.0.1/v1"),
    sttModel: "scripted",
    llmModel: "scripted",
    ttsModel: "scripted",
    ttsVoice: "scripted"
  },
  persona: options.persona ?? testPersona,
  turns: { ...defaultTurnSettings, ...options.turns },
  deadlines: { ...defaultDeadlines, ...options.deadlines },
  vadModelPath: undefined
})

/** The words that the caller of a script says; those of steps that are still to be decided are not among them. */
export const wordsOfScript = (script: CallerScript): Lexicon =>
  lexiconOf(...stepsOf(script).map((step) => (step._tag === "Say" || step._tag === "Interrupt" ? step.text : "")))

/** What the recogniser of a call does. */
export const speechToTextOf = (services: ServiceScripts, script: CallerScript): SpeechToTextScript => ({
  words: wordsOfScript(script),
  ...services.speechToText
})

/** A language model's script that also keeps what it is asked. */
export const listeningTo = (
  script: LanguageModelScript,
  requests: Array<LanguageModelRequest>
): LanguageModelScript => ({
  ...script,
  replies: (request) => {
    requests.push(request)
    return replyTo(script, request)
  }
})

/** What an observer was told; times are milliseconds of the Clock since the call was opened. */
export interface Watch {
  readonly events: Array<CallEvent>
  /** What the Clock's `currentTimeMillis` was then. */
  openedMs: number
}

/** An observer of one call. */
export const watching = (watch: Watch): Layer.Layer<CallObserver> =>
  Layer.succeed(CallObserver, {
    open: () =>
      Effect.map(Clock.currentTimeMillis, (nowMs) => {
        watch.openedMs = nowMs
        return (event) => Effect.sync(() => void watch.events.push(event))
      })
  })

/** Judges the end of turns as the product does. */
export const endpointing = ({ turns }: AppConfig["Service"]): Layer.Layer<Endpointing> =>
  EndpointingByWords.layer(endpointingOf(turns))

/** The greeting and the fixed phrases, in the voice of the script. */
export const keptSpeech = (options: AgentOptions): Layer.Layer<never> => {
  const { keptSpeech = true, textToSpeech } = options.services
  if (!keptSpeech) return Layer.empty
  const script = { ...textToSpeech, sampleRate: PHONE_RATE }
  const texts = new Set([(options.persona ?? testPersona).greeting, ...Object.values(defaultPhrases)])
  const kept = new Map<string, Uint8Array>()
  // Made when it is first asked for: most calls need little of it.
  const find = (text: string): Uint8Array | undefined => {
    if (texts.has(text) && !kept.has(text)) kept.set(text, encodeMulaw(speechOf(script, text)))
    return kept.get(text)
  }
  return Layer.succeed(KeptSpeech, { find })
}

/** The scripted services of one call. */
export const scriptedServices = (
  options: AgentOptions & { readonly script: CallerScript },
  truth: GroundTruth,
  watch: Watch,
  requests: Array<LanguageModelRequest>
): Layer.Layer<CallServices> => {
  const config = configOf(options)
  return Layer.mergeAll(
    Layer.succeed(AppConfig, config),
    watching(watch),
    endpointing(config),
    keptSpeech(options),
    scriptedVoiceActivity(options.services.voiceActivity, truth),
    scriptedSpeechToText(speechToTextOf(options.services, options.script)),
    scriptedLanguageModel(listeningTo(options.services.languageModel, requests)),
    scriptedTextToSpeech(options.services.textToSpeech)
  )
}
