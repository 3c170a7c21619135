/** Contract: whether a media stream may become a call, by its `start` frame. Owns the decision, not the connection. */
import { Context, type Effect, Schema } from "effect"
import { type Start } from "../schema/Twilio.ts"

/** A stream that may not become a call. */
export class StreamRefused extends Schema.TaggedError<StreamRefused>()("StreamRefused", {
  /** In words that do no harm to whoever reads them: the peer is told, the log has it, a metric is counted by it. */
  reason: Schema.Literals([
    "no token",
    "unknown call",
    "wrong token",
    "expired token",
    "used token",
    "no browser phone here",
    "browser phone without PHONE_TOKEN",
    "wrong phone token"
  ])
}) {}

/** Decides who may start a call. */
export class StreamAdmission extends Context.Service<
  StreamAdmission,
  {
    /** Uses up what the stream was let in by; gives the frame as the call may see it, without secrets that are used up. */
    readonly admit: (start: Start) => Effect.Effect<Start, StreamRefused>
  }
>()("parley/services/StreamAdmission") {}
