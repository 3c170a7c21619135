/** Contract: how the server treats those who want in, read once at the start. Owns the choice, not what is made of it. */
import { Context } from "effect"
import { type EdgeSettings } from "../schema/EdgeSettings.ts"

/** Settings of the edge. */
export class EdgeConfig extends Context.Service<EdgeConfig, EdgeSettings>()("parley/services/EdgeConfig") {}
