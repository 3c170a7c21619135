/** Stands in for Together's text-to-speech socket: tones or scripted audio for the text it is sent, with the faults a real service shows. Has no voice. */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect, type Layer, Option, Redacted, Stream, SubscriptionRef } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { type TtsError } from "../schema/TogetherTts.ts"
import { serveSession, type TtsDesk, type TtsLine } from "./TtsEmulatorSession.ts"
import { type TtsEmulatorScript, TtsEvent } from "./TtsScript.ts"

export { tone, toneHz, TtsConnectionFault, TtsEvent, TtsItemFault } from "./TtsScript.ts"
export { type TtsEmulatorScript, type TtsItem, type TtsViolation } from "./TtsScript.ts"

/** A running emulator. */
export interface TtsEmulator {
  /** The resource `/v1/audio/speech/websocket`, for `serveEmulator` or a server of one's own. */
  readonly routes: Layer.Layer<never, never, HttpRouter.HttpRouter>
  /** Everything that happened so far, in order. */
  readonly events: Effect.Effect<ReadonlyArray<TtsEvent>>
  /** The first event of this kind that fits, from the beginning; waits for it if there is none yet. */
  readonly awaitEvent: <Tag extends TtsEvent["_tag"]>(
    tag: Tag,
    fits?: (event: Extract<TtsEvent, { readonly _tag: Tag }>) => boolean
  ) => Effect.Effect<Extract<TtsEvent, { readonly _tag: Tag }>>
  /** Sends a message on every open connection, now. */
  readonly say: (message: Readonly<Record<string, unknown>>) => Effect.Effect<void>
  /** Closes every open connection with this code. */
  readonly hangUp: (code: number, reason?: string) => Effect.Effect<void>
  /** Breaks every open connection without a close frame. */
  readonly cut: Effect.Effect<void>
}

interface Refusal {
  readonly status: number
  readonly error: TtsError
}

const refusal = (status: number, code: string, message: string): Refusal => ({
  status,
  error: { message, type: "invalid_request_error", code }
})

/** What the service would not accept in an upgrade; undefined: nothing. */
const problemIn = (
  script: TtsEmulatorScript,
  query: Readonly<Record<string, string>>,
  authorization: string | undefined
): Refusal | undefined => {
  const key = /^Bearer (.+)$/.exec(authorization ?? "")?.[1] ?? query["api_key"]
  if (key === undefined) return refusal(401, "missing_api_key", "expected an Authorization header with a bearer key")
  if (script.apiKey !== undefined && key !== Redacted.value(script.apiKey)) {
    return refusal(401, "invalid_api_key", "the API key is not the one of the script")
  }
  const { model = "hexgrad/Kokoro-82M", response_format: format = "pcm" } = query
  if (script.models?.includes(model) === false) {
    return refusal(400, "model_not_available", `expected a model of the script, got ${JSON.stringify(model)}`)
  }
  return format === "pcm" || format === "wav"
    ? undefined
    : refusal(400, "not_emulated", `only response_format pcm and wav are emulated, got ${format}`)
}

/**
 * An emulator that follows a script. `GET /v1/audio/speech/websocket` checks the key, `model`, `voice` and
 * `response_format` and becomes a WebSocket; `segment` and `max_partial_length` are followed. Every wait in it is on the
 * Clock.
 *
 * Contexts speak at the same time, the items of one context in turn. What comes as audio does not depend on
 * `response_format` and `sample_rate`, as with the service, but on the script alone.
 *
 * **Example**
 *
 * ```ts
 * const tts = yield* ttsEmulator({ firstAudio: "120 millis", realTimeFactor: 0.2 })
 * const origin = yield* serveEmulator(tts.routes)
 * // point TOGETHER_BASE_URL at `${origin}v1`, call, then:
 * const { text } = yield* tts.awaitEvent("Committed")
 * ```
 */
export const ttsEmulator = Effect.fnUntraced(function* (script: TtsEmulatorScript = {}): Effect.fn.Return<TtsEmulator> {
  const seen = yield* SubscriptionRef.make<ReadonlyArray<TtsEvent>>([])
  const lines = new Set<TtsLine>()
  let connections = 0
  let items = 0

  const record = (event: TtsEvent) => SubscriptionRef.update(seen, (before) => [...before, event])

  const desk: TtsDesk = {
    script,
    record,
    nextItem: () => items++,
    join: (line) =>
      Effect.acquireRelease(
        Effect.sync(() => void lines.add(line)),
        () => Effect.sync(() => lines.delete(line))
      )
  }

  const refuse = (connection: number, { error, status }: Refusal) =>
    Effect.as(record(TtsEvent.Refused({ connection, status })), HttpServerResponse.jsonUnsafe({ error }, { status }))

  const handle = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const connection = connections++
    const query = Object.fromEntries(new URL(request.originalUrl, "http://localhost").searchParams)
    const { authorization, ...headers } = request.headers
    yield* record(TtsEvent.Asked({ connection, query, headers }))
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
    yield* serveSession(desk, { connection, query, fault, breakOff }, upgraded.value)
    return HttpServerResponse.empty()
  })

  const onEveryLine = (action: (line: TtsLine) => Effect.Effect<void>) =>
    Effect.suspend(() => Effect.forEach([...lines], action, { discard: true }))

  return {
    routes: HttpRouter.add("GET", "/v1/audio/speech/websocket", handle),
    events: SubscriptionRef.get(seen),
    awaitEvent: <Tag extends TtsEvent["_tag"]>(
      tag: Tag,
      fits: (event: Extract<TtsEvent, { readonly _tag: Tag }>) => boolean = () => true
    ) => {
      const wanted = (event: TtsEvent): event is Extract<TtsEvent, { readonly _tag: Tag }> =>
        event._tag === tag && fits(event as Extract<TtsEvent, { readonly _tag: Tag }>)
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
