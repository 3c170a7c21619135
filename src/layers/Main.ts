/** The graph of the program: the server, calls on it, and what they stand on. Owns no behaviour. */
import { Effect, Layer } from "effect"
import { CallFeed } from "../services/CallFeed.ts"
import { CallObserver } from "../services/CallObserver.ts"
import { runCall } from "../streams/Call.ts"
import * as CallLog from "./CallLog.ts"
import * as CallServices from "./CallServices.ts"
import { serverWith, workerWith } from "./Server.ts"

/** Calls are told to the log, and to whoever follows one on the page. */
const observer = Layer.effect(
  CallObserver,
  Effect.map(CallFeed, (feed) => CallObserver.combine([CallLog.callLog, feed.observer]))
)

const services = Layer.merge(CallServices.layer, observer)

/** The whole program, as `main.ts` runs it in one process. */
export const layer = serverWith(runCall, services)

/** The same as one of several processes. */
export const workerLayer = (number: number) => workerWith(runCall, services, number)
