/** Follows a call from outside of the server that holds it, where that is offered: an address in, what the server tells out. Holds no call. */
import { Effect, Fiber, type Scope } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TOKEN_PARAMETER, WATCH_PARAMETER } from "../layers/PhoneAccess.ts"
import { connectSocket } from "../testing/CarrierConnection.ts"
import { besides, type CallTarget } from "./CallTarget.ts"
import { readEvent, type TranscriptEvent } from "./Transcript.ts"

/** How long the server may take to say whether calls can be followed, and to tell the rest once the call is over. */
const DEADLINE = "2 seconds"

/** A call that is followed. */
export interface CallWatch {
  /** What the call has to carry in its `start` frame, so that it may be followed. */
  readonly parameters: Readonly<Record<string, string>>
  /** Everything that was told, once the call is over; undefined: nothing was, and nothing can be known. */
  readonly told: Effect.Effect<ReadonlyArray<TranscriptEvent> | undefined>
}

/** Nothing is known but what is heard. */
export const watchNothing: CallWatch = { parameters: {}, told: Effect.succeed(undefined) }

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isOffered = (target: CallTarget, query: string) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const response = yield* client.execute(HttpClientRequest.get(besides(target, `/phone/config${query}`)))
    return response.status === 200
  }).pipe(
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    Effect.timeout(DEADLINE),
    // A server that is not there will be told of by the call itself.
    Effect.orElseSucceed(() => false)
  )

/** Begins to follow the call with this id, which is about to be placed; {@link watchNothing} if the server does not offer that. */
export const watchCall = Effect.fn("CallWatch.watchCall")(function* (
  target: CallTarget,
  callSid: string,
  token: string | undefined
): Effect.fn.Return<CallWatch, never, HttpClient.HttpClient | Scope.Scope> {
  const credentials = token === undefined ? "" : `&${new URLSearchParams({ token }).toString()}`
  if (!(yield* isOffered(target, credentials.replace(/^&/, "?")))) return watchNothing

  const events: Array<TranscriptEvent> = []
  let heardOf = false
  const url = besides(target, `/phone/events?call=${callSid}${credentials}`, true)
  const follow = Effect.gen(function* () {
    const connection = yield* connectSocket(url)
    yield* connection.receive.pipe(
      Effect.tap((frames) =>
        Effect.sync(() => {
          heardOf = true
          for (const frame of frames) {
            const event = typeof frame === "string" ? readEvent(parse(frame)) : undefined
            if (event !== undefined) events.push(event)
          }
        })
      ),
      Effect.forever
    )
  }).pipe(Effect.ignore)
  const following = yield* Effect.forkScoped(follow)
  return {
    parameters: { [WATCH_PARAMETER]: "true", ...(token === undefined ? {} : { [TOKEN_PARAMETER]: token }) },
    // The server closes the connection when it has told everything.
    told: Effect.suspend(() =>
      heardOf ? Effect.as(Effect.timeoutOption(Fiber.await(following), DEADLINE), events) : Effect.succeed(undefined)
    )
  }
})
