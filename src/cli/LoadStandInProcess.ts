/** The program of the process that is the stand-in provider: what callers may say as its first message in, its port out. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { startStandIn } from "./LoadStandIn.ts"
import { type KnownUtterance } from "./LoadStandInSound.ts"

/** What the process tells: once, that it listens. */
export interface StandInNews {
  readonly port: number
}

const serve = (known: ReadonlyArray<KnownUtterance>) =>
  Effect.gen(function* () {
    const port = yield* startStandIn(known)
    process.send?.({ port } satisfies StandInNews)
    return yield* Effect.never
  }).pipe(Effect.scoped)

process.on("disconnect", () => process.exit())
process.once("message", (known: ReadonlyArray<KnownUtterance>) => NodeRuntime.runMain(serve(known)))
