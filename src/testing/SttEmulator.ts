/** Stands in for Together's realtime transcription socket: scripted words for the audio it is sent, with the faults a real service shows. Recognises nothing; what it hears is in the script. */
import { Effect, type Layer } from "effect"
import { HttpRouter } from "effect/http"
import { STT_FORMAT } from "../schema/TogetherStt.ts"
import {
  bearerKey,
  type EmulatedSocketControls,
  makeEmulatedSocket,
  problemInKey,
  type Refusal,
  refusal,
  refusedByScript
} from "./EmulatedSocket.ts"
import { type SttDesk, serveSession } from "./SttEmulatorSession.ts"
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
export interface SttEmulator extends EmulatedSocketControls<SttEvent> {
  /** The resource `/v1/realtime`, for `serveEmulator` or a server of one's own. */
  readonly routes: Layer.Layer<never, never, HttpRouter.HttpRouter>
}

/** What the service would not accept in an upgrade; undefined: nothing. */
const problemIn = (
  script: SttEmulatorScript,
  query: Readonly<Record<string, string>>,
  authorization: string | undefined
): Refusal | undefined => {
  const problem = problemInKey(bearerKey(authorization), script.apiKey)
  if (problem !== undefined) return problem
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
  const { controls, join, record, upgrade } = yield* makeEmulatedSocket<SttEvent>(SttEvent)
  let commits = 0
  let segments = 0

  const desk: SttDesk = {
    script,
    record,
    nextCommit: () => commits++,
    segment: () => segments,
    takeSegment: () => segments++,
    join
  }

  const handle = upgrade(({ authorization, connection, query }) => {
    const fault = script.connectionFault?.(connection)
    if (fault?._tag === "Refuse") return refusedByScript(fault.status)
    return (
      problemIn(script, query, authorization) ??
      ((socket, breakOff) => serveSession(desk, connection, fault, socket, breakOff))
    )
  })

  return { routes: HttpRouter.add("GET", "/v1/realtime", handle), ...controls }
})
