/** What can go wrong with a capability the call depends on, in Parley's own words: one error per service, each with a reason. */
import { Schema } from "effect"

/**
 * Why a service failed.
 *
 * - `Unreachable` — refused, no such host, TLS, no answer while connecting
 * - `Unauthorized` — the key is missing, wrong or may not do this
 * - `QuotaExceeded` — the account's spending limit
 * - `RateLimited` — too many requests now
 * - `Rejected` — the request itself is wrong (unknown model or voice, bad format)
 * - `Overloaded` — the service says it cannot serve now
 * - `Disconnected` — the connection was lost on the way
 * - `Stalled` — nothing came within the deadline
 * - `Malformed` — what came could not be understood
 */
export const FailureReason = Schema.Literals([
  "Unreachable",
  "Unauthorized",
  "QuotaExceeded",
  "RateLimited",
  "Rejected",
  "Overloaded",
  "Disconnected",
  "Stalled",
  "Malformed"
])
export type FailureReason = typeof FailureReason.Type

const retryableReasons: ReadonlySet<FailureReason> = new Set([
  "Unreachable",
  "RateLimited",
  "Overloaded",
  "Disconnected",
  "Stalled"
])

/** Whether the same request may succeed if it is tried again soon. */
export const isRetryable = (reason: FailureReason): boolean => retryableReasons.has(reason)

const fields = {
  reason: FailureReason,
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}

/** Speech could not be turned into words. */
export class SpeechToTextError extends Schema.TaggedError<SpeechToTextError>()("SpeechToTextError", fields) {
  get retryable(): boolean {
    return isRetryable(this.reason)
  }
}

/** Words could not be turned into speech. */
export class TextToSpeechError extends Schema.TaggedError<TextToSpeechError>()("TextToSpeechError", fields) {
  get retryable(): boolean {
    return isRetryable(this.reason)
  }
}

/** A window of audio could not be scored for voice. */
export class VoiceActivityError extends Schema.TaggedError<VoiceActivityError>()("VoiceActivityError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}
