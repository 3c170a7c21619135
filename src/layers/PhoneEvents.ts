/** One page that follows one call, over a WebSocket: events and latencies out, typed words in. Owns the wire, not the call. */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect, Schema, type Scope, Stream } from "effect"
import { type HttpServerRequest } from "effect/http"
import { type Socket } from "effect/socket"
import { type CallEvent } from "../schema/CallEvent.ts"
import { CallFeed } from "../services/CallFeed.ts"
import * as TurnLatency from "../streams/TurnLatency.ts"
import * as SocketMediaLink from "./SocketMediaLink.ts"

/** Longest text taken at once, in characters. */
export const MAX_TYPED_CHARACTERS = 500

/** Bytes on their way to the page above which it is sent no more for now. */
const MAX_UNSENT_BYTES = 64 * 1024

/** How often it is looked whether they have become fewer. */
const UNSENT_CHECK = "50 millis"

/** A part of the time a caller waited for an answer, in milliseconds from the moment they fell silent. */
export interface LatencyStage {
  readonly name: string
  readonly fromMs: number
  readonly toMs: number
}

/** What the page is sent: what happened in the call, how long an answer took, or why its message was not taken. */
export type PhoneMessage =
  | CallEvent
  | {
      readonly _tag: "Latency"
      readonly atMs: number
      readonly turn: number
      readonly voiceToVoiceMs: number
      readonly stages: ReadonlyArray<LatencyStage>
    }
  | { readonly _tag: "Refused"; readonly message: string }

/** What the page may send. */
const FromPage = Schema.Struct({
  type: Schema.Literal("typed"),
  text: Schema.String.check(Schema.isTrimmed(), Schema.isMinLength(1), Schema.isMaxLength(MAX_TYPED_CHARACTERS))
})
const decodeFromPage = Schema.decodeUnknownEffect(Schema.fromJsonString(FromPage))

/** The steps of an answer as bars on one axis; some run at the same time. */
export const latencyStages = (latency: TurnLatency.TurnLatency): ReadonlyArray<LatencyStage> => [
  { name: "Pause", fromMs: 0, toMs: latency.endedMs },
  { name: "Speech to text", fromMs: 0, toMs: latency.transcriptMs },
  { name: "First token", fromMs: latency.askedMs, toMs: latency.firstTokenMs },
  { name: "First sentence", fromMs: latency.firstTokenMs, toMs: latency.firstSentenceMs },
  { name: "First byte", fromMs: latency.firstSentenceMs, toMs: latency.firstAudioMs },
  { name: "Audible", fromMs: Math.max(latency.firstAudioMs, latency.endedMs), toMs: latency.voiceToVoiceMs }
]

/** Adds to a call's events how long each answer took. */
const withLatencies = Stream.mapAccum(
  () => TurnLatency.initial,
  (state: TurnLatency.TurnLatencyState, event: CallEvent): readonly [typeof state, ReadonlyArray<PhoneMessage>] => {
    const [next, finished] = TurnLatency.step(state, event)
    if (finished.length === 0) return [next, [event]]
    const latencies = finished.map((latency): PhoneMessage => {
      const { turn, voiceToVoiceMs } = latency
      return { _tag: "Latency", atMs: event.atMs, turn, voiceToVoiceMs, stages: latencyStages(latency) }
    })
    return [next, [event, ...latencies]]
  }
)

/** JSON with times and probabilities to the thousandth, which is all that can be seen of them. */
export const encodeMessage = (message: PhoneMessage): string =>
  JSON.stringify(message, (_key, value: unknown) =>
    typeof value === "number" ? Math.round(value * 1000) / 1000 : value
  )

/** Follows the call until it or the page is gone. */
export const servePage: (
  request: HttpServerRequest.HttpServerRequest,
  socket: Socket.Socket,
  callSid: string
) => Effect.Effect<void, Socket.SocketError, CallFeed | Scope.Scope> = Effect.fn("PhoneEvents.servePage")(
  function* (request, socket, callSid) {
    const tcp = NodeHttpServerRequest.toIncomingMessage(request).socket
    const feed = yield* CallFeed
    const { events, typed } = yield* feed.watch(callSid)
    const link = yield* SocketMediaLink.make(socket)
    const send = (message: PhoneMessage) => link.send(encodeMessage(message))

    // A WebSocket takes everything that is written to it: what a slow page has not read yet would pile up here.
    const caughtUp: Effect.Effect<void> = Effect.suspend(() =>
      tcp.writableLength < MAX_UNSENT_BYTES ? Effect.void : Effect.delay(caughtUp, UNSENT_CHECK)
    )
    const tell = events.pipe(
      withLatencies,
      Stream.runForEach((message) => Effect.andThen(caughtUp, send(message)))
    )

    const take = (text: string) =>
      decodeFromPage(text).pipe(
        Effect.flatMap((message) => typed(message.text)),
        Effect.flatMap((taken) =>
          taken ? Effect.void : send({ _tag: "Refused", message: "Nobody can read this: the call is not going on" })
        ),
        Effect.catchTag("SchemaError", () =>
          send({
            _tag: "Refused",
            message: `Expected {"type":"typed","text":"…"} with 1 to ${MAX_TYPED_CHARACTERS} characters, no space around them`
          })
        )
      )

    yield* Effect.raceFirst(tell, Stream.runForEach(link.inbound, take))
    yield* link.close("the call is over")
  }
)
