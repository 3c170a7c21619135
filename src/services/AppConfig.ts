/** Contract: the settings of the process, read once at the start. Owns their shape and units, not where they come from. */
import { Context, type Duration, type Redacted } from "effect"
import { type Persona } from "../schema/Persona.ts"
import { type TurnSettings } from "../schema/TurnSettings.ts"

/** Where and how the server listens. */
export interface ServerSettings {
  readonly host: string
  /** TCP port; 0 lets the system choose. */
  readonly port: number
  /** Public origin of this server as the carrier reaches it, without a path; undefined: taken from each request. */
  readonly publicUrl: URL | undefined
}

/** The Together account and models. */
export interface TogetherSettings {
  readonly apiKey: Redacted.Redacted
  /** Root of the HTTP API, for example `https://api.together.ai/v1`; the sockets' scheme and host follow from it. */
  readonly baseUrl: URL
  readonly sttModel: string
  readonly llmModel: string
  readonly ttsModel: string
  readonly ttsVoice: string
}

/** How long the call waits for what it cannot do itself. */
export interface DeadlineSettings {
  /** From asking for a segment's words to doing with the last interim ones. */
  readonly transcript: Duration.Duration
  /** From asking the language model to its first words. */
  readonly firstToken: Duration.Duration
  /** Between two pieces of a running answer. */
  readonly stall: Duration.Duration
  /** From the first sentence to the first audio of it. */
  readonly firstAudio: Duration.Duration
}

/** Settings of the process. */
export class AppConfig extends Context.Service<
  AppConfig,
  {
    readonly server: ServerSettings
    readonly together: TogetherSettings
    readonly persona: Persona
    readonly turns: TurnSettings
    readonly deadlines: DeadlineSettings
    /** Path of the Silero model file; undefined: the one that is shipped. */
    readonly vadModelPath: string | undefined
  }
>()("parley/services/AppConfig") {}
