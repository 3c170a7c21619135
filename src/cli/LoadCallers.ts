/** Places and holds the calls of one process: a plan in, the tally out while it goes on. Owns sockets and time; what a caller does is `LoadCaller.ts`. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Effect, type FileSystem } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import { openCall, type Sign } from "../testing/HttpCall.ts"
import { makeIdentity, makeTwilioFrames, type TwilioIdentity } from "../testing/TwilioFrames.ts"
import { type CallError } from "./CallError.ts"
import { type CallTarget } from "./CallTarget.ts"
import { type LoadManners, makeLoadCaller } from "./LoadCaller.ts"
import { countFailure, type LoadTally, makeTally } from "./LoadTally.ts"
import { makeTicker, type Ticker } from "./LoadTicker.ts"
import { reasonOf, sentenceOf } from "./PlaceCall.ts"
import { signing } from "./Signing.ts"

/** The calls of one process. */
export interface LoadPlan {
  /** Where calls are placed. */
  readonly target: { readonly _tag: CallTarget["_tag"]; readonly url: string }
  readonly from: string | undefined
  readonly to: string | undefined
  /** Whether requests are signed, if the auth token is known. */
  readonly signed: boolean
  readonly manners: LoadManners
  /** For each call its number and when it is placed, in milliseconds from the beginning. */
  readonly calls: ReadonlyArray<{ readonly number: number; readonly atMs: number }>
  /** Turns and audio count that begin between these, and when everybody hangs up. */
  readonly measureFromMs: number
  readonly measureUntilMs: number
  readonly hangUpAtMs: number
}

/** Longest wait for a media stream to open, in milliseconds. */
const OPEN_MS = 10_000

const NORMAL = 1000

/** Where a call's media stream is. */
interface Opening {
  readonly url: string
  readonly parameters: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
}

const openingOf = (
  plan: LoadPlan,
  sign: Sign | undefined,
  identity: TwilioIdentity
): Effect.Effect<Opening, string, HttpClient.HttpClient> => {
  const target: CallTarget = { _tag: plan.target._tag, url: new URL(plan.target.url) }
  if (target._tag === "MediaStream") return Effect.succeed({ url: target.url.href, parameters: {}, headers: {} })
  const options = {
    webhookUrl: target.url,
    allowInsecure: true,
    ...(plan.from === undefined ? {} : { from: plan.from }),
    ...(plan.to === undefined ? {} : { to: plan.to }),
    ...(sign === undefined ? {} : { sign })
  }
  return openCall(options, identity).pipe(
    Effect.map(({ document, headers }) => ({ url: document.url.href, parameters: document.parameters, headers })),
    Effect.mapError((error) =>
      error._tag === "TwimlError" && error.reason === "NoStream"
        ? "turned away: the call document has no media stream"
        : sentenceOf(target, error)
    )
  )
}

/** Holds one call on its media stream until everybody hangs up or it ends; tells the tally what came of it. */
const hold = (
  ticker: Ticker,
  plan: LoadPlan,
  tally: LoadTally,
  beganMs: number,
  call: { readonly number: number; readonly identity: TwilioIdentity; readonly opening: Opening }
): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const { identity, number, opening } = call
    const frames = makeTwilioFrames(identity)
    const socket = new NodeWS.WebSocket(opening.url, {
      headers: { ...opening.headers },
      perMessageDeflate: false,
      handshakeTimeout: OPEN_MS
    })
    let isOver = false
    let failure: string | undefined
    const end = (reason?: string): void => {
      if (isOver) return
      isOver = true
      if (reason !== undefined) countFailure(tally, reason)
      resume(Effect.void)
    }
    const send = (frame: string): void => {
      // Bytes go out in one write with their header, a text in two.
      if (socket.readyState === socket.OPEN) socket.send(Buffer.from(frame), { binary: false })
    }

    let isOpen = false
    socket.on("error", (error) => {
      failure ??= `the media stream: ${reasonOf(error) ?? error.message}`
    })
    socket.on("open", () => {
      isOpen = true
      tally.live++
      send(frames.connected())
      send(frames.start(opening.parameters))
      const caller = makeLoadCaller({
        manners: plan.manners,
        number,
        frames,
        send,
        at: ticker.at,
        tally,
        originMs: ticker.nowMs(),
        measureFromMs: beganMs + plan.measureFromMs,
        measureUntilMs: beganMs + plan.measureUntilMs
      })
      const tick = (): void => {
        if (isOver) return
        caller.tick(ticker.nowMs())
        ticker.at(caller.nextMs(), tick)
      }
      ticker.at(caller.nextMs(), tick)
      ticker.at(beganMs + plan.hangUpAtMs, () => {
        if (isOver) return
        send(frames.stop())
        socket.close(NORMAL)
        end(caller.wasAnswered() ? undefined : "the agent was not heard")
      })
      let wasAnswered = false
      socket.on("message", (data, isBinary) => {
        if (isOver || isBinary) return
        caller.receive(ticker.nowMs(), String(data))
        if (!wasAnswered && caller.wasAnswered()) {
          wasAnswered = true
          tally.answered++
        }
      })
    })
    socket.on("close", (code, reason) => {
      if (isOpen) tally.live--
      const why = reason.length === 0 ? `code ${code}` : `${String(reason)}, code ${code}`
      const ended = isOpen ? `the server ended the call early (${why})` : "the media stream could not be opened"
      end(failure ?? ended)
    })
    return Effect.sync(() => {
      isOver = true
      socket.terminate()
    })
  })

/** Places the calls of a plan and holds them to their end; `tally` tells at any time how it goes. */
export const runCallers = Effect.fnUntraced(function* (
  plan: LoadPlan,
  tally: LoadTally = makeTally()
): Effect.fn.Return<LoadTally, CallError, FileSystem.FileSystem> {
  const sign = plan.signed ? yield* signing : undefined
  const ticker = yield* makeTicker
  const beganMs = ticker.nowMs()

  const place = Effect.fnUntraced(function* ({ atMs, number }: LoadPlan["calls"][number]) {
    yield* Effect.sleep(Math.max(0, beganMs + atMs - ticker.nowMs()))
    tally.placed++
    const identity = yield* makeIdentity()
    yield* openingOf(plan, sign, identity).pipe(
      Effect.matchEffect({
        onFailure: (reason) => Effect.sync(() => countFailure(tally, reason)),
        onSuccess: (opening) => hold(ticker, plan, tally, beganMs, { number, identity, opening })
      })
    )
  })

  yield* Effect.raceFirst(
    Effect.forEach(plan.calls, place, { concurrency: "unbounded", discard: true }),
    ticker.run
  ).pipe(Effect.provide(FetchHttpClient.layer))
  return tally
})
