/**
 * The messages of Together's realtime transcription socket, as they are on the wire; data only.
 *
 * Sources: docs.together.ai/docs/inference/transcription/streaming, docs.together.ai/reference/audio-transcriptions-realtime.
 */
import { Effect, Option, Schema } from "effect"

/** A field that is used when it is there and sound; anything else counts as absent, so that the message is not lost to it. */
const lenient = <S extends Schema.Constraint>(field: S) =>
  Schema.optionalKey(Schema.UndefinedOr(field).pipe(Schema.catchDecoding(() => Effect.succeed(Option.some(undefined)))))

/** What the service says when something is wrong; the same four fields as in its HTTP errors. */
export const ServiceError = Schema.Struct({
  message: lenient(Schema.String),
  type: lenient(Schema.String),
  param: lenient(Schema.NullOr(Schema.String)),
  code: lenient(Schema.NullOr(Schema.String))
})
export type ServiceError = typeof ServiceError.Type

/** The session is ready for audio; first message of a good connection. */
export const SessionCreated = Schema.Struct({ type: Schema.Literal("session.created") })

/** The whole hypothesis for the open item so far: it replaces the one before, and may be shorter. */
export const TranscriptDelta = Schema.Struct({
  type: Schema.Literal("conversation.item.input_audio_transcription.delta"),
  item_id: lenient(Schema.String),
  delta: lenient(Schema.String)
})

/** The final words of an item, "" when there were none. `item_id` is a hint: some models leave it out. */
export const TranscriptCompleted = Schema.Struct({
  type: Schema.Literal("conversation.item.input_audio_transcription.completed"),
  item_id: lenient(Schema.String),
  transcript: lenient(Schema.String)
})

/** Transcription failed: of this item when `event_type` names the event that is missing, of the session when it is absent. */
export const TranscriptFailed = Schema.Struct({
  type: Schema.Literal("conversation.item.input_audio_transcription.failed"),
  item_id: lenient(Schema.String),
  event_type: lenient(Schema.String),
  error: lenient(ServiceError)
})

/** Something is wrong with the session or with the last request; the text is in `error.message` or in `message`. */
export const ErrorMessage = Schema.Struct({
  type: Schema.Literal("error"),
  error: lenient(ServiceError),
  message: lenient(Schema.String)
})

/** The messages from the service that mean something here, told apart by `type`. */
export const ServerMessage = Schema.Union([
  TranscriptDelta,
  TranscriptCompleted,
  TranscriptFailed,
  ErrorMessage,
  SessionCreated
])
export type ServerMessage = typeof ServerMessage.Type

/** The message in a text frame; none for text that is not JSON and for types that are not known, which are to be ignored. */
export const decodeServerMessage: (text: string) => Option.Option<ServerMessage> = Schema.decodeUnknownOption(
  Schema.fromJsonString(ServerMessage)
)

/** Adds audio to the open item: base64 of raw little-endian 16-bit PCM, whole samples, no header. */
export const AppendAudio = Schema.Struct({ type: Schema.Literal("input_audio_buffer.append"), audio: Schema.String })

/** Ends the open item and asks for its final words. */
export const CommitAudio = Schema.Struct({ type: Schema.Literal("input_audio_buffer.commit") })

/** Drops the audio of the open item; not acknowledged. */
export const ClearAudio = Schema.Struct({ type: Schema.Literal("input_audio_buffer.clear") })

/** Everything that is sent to the service; text frames only. */
export const ClientMessage = Schema.Union([AppendAudio, CommitAudio, ClearAudio])
export type ClientMessage = typeof ClientMessage.Type

/** The client's message in a text frame; none for anything else. */
export const decodeClientMessage: (text: string) => Option.Option<ClientMessage> = Schema.decodeUnknownOption(
  Schema.fromJsonString(ClientMessage)
)

/** Sample rate of the audio in `input_audio_buffer.append`, in Hz. */
export const STT_RATE = 16_000

/** Name of that audio format in the `input_audio_format` query parameter. */
export const STT_FORMAT = "pcm_s16le_16000"
