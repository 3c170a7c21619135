/** The program of the process that is the stand-in provider: what callers may say as its first message in, its port out. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { type StandInNews } from "./LoadNews.ts"
import { startStandIn } from "./LoadStandIn.ts"
import { type KnownUtterance } from "./LoadStandInSound.ts"

const serve = (known: ReadonlyArray<KnownUtterance>) =>
  Effect.gen(function* () {
    const port = yield* startStandIn(known)
    process.send?.({ port } satisfies StandInNews)
    return yield* Effect.never
  }).pipe(Effect.scoped)

process.on("disconnect", () => process.exit())
process.once("message", (known: ReadonlyArray<KnownUtterance>) => NodeRuntime.runMain(serve(known)))
