/** Voice activity by Silero: windows of many calls in, their scores out, those that wait scored together. Owns each call's recurrent state and the queue, not the model. */
import { Cause, Clock, Duration, Effect, Exit, Layer, type Scope } from "effect"
import { WINDOW_SAMPLES } from "../schema/Audio.ts"
import { VoiceActivityError } from "../schema/Errors.ts"
import { type ModelError } from "../schema/ModelError.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { type DirectScorer, type ScoreSettled, VoiceActivity, type VoiceScorer } from "../services/VoiceActivity.ts"
import { withPatience } from "../streams/Patience.ts"
import { CONTEXT_SAMPLES, emptyRow, MAX_ROWS, type ModelRow } from "./SileroMemory.ts"
import { loadSileroModel, shippedModel, type SileroModel } from "./SileroModel.ts"

/** How long a run may take before its calls are told that it failed; a healthy one takes a few milliseconds. */
export const RUN_DEADLINE = Duration.seconds(1)

/** Rows that are worth a run: with more, each costs little less, though a run costs most by being one (`npm run bench:vad`). */
const GOOD_ROWS = 32

/** Longest wait for others before a run, in milliseconds: less than a third of a window. */
const LONGEST_WAIT_MS = 10

/** Rows that are to be expected in that time for it to be worth waiting at all. */
const WORTH_ROWS = 2

/** Time over which it is counted how many rows come, in milliseconds. */
const COUNT_MS = 100

/**
 * How long the first row of a run waits for others, in milliseconds, when so many come in a millisecond: until there are
 * enough for a good run. 0 for a few calls, where nobody would come, and next to nothing for very many.
 */
export const gatherMs = (rowsPerMs: number): number =>
  rowsPerMs * LONGEST_WAIT_MS < WORTH_ROWS ? 0 : Math.min(LONGEST_WAIT_MS, GOOD_ROWS / rowsPerMs)

/** A row that waits for its run. */
export interface RunRequest {
  readonly row: ModelRow
  /** Called once when its run is over, with what went wrong if anything did, unless the request was taken back. */
  readonly settle: (failure: VoiceActivityError | undefined) => void
}

/** Puts rows into runs; synchronous. */
export interface Batcher {
  /** Has a row run with everything else that waits when it is time for a run, see {@link gatherMs}. */
  readonly add: (request: RunRequest) => void
  /** Takes a request back: out of the queue or, if its run is under way, from those who are told the result. */
  readonly remove: (request: RunRequest) => void
}

/**
 * One model for the process, one scorer for each call: the model that is shipped, or the one at `path`.
 *
 * Fails if the model file is missing or cannot be used.
 */
export const layerFrom = (path?: string): Layer.Layer<VoiceActivity, ModelError> =>
  Layer.effect(
    VoiceActivity,
    Effect.gen(function* () {
      const model = yield* loadSileroModel(path === undefined ? shippedModel : { path, shipped: undefined })
      const batcher = yield* makeBatcher(model.run)
      return VoiceActivity.of({ open: Effect.sync(() => makeScorer(batcher)) })
    })
  )

/** The model that the configuration names. */
export const layer: Layer.Layer<VoiceActivity, ModelError, AppConfig> = Layer.unwrap(
  Effect.map(AppConfig, ({ vadModelPath }) => layerFrom(vadModelPath))
)

/**
 * Makes a batcher that lives as long as the scope; whoever still waits when it closes is told so.
 *
 * One fiber runs one batch after the other. The row of a lone call never waits; under load, a run waits for others that
 * are about to come, and whatever comes during a run makes up the next one. A run that fails, dies or exceeds
 * {@link RUN_DEADLINE} fails the requests in it and no others.
 */
