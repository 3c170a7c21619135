/** Voice activity by Silero: windows of many calls in, their scores out, those that wait scored together. Owns each call's recurrent state and the queue, not the model. */
import { Cause, Duration, Effect, Exit, Layer, type Scope } from "effect"
import { WINDOW_SAMPLES } from "../schema/Audio.ts"
import { VoiceActivityError } from "../schema/Errors.ts"
import { type ModelError } from "../schema/ModelError.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { VoiceActivity, type VoiceScorer } from "../services/VoiceActivity.ts"
import {
  CONTEXT_SAMPLES,
  emptyRow,
  loadSileroModel,
  MAX_ROWS,
  shippedModel,
  type ModelRow,
  type SileroModel
} from "./SileroModel.ts"

/** How long a run may take before its calls are told that it failed; a healthy one takes a few milliseconds. */
export const RUN_DEADLINE = Duration.seconds(1)

/** A row that waits for its run. */
export interface RunRequest {
  readonly row: ModelRow
  /** Called once when its run is over, with what went wrong if anything did, unless the request was taken back. */
  readonly settle: (failure: VoiceActivityError | undefined) => void
}

/** Puts rows into runs; synchronous. */
export interface Batcher {
  /** Has a row run: at once if nothing is running, else in the next run, with everything else that waits by then. */
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
 * One fiber runs one batch after the other. A lone row never waits; under load, whatever comes during a run makes up the
 * next one, so that batches grow just as far as the load needs. A run that fails, dies or exceeds {@link RUN_DEADLINE}
 * fails the requests in it and no others.
 */
export const makeBatcher = Effect.fnUntraced(function* (
  run: SileroModel["run"]
): Effect.fn.Return<Batcher, never, Scope.Scope> {
  const waiting: Array<RunRequest> = []
  let running: Array<RunRequest> = []
  let wake: (() => void) | undefined
  let closed = false

  const untilSomeWait = Effect.callback<void>((resume) => {
    if (waiting.length > 0) return resume(Effect.void)
    wake = () => resume(Effect.void)
  })

  const runBatches = Effect.gen(function* () {
    while (true) {
      yield* untilSomeWait
      wake = undefined
      running = waiting.splice(0, MAX_ROWS)
      const rows = running.map((request) => request.row)
      const result = yield* Effect.exit(
        Effect.raceFirst(
          Effect.suspend(() => run(rows)),
          runDeadline
        )
      )
      settleAll(running, Exit.isSuccess(result) ? undefined : asVoiceActivityError(result.cause))
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

/**
 * Fails when a run is late.
 *
 * The extra turn of the event loop is for a process that was held up itself: the run may then be late only because its
 * own turn has not come yet.
 */
const runDeadline = Effect.sleep(RUN_DEADLINE).pipe(
  Effect.andThen(Effect.yieldNow),
  Effect.andThen(
    Effect.suspend(() =>
      Effect.fail(
        new VoiceActivityError({ message: `The voice model did not answer within ${Duration.format(RUN_DEADLINE)}` })
      )
    )
  )
)

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
  let busy = false
  let wasReset = false

  const goOn = (): void => {
    row.input.copyWithin(0, WINDOW_SAMPLES)
    const { state, next } = row
    row.state = next
    row.next = state
  }

  return {
    score: (window) =>
      Effect.callback((resume) => {
        const problem = busy ? "The previous window of this call is still being scored" : wrongLength(window)
        if (problem !== undefined) return resume(Effect.fail(new VoiceActivityError({ message: problem })))
        busy = true
        wasReset = false
        for (let i = 0; i < WINDOW_SAMPLES; i++) row.input[CONTEXT_SAMPLES + i] = window[i]! / 32768
        const request: RunRequest = {
          row,
          settle: (failure) => {
            busy = false
            if (failure !== undefined) return resume(Effect.fail(failure))
            if (!wasReset) goOn()
            resume(Effect.succeed(row.probability))
          }
        }
        batcher.add(request)
        return Effect.sync(() => {
          busy = false
          batcher.remove(request)
        })
      }),
    reset: Effect.sync(() => {
      wasReset = true
      row.input.fill(0, 0, CONTEXT_SAMPLES)
      row.state.fill(0)
    })
  }
}

const wrongLength = (window: Int16Array): string | undefined =>
  window.length === WINDOW_SAMPLES
    ? undefined
    : `A window has ${window.length} samples, expected ${WINDOW_SAMPLES} (32 ms of 8 kHz PCM)`
