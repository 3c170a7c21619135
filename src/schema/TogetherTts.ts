/**
 * The messages of Together's text-to-speech socket, as they are on the wire; data only.
 *
 * Sources: docs.together.ai/docs/inference/text-to-speech/websocket, docs.together.ai/reference/audio-speech-websocket.
 */
import { Effect, Option, Result, Schema } from "effect"

/** A field that is used when it is there and sound; anything else counts as absent, so that the message is not lost to it. */
const lenient = <S extends Schema.Constraint>(field: S) =>
  Schema.optionalKey(Schema.UndefinedOr(field).pipe(Schema.catchDecoding(() => Effect.succeed(Option.some(undefined)))))

/** What the service says when something is wrong; the same four fields as in its HTTP errors. */
export const TtsError = Schema.Struct({
  message: lenient(Schema.String),
  type: lenient(Schema.String),
  param: lenient(Schema.String),
  code: lenient(Schema.String)
})
export type TtsError = typeof TtsError.Type

/** What an event is about. Either may be absent; item ids are used again, across contexts and within one. */
const about = { context_id: lenient(Schema.String), item_id: lenient(Schema.String) }

/** The session is ready; first message of a good connection. */
export const SessionCreated = Schema.Struct({ type: Schema.Literal("session.created") })

/** A piece of speech: base64 of 16-bit little-endian mono PCM, cut anywhere, in a RIFF container or not. */
export const AudioDelta = Schema.Struct({
  type: Schema.Literal("conversation.item.audio_output.delta"),
  ...about,
  delta: Schema.String
})

/** An item is complete. One commit may make several items. */
export const AudioDone = Schema.Struct({ type: Schema.Literal("conversation.item.audio_output.done"), ...about })

/** An item could not be spoken. */
export const SpeechFailed = Schema.Struct({
  type: Schema.Literal("conversation.item.tts.failed"),
  ...about,
  error: lenient(TtsError)
})

/** A context is at rest after `context.cancel`. */
export const ContextCancelled = Schema.Struct({
  type: Schema.Literal("context.cancelled"),
  context_id: lenient(Schema.String)
})

/** Something is wrong with the session or with the last request. */
export const ErrorMessage = Schema.Struct({
  type: Schema.Literal("error"),
  context_id: lenient(Schema.String),
  error: lenient(TtsError),
  message: lenient(Schema.String)
})

/** The messages from the service that mean something here, told apart by `type`. */
export const ServerMessage = Schema.Union([
  AudioDelta,
  AudioDone,
  SpeechFailed,
  ContextCancelled,
  ErrorMessage,
  SessionCreated
])
export type ServerMessage = typeof ServerMessage.Type

/** What became of a text frame: a message, one of a kind that is to be ignored, or nonsense. */
export type DecodedMessage =
  | { readonly _tag: "Message"; readonly message: ServerMessage }
  | { readonly _tag: "Unknown"; readonly type: string }
  | { readonly _tag: "Malformed" }

const decodeServer = Schema.decodeUnknownResult(ServerMessage)

const knownTypes: ReadonlySet<string> = new Set(ServerMessage.members.map((member) => member.fields.type.literal))

const malformed: DecodedMessage = { _tag: "Malformed" }

/** The service's message in a text frame. */
export const decodeServerMessage = (text: string): DecodedMessage => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return malformed
  }
  const decoded = decodeServer(json)
  if (Result.isSuccess(decoded)) return { _tag: "Message", message: decoded.success }
  const type = typeof json === "object" && json !== null && "type" in json ? json.type : undefined
  return typeof type === "string" && !knownTypes.has(type) ? { _tag: "Unknown", type } : malformed
}

/** Which context a request is for; absent: the one called {@link DEFAULT_CONTEXT}. */
const inContext = { context_id: Schema.optionalKey(Schema.String) }

/** Adds text to a context's buffer. */
export const AppendText = Schema.Struct({
  type: Schema.Literal("input_text_buffer.append"),
  ...inContext,
  text: Schema.String
})

/** Asks for the speech of what is in the buffer. */
export const CommitText = Schema.Struct({ type: Schema.Literal("input_text_buffer.commit"), ...inContext })

/** Drops what is in the buffer; speech that is already being made keeps coming. */
export const ClearText = Schema.Struct({ type: Schema.Literal("input_text_buffer.clear"), ...inContext })

/** Stops a context: its text and its speech. */
export const CancelContext = Schema.Struct({ type: Schema.Literal("context.cancel"), ...inContext })

/** Changes the settings of a context, or of all when none is named. */
export const UpdateSession = Schema.Struct({
  type: Schema.Literal("tts_session.updated"),
  ...inContext,
  session: Schema.Record(Schema.String, Schema.Unknown)
})

/** Everything that can be sent to the service; text frames only. */
export const ClientMessage = Schema.Union([AppendText, CommitText, ClearText, CancelContext, UpdateSession])
export type ClientMessage = typeof ClientMessage.Type

/** The client's message in a text frame; none for anything else. */
export const decodeClientMessage: (text: string) => Option.Option<ClientMessage> = Schema.decodeUnknownOption(
  Schema.fromJsonString(ClientMessage)
)

/** The context of messages that name none. */
export const DEFAULT_CONTEXT = "default"

/** Sample rate asked for, in Hz; what comes is told by the RIFF header, where there is one. */
export const TTS_RATE = 24_000

/** Contexts one connection may hold. */
export const MAX_CONTEXTS = 100
