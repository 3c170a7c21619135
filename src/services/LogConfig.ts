/** Contract: how the process logs, read once at the start. Owns the choice, not the loggers. */
import { Context, type LogLevel } from "effect"

/** Settings of the log. */
export class LogConfig extends Context.Service<
  LogConfig,
  {
    /** The least severe level that is written. */
    readonly level: LogLevel.LogLevel
    /** For a person at a terminal, or one JSON object a line for machines. */
    readonly format: "pretty" | "json"
    /** Whether annotations with a `pii.` key (transcripts, prompts, phone numbers) are written. */
    readonly includePii: boolean
  }
>()("parley/services/LogConfig") {}
