/** The graph of the program: the server, calls on it, and what they stand on. Owns no behaviour. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { AppConfig } from "../services/AppConfig.ts"
import { runCall } from "../streams/Call.ts"
import { defaultEndpointingSettings } from "../streams/Endpointing.ts"
import * as CallLog from "./CallLog.ts"
import * as EndpointingByWords from "./EndpointingByWords.ts"
import * as KeptSpeechMemory from "./KeptSpeechMemory.ts"
import { serverWith } from "./Server.ts"
import * as SileroVoiceActivity from "./SileroVoiceActivity.ts"
import * as TogetherLanguageModel from "./TogetherLanguageModel.ts"
import * as TogetherSpeechToText from "./TogetherSpeechToText.ts"
import * as TogetherTextToSpeech from "./TogetherTextToSpeech.ts"

const endpointing = Layer.unwrap(
  Effect.map(AppConfig, ({ turns }) =>
    EndpointingByWords.layer({ ...defaultEndpointingSettings, baseMs: turns.silenceDurationMs })
  )
)

/** Voice activity and the end of turns here, recognition, language model and voice at Together. */
const services = Layer.mergeAll(
  SileroVoiceActivity.layer,
  endpointing,
  TogetherSpeechToText.layer,
  TogetherTextToSpeech.layer,
  TogetherLanguageModel.layer,
  CallLog.layer
).pipe(
  (made) => Layer.merge(made, Layer.provide(KeptSpeechMemory.layer, made)),
  Layer.provide([NodeWS.layerWebSocketConstructor, FetchHttpClient.layer])
)

/** The whole program, as `main.ts` runs it. */
export const layer = serverWith(runCall, services)
