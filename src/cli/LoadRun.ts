/** Does what `loadtest` was asked for: prepares what is said, starts or finds the server, places the calls, says what came of it. Owns the order of these things and none of them. */
import { Console, Effect, type FileSystem, type Scope } from "effect"
import { availableParallelism } from "node:os"
import { CallError } from "./CallError.ts"
import { type ProgressOutput, standardError } from "./CallProgress.ts"
import { DEFAULT_URL } from "./CallTarget.ts"
import { type TurnSource } from "./CallTurns.ts"
import { quantile } from "./Histogram.ts"
import { type CapacitySummary, type CapacityTrial, capacityOf, nextTrial } from "./LoadFind.ts"
import { type LoadCallersSettings, type LoadMeasurement, type LoadShape, measureLoad } from "./LoadMeasure.ts"
import { type LoadProvider, type LoadServer, ownServer, serverAt } from "./LoadServer.ts"
import { type LoadLimit, summaryOf } from "./LoadSummary.ts"
import { renderCapacity, renderLoad } from "./LoadText.ts"
import { makeLoadProgress } from "./LoadProgress.ts"
import { DEFAULT_TEXTS, toKnown, toUtterance } from "./LoadUtterances.ts"
import { prepareTurns } from "./TurnAudio.ts"

/** What `loadtest` was asked for. Times are milliseconds; undefined stands for what was not said. */
export interface LoadRequest {
  readonly url: string | undefined
  readonly calls: number | undefined
  readonly rampMs: number | undefined
  readonly durationMs: number | undefined
  readonly say: ReadonlyArray<TurnSource>
  readonly pauseMs: number
  readonly timeoutMs: number
  /** Share of turns that interrupt. */
  readonly bargeIn: number
  readonly from: string | undefined
  readonly to: string | undefined
  readonly embedded: boolean
  readonly provider: LoadProvider | undefined
  readonly callers: number | undefined
  readonly pid: number | undefined
  readonly find: boolean
  readonly limitMs: number | undefined
  readonly json: boolean
}

/** Calls if nothing is said: enough to see something, and no danger. */
const DEFAULT_CALLS = 10

/** The most calls that are tried to find the capacity, if nothing is said, and the first number. */
const MOST_CALLS = 1000
const FIRST_CALLS = 25

/** How long a load is held if nothing is said, in milliseconds; for a search, each. */
const DURATION_MS = 60_000
const TRIAL_MS = 40_000

/** How long the single call is held that others are compared with: of a few turns, the slowest may well be a quick one. */
const SINGLE_MS = 120_000

/** Calls that one process is given, and how many are placed a second at most. */
const CALLS_PER_PROCESS = 250
const CALLS_PER_SECOND = 20

/** About what a turn and its answer take, in milliseconds: callers who come over less time all speak at the same moment. */
const TURN_MS = 8000

/** From the first call to the last, if nothing is said. */
const usualRampMs = (calls: number): number => (calls < 2 ? 0 : Math.max(TURN_MS, (calls * 1000) / CALLS_PER_SECOND))

/** How far the first call may be from the usual: it is not counted. */
const WARM_UP_MS = 8000

/** How much longer than in a single call an answer may take, if nothing is said. */
const LIMIT_MS = 50

const fail = (message: string) => Effect.fail(new CallError({ message }))

const check = (request: LoadRequest) =>
  Effect.gen(function* () {
    const { embedded, pid, provider, url } = request
    if (embedded && url !== undefined) {
      return yield* fail(`--embedded brings a server of its own: expected no --url beside it, found ${url}`)
    }
    if (embedded && pid !== undefined) {
      return yield* fail("--embedded brings a server of its own: expected no --pid beside it")
    }
    if (!embedded && provider !== undefined) {
      return yield* fail("--provider is for the server that --embedded brings: expected --embedded beside it")
    }
  })

/** A second core is left to the server, where there is one. */
const processesFor = (calls: number): number =>
  Math.max(1, Math.min(Math.ceil(calls / CALLS_PER_PROCESS), availableParallelism() - 1))

/** The server, the callers, and how to place so many calls. */
const prepare = Effect.fnUntraced(function* (request: LoadRequest, most: number, output: ProgressOutput) {
  const progress = makeLoadProgress(output)
  const sources =
    request.say.length > 0 ? request.say : DEFAULT_TEXTS.map((text): TurnSource => ({ _tag: "Say", text }))
  const turns = yield* prepareTurns(sources.map((source) => ({ source, bargeInMs: undefined })))
  if (request.embedded) yield* progress.say("Starting a server")
  const server: LoadServer = request.embedded
    ? yield* ownServer(request.provider ?? "stand-in", most, turns.map(toKnown))
    : yield* serverAt(request.url ?? DEFAULT_URL, request.pid)
  const settings: LoadCallersSettings = {
    manners: {
      utterances: turns.map(toUtterance),
      pauseMs: request.pauseMs,
      timeoutMs: request.timeoutMs,
      bargeIn: request.bargeIn
    },
    from: request.from,
    to: request.to,
    processes: request.callers ?? processesFor(most)
  }
  const place = (shape: LoadShape): Effect.Effect<LoadMeasurement, CallError> =>
    Effect.scoped(measureLoad(server, settings, shape, progress.tell))
  const rampMs = (calls: number): number => request.rampMs ?? usualRampMs(calls)
  return { server, settings, place, rampMs, progress }
})

