/** The program of a process that holds calls: a plan as its first message in, the tally once a second and at the end out. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { type LoadPlan, runCallers } from "./LoadCallers.ts"
import { type CallerNews } from "./LoadNews.ts"
import { makeTally } from "./LoadTally.ts"

const tell = (news: CallerNews): Effect.Effect<void> =>
  Effect.callback((resume) => void process.send?.(news, () => resume(Effect.void)))

const serve = (plan: LoadPlan): Effect.Effect<void> =>
  Effect.gen(function* () {
    const tally = makeTally()
    const report = Effect.forever(Effect.delay(tell({ _tag: "Going", tally }), "1 second"))
    yield* Effect.raceFirst(runCallers(plan, tally), report)
    yield* tell({ _tag: "Done", tally })
  }).pipe(
    Effect.catchTag("CallError", ({ message }) => tell({ _tag: "Failed", message })),
    Effect.provide(NodeServices.layer)
  )

process.on("disconnect", () => process.exit())
process.send?.({ _tag: "Ready" } satisfies CallerNews)
process.once("message", (plan: LoadPlan) => NodeRuntime.runMain(serve(plan)))
