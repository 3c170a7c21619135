/** The program of a process that holds calls, in a server that is several processes. Starts nothing by itself: `Serve.ts` does. */
import { workerLayer } from "../layers/Main.ts"
import { runWorker } from "../layers/WorkerStartup.ts"

runWorker(workerLayer)
