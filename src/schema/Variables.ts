/** Every configuration variable: its name, unit, default, effect and kind of value. Owns no reading of the environment. */
import { Duration } from "effect"
import { defaultEdgeSettings } from "./EdgeSettings.ts"
import { personaIds, personas } from "./Personas.ts"
import { defaultTurnSettings } from "./TurnSettings.ts"
import * as Kind from "./VariableKinds.ts"

const { speaking, thinking } = defaultTurnSettings.bargeIn

/** One variable, as documentation and as code. */
export interface Variable<out A> extends Kind.Kind<A> {
  /** What the program does with it, for a person. */
  readonly effect: string
  /** The text that stands for a variable that is not set; undefined: there is none. */
  readonly default: string | undefined
  /** Whether the program cannot start without it. */
  readonly required: boolean
  /** Whether its value may not be shown. */
  readonly secret: boolean
}

const withDefault = <A>(kind: Kind.Kind<A>, value: string | number | boolean, effect: string): Variable<A> => ({
  ...kind,
  effect,
  default: String(value),
  required: false,
  secret: false
})

const optional = <A>(kind: Kind.Kind<A>, effect: string): Variable<A | undefined> => ({
  ...kind,
  effect,
  default: undefined,
  required: false,
  secret: false
})

const optionalSecret = <A>(kind: Kind.Kind<A>, effect: string): Variable<A | undefined> => ({
  ...optional(kind, effect),
  secret: true
})

