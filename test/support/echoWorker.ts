/** A process that holds calls which only echo frames, with its number and process id before them: what `echoServers.ts` starts. */
import { Effect, Layer, Stream } from "effect"
import { workerWith } from "../../src/layers/Server.ts"
import { runWorker } from "../../src/layers/WorkerStartup.ts"

runWorker((number) =>
  workerWith(
    (link) => Stream.runForEach(link.inbound, (text) => link.send(`${number} ${process.pid} ${text}`)),
    Layer.effectDiscard(Effect.void),
    number
  )
)
