/** What can be wrong with WAV audio; data only. */
import { Schema } from "effect"

/** The bytes are not WAV audio that can be used. `found` and `expected` are phrases, `message` a sentence of both. */
export class WavError extends Schema.TaggedError<WavError>()("WavError", {
  found: Schema.String,
  expected: Schema.String
}) {
  override get message(): string {
    return `Unusable WAV audio: found ${this.found}, expected ${this.expected}`
  }
}