/** The variables by name, in the order they are documented. */
export const variables = {
  TOGETHER_API_KEY: optionalSecret(Kind.apiKey, "Together AI key for recognition, language model and voice"),
  PROVIDER: withDefault(
    Kind.provider,
    "auto",
    "Who recognises, answers and speaks: `together`, the built-in `sandbox`, or `auto`: Together if there is a key"
  ),
  PORT: withDefault(Kind.port, 3001, "TCP port the server listens on; 0 lets the system choose"),
  HOST: optional(
    Kind.text,
    "Address the server listens on; when not set, every address of the machine, or only `127.0.0.1` if requests are not verified"
  ),
  PUBLIC_URL: optional(
    Kind.publicOrigin,
    "Origin under which the carrier reaches this server; needed with `TWILIO_AUTH_TOKEN`, without it taken from each webhook request when not set"
  ),
  TWILIO_AUTH_TOKEN: optionalSecret(
    Kind.authToken,
    "Auth token of the Twilio account; with it only Twilio can place calls, without it anybody who reaches the server"
  ),
  TWILIO_AUTH_TOKEN_SECONDARY: optionalSecret(
    Kind.authToken,
    "Second auth token of the account, while the first one is being replaced"
  ),
  TWILIO_ACCOUNT_SID: optional(
    Kind.accountSid,
    "Twilio account; only `doctor` uses it, to look at the webhooks of its numbers"
  ),
  ALLOW_UNSIGNED: withDefault(
    Kind.flag,
    false,
    "Whether the server may listen to other machines without `TWILIO_AUTH_TOKEN`, so that anybody can place calls"
  ),
  FALLBACK_NUMBER: optional(
    Kind.phoneNumber,
    "Number that rings when a call cannot be taken or held here; when not set, an apology is said"
  ),
  MAX_CALLS: withDefault(Kind.positiveCount, defaultEdgeSettings.maxCalls, "Calls at the same time"),
  PROCESSES: withDefault(
    Kind.processes,
    "1",
    "Processes of this machine that hold the calls; `auto`: one for each core. `MAX_CALLS` is for all of them together"
  ),
  MAX_LAG_MS: withDefault(
    Kind.milliseconds,
    defaultEdgeSettings.maxLagMs,
    "Lag of the process, over a second, above which no new call is taken; 0: it does not matter"
  ),
  START_DEADLINE_MS: withDefault(
    Kind.deadline,
    Duration.toMillis(defaultEdgeSettings.startDeadline),
    "Longest wait for a media stream to say which call it is"
  ),
  MAX_PENDING_PER_ADDRESS: withDefault(
    Kind.positiveCount,
    defaultEdgeSettings.maxPendingPerAddress,
    "Media streams from one address that have not said yet which call they are"
  ),
  DRAIN_LIMIT: withDefault(
    Kind.duration,
    `${Duration.toMinutes(defaultEdgeSettings.drainLimit)} minutes`,
    "How long running calls may go on when the server is told to stop"
  ),
  PHONE_TOKEN: optionalSecret(
    Kind.token,
    "What has to be given to use the browser phone, as in `/?token=…`; without it there is one only while requests are not verified and `NODE_ENV` is not `production`"
  ),
  PERSONA: withDefault(Kind.persona, personas[0].id, `Who answers: ${personaIds.join(", ")}`),
  STT_MODEL: withDefault(Kind.text, "openai/whisper-large-v3", "Speech recognition model"),
  LLM_MODEL: withDefault(Kind.text, "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", "Language model"),
  TTS_MODEL: withDefault(Kind.text, "hexgrad/Kokoro-82M", "Speech synthesis model"),
  TTS_VOICE: withDefault(Kind.text, "af_heart", "Voice of the speech synthesis model"),
  TOGETHER_BASE_URL: withDefault(
    Kind.apiRoot,
    "https://api.together.ai/v1",
    "Root of the Together API; the sockets use the same host"
  ),
  STT_FALLBACK_MODEL: optional(
    Kind.text,
    "Speech recognition model that takes over when the first one fails; without it none does"
  ),
  LLM_FALLBACK_MODEL: optional(Kind.text, "Language model that answers when the first one fails; without it none does"),
  TTS_FALLBACK_MODEL: optional(
    Kind.text,
    "Speech synthesis model that takes over when the first one fails; without it none does"
  ),
  TTS_FALLBACK_VOICE: optional(Kind.text, "Its voice; when not set, `TTS_VOICE`"),
  FALLBACK_BASE_URL: optional(
    Kind.apiRoot,
    "Root of the API that has the models above, if it is not `TOGETHER_BASE_URL`; it has to speak like Together's"
  ),
  FALLBACK_API_KEY: optionalSecret(
    Kind.secondApiKey,
    "Key for it; needed on another host than `TOGETHER_BASE_URL`'s, when not set `TOGETHER_API_KEY`"
  ),
  SPEECH_START_PROB: withDefault(
    Kind.probability,
    defaultTurnSettings.speechStartProb,
    "Voice probability above which speech starts"
  ),
  SPEECH_END_PROB: withDefault(
    Kind.probability,
    defaultTurnSettings.speechEndProb,
    "Voice probability below which a pause begins; must be below `SPEECH_START_PROB`"
  ),
  SILENCE_DURATION_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.silenceDurationMs,
    "Pause that ends a turn unless its words speak for a longer or a shorter one"
  ),
  ENDPOINT_MIN_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.endpointMinMs,
    "Shortest pause that ends a turn, whatever its words"
  ),
  ENDPOINT_MAX_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.endpointMaxMs,
    "Longest pause that is waited for; not below `ENDPOINT_MIN_MS`"
  ),
  ENDPOINT_EAGERNESS: withDefault(
    Kind.share,
    defaultTurnSettings.endpointEagerness,
    "How soon a pause is taken for the end of a turn: 0 cuts fewest callers off, 1 answers soonest"
  ),
  MIN_SPEECH_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.minSpeechMs,
    "Speech a turn needs to be answered when its words could not be had"
  ),
  BARGE_IN_PROB_THRESHOLD: withDefault(
    Kind.probability,
    speaking.prob,
    "Voice probability above which a window counts towards an interruption"
  ),
  BARGE_IN_CONSECUTIVE_FRAMES: withDefault(
    Kind.windows,
    speaking.windows,
    "Consecutive windows above that probability that interrupt the agent"
  ),
  BARGE_IN_CONFIRM_MS: withDefault(
    Kind.milliseconds,
    speaking.confirmMs,
    "Speech that makes it an interruption even without any words; 0: the windows above are enough"
  ),
  BARGE_IN_GREETING: optional(
    Kind.bargeIn,
    "The three above for the greeting alone, such as `0.9,4,900`; when not set, they hold for it too"
  ),
  BARGE_IN_THINKING: withDefault(
    Kind.bargeIn,
    `${thinking.prob},${thinking.windows},${thinking.confirmMs}`,
    "The three above while an answer is being thought of: what takes it back to hear the caller out"
  ),
  BARGE_IN_TOOL: optional(
    Kind.bargeIn,
    "The three above while a tool runs for an answer; when not set, they hold for it too"
  ),
  BARGE_IN_RESUME_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.bargeInResumeMs,
    "Pause after which the agent goes on if it was no interruption after all"
  ),
  UNINTERRUPTIBLE: withDefault(
    Kind.replyKinds,
    "time_up",
    "What the agent says to its end: `none`, or a list of `greeting`, `answer`, `ask_again`, `still_there`, `nobody_there`, `time_warning`, `time_up`"
  ),
  PRE_ROLL_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.preRollMs,
    "Audio from before the onset of speech that recognition also hears"
  ),
  FILLER_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.fillerMs,
    "Silence after the caller's last sound after which something is said that bridges the wait for the answer; 0: never"
  ),
  MAX_FAILURES: withDefault(
    Kind.count,
    defaultTurnSettings.maxFailures,
    "Answers in a row that came to nothing after which the agent says goodbye and hands the call over; 0: never"
  ),
  COMMIT_PAUSE_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.commitPauseMs,
    "Pause after which the words so far are asked for, ahead of the turn's end"
  ),
  KEY_PAUSE_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.keyPauseMs,
    "Quiet after the last key press that ends keyed input"
  ),
  SPECULATION_PAUSE_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.speculationPauseMs,
    "Pause after which an answer is started on a guess that the turn is over, if its words are known by then"
  ),
  SPECULATIONS_PER_TURN: withDefault(
    Kind.count,
    defaultTurnSettings.speculationsPerTurn,
    "Answers that may be started on a guess that the turn is over, per turn; 0: never"
  ),
  SPECULATION_MAX_SPEECH_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.speculationMaxSpeechMs,
    "Speech in a turn beyond which nothing is guessed any more"
  ),
  IDLE_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.idleMs,
    "Quiet on both sides after which the caller is asked whether they are still there; 0: never"
  ),
  IDLE_PROMPTS: withDefault(
    Kind.count,
    defaultTurnSettings.idlePrompts,
    "How often the caller is asked before the agent says goodbye"
  ),
  MAX_TURN_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.maxTurnMs,
    "Speech in one turn after which the agent takes the next short pause for its end"
  ),
  MAX_CALL_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.maxCallMs,
    "Duration after which the agent ends the call; 0: no limit"
  ),
  CALL_WARNING_MS: withDefault(
    Kind.milliseconds,
    defaultTurnSettings.callWarningMs,
    "How long before that the caller is told"
  ),
  TRANSCRIPT_DEADLINE_MS: withDefault(
    Kind.deadline,
    1500,
    "Longest wait for the final words of a turn; then the interim ones are used"
  ),
  FIRST_TOKEN_DEADLINE_MS: withDefault(Kind.deadline, 5000, "Longest wait for the first words of an answer"),
  STALL_DEADLINE_MS: withDefault(Kind.deadline, 4000, "Longest wait between two pieces of a running answer"),
  FIRST_AUDIO_DEADLINE_MS: withDefault(Kind.deadline, 5000, "Longest wait for the first audio of a sentence"),
  VAD_MODEL_PATH: optional(Kind.path, "Silero model file to use instead of the one that is shipped"),
  LOG_LEVEL: withDefault(Kind.logLevel, "info", "Least severe level that is logged"),
  LOG_FORMAT: withDefault(
    Kind.logFormat,
    "auto",
    "`pretty` for people, `json` for machines; `auto` is `pretty` at a terminal and `json` elsewhere"
  ),
  LOG_PII: withDefault(Kind.flag, false, "Whether transcripts, prompts and phone numbers are written to the log")
} as const satisfies Readonly<Record<string, Variable<unknown>>>

/** The name of a variable. */
export type VariableName = keyof typeof variables

/** The parsed value of every variable. */
export type VariableValues = {
  readonly [Name in VariableName]: (typeof variables)[Name] extends Variable<infer A> ? A : never
}
