/** `parley/testing`: whole phone calls in virtual time, and the same calls over real sockets. See `docs/testing.md`. */

// Calls: a scenario in, a report out.
export { type ScenarioOptions, simulate, type SimulationOptions } from "./Simulation.ts"
export { type LiveReport, simulateLive } from "./LiveSimulation.ts"
export { type AgentOptions, defaultDeadlines, type ServiceScripts, testPersona } from "./SimulatedServices.ts"

// What the caller does.
export {
  type CallerScript,
  type CallerStep,
  decide,
  hangUp,
  interrupt,
  listen,
  pause,
  press,
  reset,
  say,
  sendRaw,
  type Speech,
  waitUntilAgentHangsUp,
  waitUntilAgentQuiet,
  waitUntilAgentSpeaks
} from "./CallerScript.ts"
export { type Lexicon, lexiconOf, type SoundOptions, soundOf, spoken, wordsOf } from "./WordSound.ts"
export { type HeardWord, hearWords, makeWordDecoder, type WordDecoder, wordsIn } from "./WordHearing.ts"

// What is wrong with the line.
export { type Impairments, type NoiseKind } from "./Impairments.ts"

// What the services do: scripts, and layers that follow them.
export {
  type LanguageModelFault,
  type LanguageModelReply,
  type LanguageModelRequest,
  type LanguageModelScript,
  type ScriptedCall,
  scriptedLanguageModel,
  type ScriptedMessage
} from "./ScriptedLanguageModel.ts"
export {
  scriptedSpeechToText,
  type SpeechToTextAnswer,
  type SpeechToTextFault,
  type SpeechToTextScript
} from "./ScriptedSpeechToText.ts"
export {
  scriptedTextToSpeech,
  type TextToSpeechAnswer,
  type TextToSpeechFault,
  type TextToSpeechScript
} from "./ScriptedTextToSpeech.ts"
export { scriptedVoiceActivity, type VoiceActivityScript } from "./ScriptedVoiceActivity.ts"

// What is known of a call that is over.
export { type CallRemains, type CallReport, type LogLine, type ReplyReport, type Said } from "./CallReport.ts"
export { type WordsHeard } from "./HeardWords.ts"
export {
  audibleStretches,
  entriesOf,
  type Stretch,
  type Timeline,
  type TimelineBody,
  type TimelineEntry
} from "./Timeline.ts"
export { renderTimeline } from "./TimelineText.ts"
export { type CallEnd, type CallRecording, type LineEvent } from "./CallRecording.ts"
export { type Utterance } from "./GroundTruth.ts"

// What must hold in every call, and calls to try it on.
export {
  checkCall,
  defaultLimits,
  hearsEverything,
  type Invariant,
  invariants,
  type Limits,
  type Violation
} from "./Invariants.ts"
export { type RandomCall, randomCall, type RandomScriptOptions } from "./RandomScripts.ts"

// The parts: a caller for any server, a clock that does not wait.
export { type CallOptions, type CallResult, placeCall, type ScriptFailure } from "./TwilioCaller.ts"
export {
  type CarrierConnection,
  connectMemory,
  ConnectError,
  connectSocket,
  connectTo,
  type MemoryConnection
} from "./CarrierConnection.ts"
export { httpCall, type HttpCallOptions, type HttpCallResult, type Sign, WebhookError } from "./HttpCall.ts"
export { readTwiml, TwimlError, type TwimlStream } from "./Twiml.ts"
export { type GroundTruth, type GroundTruthState, makeGroundTruth, wordsBetween } from "./GroundTruth.ts"
export { type TwilioIdentity } from "./TwilioFrames.ts"
export { type PlayoutOptions, type PlayoutTotals } from "./TwilioPlayout.ts"
export { inVirtualTime, timeStandsStill, type VirtualTimeOptions } from "./VirtualTime.ts"

// Emulators of the services on real sockets.
export { type EmulatedSocketControls } from "./EmulatedSocket.ts"
export { serveEmulator } from "./EmulatorServer.ts"
export { toChatEmulator, toSttEmulator, toTtsEmulator } from "./EmulatorScripts.ts"
export {
  type ChatEmulator,
  chatEmulator,
  type ChatEmulatorScript,
  type ChatEvent,
  type ChatExchange
} from "./ChatEmulator.ts"
export { type ChatEnding, type ChatFault, type ChatPace, type ChatRefusal, type ChatReply } from "./ChatReply.ts"
export { type SttEmulator, sttEmulator } from "./SttEmulator.ts"
export {
  type SttBeliefs,
  SttCommitFault,
  SttConnectionFault,
  type SttEmulatorScript,
  SttEvent,
  type SttInterim,
  type SttSegment
} from "./SttScript.ts"
export { type TtsEmulator, ttsEmulator } from "./TtsEmulator.ts"
export { TtsConnectionFault, type TtsEmulatorScript, TtsEvent, type TtsItem, TtsItemFault } from "./TtsScript.ts"
