/** Stands in for Together's realtime transcription socket: scripted words for the audio it is sent, with the faults a real service shows. Recognises nothing; what it hears is in the script. */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect, type Layer, Option, Redacted, Stream, SubscriptionRef } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { type ServiceError, STT_FORMAT } from "../schema/TogetherStt.ts"
import { type SttDesk, serveSession, type SttLine } from "./SttEmulatorSession.ts"
import { type SttEmulatorScript, SttEvent } from "./SttScript.ts"

export { SttCommitFault, SttConnectionFault, SttEvent } from "./SttScript.ts"
export {
  type SttBeliefs,
  type SttEmulatorScript,
  type SttInterim,
  type SttSegment,
  type SttViolation
} from "./SttScript.ts"

/** A running emulator. */
export interface SttEmulator {
  /** The resource `/v1/realtime`, for `serveEmulator` or a server of one's own. */
  readonly routes: Layer.Layer<never, never, HttpRouter.HttpRouter>
  /** Everything that happened so far, in order. */
  readonly events: Effect.Effect<ReadonlyArray<SttEvent>>
  /** The first event of this kind that fits, from the beginning; waits for it if there is none yet. */
  readonly awaitEvent: <Tag extends SttEvent["_tag"]>(
    tag: Tag,
    fits?: (event: Extract<SttEvent, { readonly _tag: Tag }>) => boolean
  ) => Effect.Effect<Extract<SttEvent, { readonly _tag: Tag }>>
  /** Sends a message on every open connection, now. */
  readonly say: (message: Readonly<Record<string, unknown>>) => Effect.Effect<void>
  /** Closes every open connection with this code. */
  readonly hangUp: (code: number, reason?: string) => Effect.Effect<void>
  /** Breaks every open connection without a close frame. */
  readonly cut: Effect.Effect<void>
}

interface Refusal {
  readonly status: number
  readonly error: ServiceError
}

const refusal = (status: number, code: string, message: string): Refusal => ({
  status,
  error: { message, type: "invalid_request_error", param: null, code }
})

/** What the service would not accept in an upgrade; undefined: nothing. */
const problemIn = (
  script: SttEmulatorScript,
  query: Readonly<Record<string, string>>,
  authorization: string | undefined
): Refusal | undefined => {
  const key = /^Bearer (.+)$/.exec(authorization ?? "")?.[1]
  if (key === undefined) return refusal(401, "missing_api_key", "expected an Authorization header with a bearer key")
  if (script.apiKey !== undefined && key !== Redacted.value(script.apiKey)) {
    return refusal(401, "invalid_api_key", "the API key is not the one of the script")
  }
  const { input_audio_format: format = "nothing", model = "", turn_detection: detection = "server_vad" } = query
  if (model === "" || script.models?.includes(model) === false) {
    return refusal(400, "model_not_available", `expected a model of the script, got ${JSON.stringify(model)}`)
  }
  if (format !== STT_FORMAT) {
    return refusal(400, "unsupported_format", `expected input_audio_format ${STT_FORMAT}, got ${format}`)
  }
  if (detection !== "none") {
    return refusal(400, "not_emulated", `only turn_detection none is emulated, got ${detection}`)
  }
  return undefined
}

/**
 * An emulator that follows a script. `GET /v1/realtime` checks the bearer key, `model`, `input_audio_format` and
 * `turn_detection` and becomes a WebSocket. Every wait in it is on the Clock.
 *
 * Audio is transcribed only when it is committed; a commit without audio is not answered. Hypotheses follow the
 * position in the audio, not the time. The connection stays open after an answer.
 *
 * **Example**
 *
 * ```ts
 * const stt = yield* sttEmulator({ words: ["hello", "yes please"], latency: "150 millis" })
 * const origin = yield* serveEmulator(stt.routes)
 * // point TOGETHER_BASE_URL at `${origin}v1`, call, then:
 * const { samples } = yield* stt.awaitEvent("Committed")
 * ```
 */
export const sttEmulator = Effect.fnUntraced(function* (script: SttEmulatorScript = {}): Effect.fn.Return<SttEmulator> {
  const seen = yield* SubscriptionRef.make<ReadonlyArray<SttEvent>>([])
  const lines = new Set<SttLine>()
  let connections = 0
  let commits = 0
  let segments = 0

  const record = (event: SttEvent) => SubscriptionRef.update(seen, (before) => [...before, event])

  const desk: SttDesk = {
    script,
    record,
    nextCommit: () => commits++,
    segment: () => segments,
    takeSegment: () => segments++,
    join: (line) =>
      Effect.acquireRelease(
        Effect.sync(() => void lines.add(line)),
        () => Effect.sync(() => lines.delete(line))
      )
  }

  const refuse = (connection: number, { error, status }: Refusal) =>
    Effect.as(record(SttEvent.Refused({ connection, status })), HttpServerResponse.jsonUnsafe({ error }, { status }))

  const handle = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const connection = connections++
    const query = Object.fromEntries(new URL(request.originalUrl, "http://localhost").searchParams)
    const { authorization, ...headers } = request.headers
    yield* record(SttEvent.Asked({ connection, query, headers }))
    const fault = script.connectionFault?.(connection)
    if (fault?._tag === "Refuse") {
      return yield* refuse(connection, { status: fault.status, error: { message: "refused by the script" } })
    }
    const problem = problemIn(script, query, authorization)
    if (problem !== undefined) return yield* refuse(connection, problem)
    const tcp = NodeHttpServerRequest.toIncomingMessage(request).socket
    const upgraded = yield* Effect.option(request.upgrade)
    if (Option.isNone(upgraded)) {
      return yield* refuse(connection, refusal(426, "upgrade_required", "expected a WebSocket upgrade"))
    }
    const breakOff = Effect.sync(() => void tcp.destroy())
    yield* serveSession(desk, connection, fault, upgraded.value, breakOff)
    return HttpServerResponse.empty()
  })

  const onEveryLine = (action: (line: SttLine) => Effect.Effect<void>) =>
    Effect.suspend(() => Effect.forEach([...lines], action, { discard: true }))

  return {
    routes: HttpRouter.add("GET", "/v1/realtime", handle),
    events: SubscriptionRef.get(seen),
    awaitEvent: <Tag extends SttEvent["_tag"]>(
      tag: Tag,
      fits: (event: Extract<SttEvent, { readonly _tag: Tag }>) => boolean = () => true
    ) => {
      const wanted = (event: SttEvent): event is Extract<SttEvent, { readonly _tag: Tag }> =>
        event._tag === tag && fits(event as Extract<SttEvent, { readonly _tag: Tag }>)
      return SubscriptionRef.changes(seen).pipe(
        Stream.map((events) => events.find(wanted)),
        Stream.filter((event) => event !== undefined),
        Stream.runHead,
        // The changes of a reference do not end.
        Effect.flatMap(Option.match({ onNone: () => Effect.never, onSome: Effect.succeed }))
      )
    },
    say: (message) => onEveryLine((line) => line.say(message)),
    hangUp: (code, reason) => onEveryLine((line) => line.hangUp(code, reason)),
    cut: onEveryLine((line) => line.cut)
  }
})