export const makeBatcher = Effect.fnUntraced(function* (
  run: SileroModel["run"]
): Effect.fn.Return<Batcher, never, Scope.Scope> {
  const waiting: Array<RunRequest> = []
  let running: Array<RunRequest> = []
  let wake: (() => void) | undefined
  let closed = false
  const clock = yield* Clock.Clock
  const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  let counted = 0
  let countedSinceMs = nowMs()
  let rowsPerMs = 0

  const countRows = (rows: number): void => {
    counted += rows
    const elapsedMs = nowMs() - countedSinceMs
    if (elapsedMs < COUNT_MS) return
    rowsPerMs = counted / elapsedMs
    counted = 0
    countedSinceMs += elapsedMs
  }

  const untilGathered = Effect.suspend(() =>
    waiting.length >= GOOD_ROWS || gatherMs(rowsPerMs) === 0 ? Effect.void : Effect.sleep(gatherMs(rowsPerMs))
  )

  const untilSomeWait = Effect.callback<void>((resume) => {
    if (waiting.length > 0) return resume(Effect.void)
    wake = () => resume(Effect.void)
  })

  const scope = yield* Effect.scope
  // Not a race for each run: runs come every few milliseconds.
  const newRunner = withPatience(
    Effect.suspend(() => run(running.map((request) => request.row))),
    {
      limitMs: () => Duration.toMillis(RUN_DEADLINE),
      lateMs: (beganMs, limitMs) => beganMs + limitMs,
      onLate: Effect.suspend(() => Effect.fail(tooLate()))
    },
    scope
  )

  const runBatches = Effect.gen(function* () {
    let runner = yield* newRunner
    while (true) {
      yield* untilSomeWait
      wake = undefined
      yield* untilGathered
      running = waiting.splice(0, MAX_ROWS)
      countRows(running.length)
      // Those who waited may have taken their requests back meanwhile.
      if (running.length === 0) continue
      const exit = yield* Effect.exit(runner)
      if (Exit.isFailure(exit)) runner = yield* newRunner
      settleAll(running, Exit.isSuccess(exit) ? undefined : asVoiceActivityError(exit.cause))
    }
  })
  yield* Effect.forkScoped(runBatches, { startImmediately: true })

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      settleAll(running, shutDown())
      settleAll(waiting, shutDown())
    })
  )

  return {
    add: (request) => {
      if (closed) return request.settle(shutDown())
      waiting.push(request)
      wake?.()
    },
    remove: (request) => {
      const requests = waiting.includes(request) ? waiting : running
      const index = requests.indexOf(request)
      if (index >= 0) requests.splice(index, 1)
    }
  }
})

/** Empties the list one by one: a call that is told goes on right here, and may add or remove requests. */
const settleAll = (requests: Array<RunRequest>, failure: VoiceActivityError | undefined): void => {
  for (let request = requests.shift(); request !== undefined; request = requests.shift()) request.settle(failure)
}

const tooLate = () =>
  new VoiceActivityError({ message: `The voice model did not answer within ${Duration.format(RUN_DEADLINE)}` })

const asVoiceActivityError = (cause: Cause.Cause<VoiceActivityError>): VoiceActivityError => {
  const error = Cause.squash(cause)
  return error instanceof VoiceActivityError
    ? error
    : new VoiceActivityError({ message: "The voice model broke down", cause: error })
}

const shutDown = () => new VoiceActivityError({ message: "Voice activity detection is shut down" })

/**
 * Makes the scorer of one call.
 *
 * Its row holds the context (the head of `input`) and the recurrent state; both go on only with a score that was
 * delivered, so that a window that failed or was given up leaves no trace.
 */
export const makeScorer = (batcher: Batcher): VoiceScorer => {
  const row = emptyRow()
  let wasReset = false
  /** Who waits for the window that is being scored. */
  let waiting: ScoreSettled | undefined

  const goOn = (): void => {
    row.input.copyWithin(0, WINDOW_SAMPLES)
    const { state, next } = row
    row.state = next
    row.next = state
  }

  /** One window at a time is scored: one request does for all of them. */
  const request: RunRequest = {
    row,
    settle: (failure) => {
      const settled = waiting
      waiting = undefined
      if (failure === undefined && !wasReset) goOn()
      settled?.(failure, row.probability)
    }
  }

  const direct: DirectScorer = {
    score: (window, settled) => {
      const problem =
        waiting === undefined ? wrongLength(window) : "The previous window of this call is still being scored"
      if (problem !== undefined) return settled(new VoiceActivityError({ message: problem }), 0)
      waiting = settled
      wasReset = false
      for (let i = 0; i < WINDOW_SAMPLES; i++) row.input[CONTEXT_SAMPLES + i] = window[i]! / 32768
      batcher.add(request)
    },
    cancel: () => {
      if (waiting === undefined) return
      waiting = undefined
      batcher.remove(request)
    },
    reset: () => {
      wasReset = true
      row.input.fill(0, 0, CONTEXT_SAMPLES)
      row.state.fill(0)
    }
  }

  return {
    score: (window) =>
      Effect.callback((resume) => {
        direct.score(window, (failure, probability) =>
          resume(failure === undefined ? Effect.succeed(probability) : Effect.fail(failure))
        )
        return Effect.sync(direct.cancel)
      }),
    reset: Effect.sync(direct.reset),
    direct
  }
}

const wrongLength = (window: Int16Array): string | undefined =>
  window.length === WINDOW_SAMPLES
    ? undefined
    : `A window has ${window.length} samples, expected ${WINDOW_SAMPLES} (32 ms of 8 kHz PCM)`
