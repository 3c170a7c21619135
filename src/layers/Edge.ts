/** Everything the server decides about those who want in with: who may call, how many, and whether it still takes calls. */
import { Layer } from "effect"
import { defaultEdgeSettings } from "../schema/EdgeSettings.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import * as CallAdmission from "./CallAdmission.ts"
import * as CallRegistryMemory from "./CallRegistryMemory.ts"
import * as Lifecycle from "./Lifecycle.ts"
import * as LoopLagMonitor from "./LoopLagMonitor.ts"
import { type PhoneAccess } from "./PhoneAccess.ts"
import * as SharedEdge from "./SharedEdge.ts"
import * as StreamAdmission from "./StreamAdmission.ts"
import * as StreamTokensMemory from "./StreamTokensMemory.ts"

/** The edge of one process; `phone` says who may use its browser phone. */
export const layer = (phone: PhoneAccess = StreamAdmission.noPhone) =>
  Layer.mergeAll(StreamAdmission.layer(phone), CallAdmission.layer).pipe(
    Layer.provideMerge(Lifecycle.layer),
    Layer.provideMerge([StreamTokensMemory.layer, CallRegistryMemory.layer, LoopLagMonitor.layer])
  )

/** The edge of one of several processes: tokens and calls are those of all of them, the lag is its own. */
export const layerShared = (phone: PhoneAccess = StreamAdmission.noPhone) =>
  Layer.mergeAll(StreamAdmission.layer(phone), CallAdmission.layer).pipe(
    Layer.provideMerge([SharedEdge.lifecycle, SharedEdge.streamTokens, SharedEdge.callRegistry, LoopLagMonitor.layer])
  )

/** An edge that lets everybody in, for servers that only their own process knows of. */
export const layerOpen = layer().pipe(
  Layer.provideMerge(Layer.succeed(EdgeConfig, { ...defaultEdgeSettings, maxLagMs: 0 }))
)
