/** Stands in for Together's text-to-speech socket: tones or scripted audio for the text it is sent, with the faults a real service shows. Has no voice. */
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import {
  bearerKey,
  type EmulatedSocketControls,
  makeEmulatedSocket,
  problemInKey,
  type Refusal,
  refusal,
  refusedByScript
} from "./EmulatedSocket.ts"
import { serveSession, type TtsDesk } from "./TtsEmulatorSession.ts"
import { type TtsEmulatorScript, TtsEvent } from "./TtsScript.ts"

export { tone, toneHz, TtsConnectionFault, TtsEvent, TtsItemFault } from "./TtsScript.ts"
export { type TtsEmulatorScript, type TtsItem, type TtsViolation } from "./TtsScript.ts"

/** A running emulator. */
export interface TtsEmulator extends EmulatedSocketControls<TtsEvent> {
  /** The resources `/v1/audio/speech/websocket` and `/v1/voices`, for `serveEmulator` or a server of one's own. */
  readonly routes: Layer.Layer<never, never, HttpRouter.HttpRouter>
}

const keyProblem = (
  script: TtsEmulatorScript,
  query: Readonly<Record<string, string>>,
  authorization: string | undefined
): Refusal | undefined => problemInKey(bearerKey(authorization) ?? query["api_key"], script.apiKey)

/** What the service would not accept in an upgrade; undefined: nothing. */
const problemIn = (
  script: TtsEmulatorScript,
  query: Readonly<Record<string, string>>,
  authorization: string | undefined
): Refusal | undefined => {
  const problem = keyProblem(script, query, authorization)
  if (problem !== undefined) return problem
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
 * Clock. `GET /v1/voices` lists the voices of the script, if it has any.
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
  const { controls, join, record, upgrade } = yield* makeEmulatedSocket<TtsEvent>(TtsEvent)
  let items = 0

  const desk: TtsDesk = {
    script,
    record,
    nextItem: () => items++,
    join
  }

  const handle = upgrade(({ authorization, connection, query }) => {
    const fault = script.connectionFault?.(connection)
    if (fault?._tag === "Refuse") return refusedByScript(fault.status)
    return (
      problemIn(script, query, authorization) ??
      ((socket, breakOff) => serveSession(desk, { connection, query, fault, breakOff }, socket))
    )
  })

  const listVoices = Effect.map(HttpServerRequest.HttpServerRequest, ({ headers, originalUrl }) => {
    const query = Object.fromEntries(new URL(originalUrl, "http://localhost").searchParams)
    const problem =
      keyProblem(script, query, headers["authorization"]) ??
      (script.voices === undefined ? refusal(404, "not_emulated", "the script has no list of voices") : undefined)
    if (problem !== undefined)
      return HttpServerResponse.jsonUnsafe({ error: problem.error }, { status: problem.status })
    const models = query["model"] === undefined ? (script.models ?? []) : [query["model"]]
    const voices = script.voices?.map((name) => ({ name }))
    return HttpServerResponse.jsonUnsafe({ data: models.map((model) => ({ model, voices })) })
  })

  const routes = Layer.merge(
    HttpRouter.add("GET", "/v1/audio/speech/websocket", handle),
    HttpRouter.add("GET", "/v1/voices", listVoices)
  )
  return { routes, ...controls }
})