type Prepared = Effect.Success<ReturnType<typeof prepare>>

/** A call before the ones that count: what is only done once is done in it. */
const warmUp = ({ place, progress }: Prepared) =>
  Effect.gen(function* () {
    yield* progress.say("Warming up with one call")
    const { tally } = yield* place({ calls: 1, rampMs: 0, holdMs: WARM_UP_MS })
    const [reason] = tally.failed.keys()
    if (reason !== undefined) return yield* fail(`The first call failed, so that no others were placed: ${reason}`)
  })

/** What an answer takes in a single call. */
const measureSingle = ({ place, progress }: Prepared, aboveSingleMs: number) =>
  Effect.gen(function* () {
    yield* progress.say(`Measuring a single call, for ${SINGLE_MS / 60_000} minutes`)
    const { tally } = yield* place({ calls: 1, rampMs: 0, holdMs: SINGLE_MS })
    const singleMs = quantile(tally.voiceToVoice, 0.99)
    if (singleMs === undefined)
      return yield* fail("No turn of a single call was answered: there is no limit to be found")
    return { singleMs, singleTurns: tally.voiceToVoice.count, aboveSingleMs } satisfies LoadLimit
  })

const runOnce = (request: LoadRequest, output: ProgressOutput) =>
  Effect.gen(function* () {
    const calls = request.calls ?? DEFAULT_CALLS
    const prepared = yield* prepare(request, calls, output)
    const { place, progress, rampMs, server, settings } = prepared
    if (request.embedded || request.limitMs !== undefined) yield* warmUp(prepared)
    const limit = request.limitMs === undefined ? undefined : yield* measureSingle(prepared, request.limitMs)
    yield* progress.say(`Calling ${server.name}`)
    const shape = { calls, rampMs: rampMs(calls), holdMs: request.durationMs ?? DURATION_MS }
    const measurement = yield* place(shape)
    yield* progress.end
    const summary = summaryOf(measurement, {
      limit,
      processes: Math.min(settings.processes, calls),
      warnings: yield* server.warnings
    })
    yield* Console.log(
      request.json
        ? JSON.stringify({ url: server.target.url.href, limit: limit ?? null, ...summary }, undefined, 2)
        : renderLoad(server.name, summary).trimEnd()
    )
    if (summary.problems.length > 0) return yield* fail(summary.problems.join("\n"))
  })

const runFind = (request: LoadRequest, output: ProgressOutput) =>
  Effect.gen(function* () {
    const most = request.calls ?? MOST_CALLS
    const prepared = yield* prepare(request, most, output)
    const { place, progress, rampMs, server, settings } = prepared
    yield* warmUp(prepared)
    const limit = yield* measureSingle(prepared, request.limitMs ?? LIMIT_MS)
    const trials: Array<CapacityTrial> = []
    const range = { first: FIRST_CALLS, most }
    for (let calls = nextTrial(trials, range); calls !== undefined; calls = nextTrial(trials, range)) {
      yield* progress.say(`Trying ${calls} calls`)
      const measurement = yield* place({ calls, rampMs: rampMs(calls), holdMs: request.durationMs ?? TRIAL_MS })
      const summary = summaryOf(measurement, {
        limit,
        processes: Math.min(settings.processes, calls),
        warnings: []
      })
      trials.push({ summary, problems: summary.problems })
      yield* Effect.forEach(summary.problems, progress.say, { discard: true })
    }
    yield* progress.end
    const capacity = capacityOf(trials)
    const decisive = trials.filter(({ problems, summary }) => problems.length > 0 || summary.calls === capacity)
    const notes = new Set([...decisive.flatMap(({ summary }) => summary.notes), ...(yield* server.warnings)])
    if (capacity >= most) notes.add(`More than ${most} calls were not tried: --calls is the most.`)
    const found: CapacitySummary = { capacity, limit, trials, notes: [...notes] }
    yield* Console.log(
      request.json
        ? JSON.stringify({ url: server.target.url.href, ...found }, undefined, 2)
        : renderCapacity(server.name, found).trimEnd()
    )
    if (capacity === 0) return yield* fail("No number of calls was held within the limit.")
  })

/**
 * Places the load, tells how it goes on `output`, and writes what came of it to standard output.
 *
 * Fails with a sentence if there was no load, and with one for each thing that makes it too much.
 */
export const runLoadRequest = Effect.fn("LoadRun.runLoadRequest")(function* (
  request: LoadRequest,
  output: ProgressOutput = standardError
): Effect.fn.Return<void, CallError, FileSystem.FileSystem | Scope.Scope> {
  yield* check(request)
  yield* request.find ? runFind(request, output) : runOnce(request, output)
})
