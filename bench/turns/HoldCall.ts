/** A planned call in, what was heard of it on the line out: held in virtual time with an agent, the stand-in services and a voice model. */
import { Duration, Effect, Layer, Logger, Random, type Scope, Stream } from "effect"
import { type CallEvent } from "../../src/schema/CallEvent.ts"
import { defaultTurnSettings, type TurnSettings } from "../../src/schema/TurnSettings.ts"
import * as EndpointingByWords from "../../src/layers/EndpointingByWords.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { CallObserver } from "../../src/services/CallObserver.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { VoiceActivity } from "../../src/services/VoiceActivity.ts"
import { runCall } from "../../src/streams/Call.ts"
import { endpointingOf } from "../../src/streams/Endpointing.ts"
import { decodeMulawBase64, encodeMulaw } from "../../src/streams/Mulaw.ts"
import { connectTo } from "../../src/testing/CarrierConnection.ts"
import { type GroundTruth, type GroundTruthState, makeGroundTruth } from "../../src/testing/GroundTruth.ts"
import { type CallResult, placeCall } from "../../src/testing/TwilioCaller.ts"
import { configOf } from "../../src/testing/SimulatedServices.ts"
import { inVirtualTime, timeStandsStill } from "../../src/testing/VirtualTime.ts"
import { type PlannedCall } from "./Corpus.ts"
import { type Recordings, SPEECH_DB } from "./Recordings.ts"
import { standIn } from "./StandIn.ts"
import { tutorial } from "./Tutorial.ts"

/** Who answers the phone. */
export type Agent =
  | { readonly _tag: "Tutorial"; readonly silenceMs?: number }
  | { readonly _tag: "Ours"; readonly turns?: Partial<TurnSettings> }

/** A call that was held. */
export interface HeldCall {
  readonly plan: PlannedCall
  readonly result: CallResult
  /** What the agent told its observers, if it tells any. */
  readonly events: ReadonlyArray<CallEvent>
}

/** A voice model whose work takes no virtual time. */
const standingStill = (vad: VoiceActivity["Service"]): Layer.Layer<VoiceActivity> =>
  Layer.succeed(VoiceActivity, {
    open: Effect.map(timeStandsStill(vad.open), (scorer) => ({
      score: (window: Int16Array) => timeStandsStill(scorer.score(window)),
      reset: scorer.reset
    }))
  })

/** Puts babble behind everything that comes from the caller. */
const withBabble =
  (babble: Float32Array, db: number, seed: number) =>
  (link: MediaLink): MediaLink => {
    const gain = 32768 * 10 ** ((SPEECH_DB + db) / 20)
    let at = (seed * 7919 * 400) % babble.length
    return {
      ...link,
      inbound: Stream.map(link.inbound, (text) => {
        const frame = JSON.parse(text) as { event: string; media?: { payload: string } }
        if (frame.event !== "media" || frame.media === undefined) return text
        const samples = decodeMulawBase64(frame.media.payload).map((sample) =>
          Math.max(-32768, Math.min(32767, Math.round(sample + gain * (babble[at++ % babble.length] ?? 0))))
        )
        const media = { ...frame.media, payload: Buffer.from(encodeMulaw(samples)).toString("base64") }
        return JSON.stringify({ ...frame, media })
      })
    }
  }

const hold = (
  plan: PlannedCall,
  agent: Agent,
  recordings: Recordings,
  vad: VoiceActivity["Service"]
): Effect.Effect<HeldCall, never, Scope.Scope> =>
  Effect.gen(function* () {
    const kept = yield* makeGroundTruth
    let latest: GroundTruthState = yield* kept.current
    const truth: GroundTruth = {
      current: kept.current,
      setUnsafe: (state) => {
        latest = state
        kept.setUnsafe(state)
      }
    }
    const turns = agent._tag === "Ours" ? { ...defaultTurnSettings, ...agent.turns } : defaultTurnSettings
    const persona = { id: "bench", name: "Bench", prompt: "Answer the phone.", greeting: plan.greeting }
    const config = configOf({ services: { languageModel: { replies: [] } }, persona, turns })
    const events: Array<CallEvent> = []
    const services = Layer.mergeAll(
      Layer.succeed(AppConfig, config),
      Layer.succeed(CallObserver, {
        open: () => Effect.succeed((event) => Effect.sync(() => void (event._tag === "Voice" || events.push(event))))
      }),
      EndpointingByWords.layer(endpointingOf(turns)),
      standingStill(vad),
      standIn(plan, truth, () => latest, recordings.agent)
    )
    const context = yield* Layer.build(services)
    const line =
      plan.babbleDb === undefined ? (link: MediaLink) => link : withBabble(recordings.babble, plan.babbleDb, plan.seed)
    const serve = (link: MediaLink) =>
      (agent._tag === "Ours" ? runCall(line(link)) : tutorial(line(link), agent.silenceMs)).pipe(
        Effect.provideContext(context),
        Effect.provide(Logger.layer([]))
      )
    const result = yield* placeCall({
      connect: connectTo(serve),
      script: plan.script,
      impairments: plan.impairments,
      groundTruth: truth,
      playout: { endsReply: (mark) => mark.endsWith(":end") }
    })
    return { plan, result, events }
  })

/** Holds a call. */
export const holdCall = (
  plan: PlannedCall,
  agent: Agent,
  recordings: Recordings,
  vad: VoiceActivity["Service"]
): Effect.Effect<HeldCall> =>
  hold(plan, agent, recordings, vad).pipe(Effect.scoped, Random.withSeed(plan.seed), (call) =>
    inVirtualTime(call, { limit: Duration.minutes(20) })
  )
