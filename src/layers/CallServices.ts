/** Everything that a call stands on, as it is configured, but for who watches it. Owns no behaviour. */
import { Effect, Layer } from "effect"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { Provider } from "../services/Provider.ts"
import * as Choices from "./Choices.ts"
import * as EndpointingByWords from "./EndpointingByWords.ts"
import * as KeptHttpClient from "./KeptHttpClient.ts"
import * as KeptSpeechMemory from "./KeptSpeechMemory.ts"
import * as Providers from "./Providers.ts"
import * as ReadySockets from "./ReadySockets.ts"
import * as Sandbox from "./Sandbox.ts"
import * as SandboxTextToSpeech from "./SandboxTextToSpeech.ts"
import * as SileroVoiceActivity from "./SileroVoiceActivity.ts"
import * as TogetherPrewarm from "./TogetherPrewarm.ts"
import * as VendorSockets from "./VendorSockets.ts"

/** Phones that ring at the same time, of which there are few even on a busy line. */
const MAX_READY = 16

/** Sockets that are open before anybody answers: never more than calls may be. */
const sockets = Layer.unwrap(
  Effect.map(EdgeConfig, ({ maxCalls }) => ReadySockets.layer({ limit: Math.min(maxCalls, MAX_READY) }))
).pipe(Layer.provide(VendorSockets.layer))

const together = Layer.merge(Providers.layer, TogetherPrewarm.layer).pipe(
  Layer.provide([Choices.layer, sockets, KeptHttpClient.layer])
)

/** Recognition, language model and voice, from whom the configuration says. */
const provided = Layer.unwrap(Effect.map(Provider, (provider) => (provider === "sandbox" ? Sandbox.layer : together)))

/** What is always said the same way; where a service has the voice, the built-in one stands in for it. */
const kept = Layer.unwrap(
  Effect.map(Provider, (provider) =>
    KeptSpeechMemory.layerWith(provider === "sandbox" ? {} : { standIn: SandboxTextToSpeech.layer })
  )
)

/** The services of calls, made once for all of them; voice activity and the end of turns are always judged here. */
export const layer = Layer.mergeAll(
  SileroVoiceActivity.layer,
  EndpointingByWords.layerConfigured,
  provided,
  Layer.provide(kept, provided)
)
