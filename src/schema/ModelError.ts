/** Why the voice model cannot be used; data only. It ends the start of the process, a call never sees it. */
import { Schema } from "effect"

/**
 * What is wrong with a model.
 *
 * - `Missing` — there is no such file
 * - `Unreadable` — there is something, but it cannot be read
 * - `Damaged` — the shipped file is not the one that was shipped
 * - `Unsuitable` — it is no ONNX model, or not one that scores windows of 8 kHz speech
 * - `NoRuntime` — ONNX Runtime itself does not load on this machine
 */
export const ModelFailure = Schema.Literals(["Missing", "Unreadable", "Damaged", "Unsuitable", "NoRuntime"])
export type ModelFailure = typeof ModelFailure.Type

/** The voice model cannot be used. `message` names the file, what is wrong with it and what to do. */
export class ModelError extends Schema.TaggedError<ModelError>()("ModelError", {
  reason: ModelFailure,
  path: Schema.String,
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}
