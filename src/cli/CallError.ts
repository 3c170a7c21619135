/** Why `call` did not do what it was asked for; data only. */
import { Schema } from "effect"

/** A call could not be placed, or was not what it should have been. `message` is a sentence for whoever gave the command. */
export class CallError extends Schema.TaggedError<CallError>()("CallError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}
