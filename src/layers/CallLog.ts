/** Observes calls and writes what a person wants to read about them to the log: a line a turn, none a frame. */
import { Effect, Layer, Ref } from "effect"
import { type CallEvent } from "../schema/CallEvent.ts"
import { CallObserver, type CallSink } from "../services/CallObserver.ts"
import * as TurnLatency from "../streams/TurnLatency.ts"

const ms = (value: number): string => `${Math.round(value)} ms`

const describe = (latency: TurnLatency.TurnLatency): string =>
  `turn ${latency.turn} answered ${ms(latency.voiceToVoiceMs)} after the caller fell silent: ` +
  `words at ${ms(latency.transcriptMs)}, model asked at ${ms(latency.askedMs)}, turn over at ${ms(latency.endedMs)}, ` +
  `first token at ${ms(latency.firstTokenMs)}, first sentence at ${ms(latency.firstSentenceMs)}, ` +
  `first audio at ${ms(latency.firstAudioMs)}`

/** What one event is worth writing; texts go into `pii.` annotations, never into the message. */
const line = (event: CallEvent): Effect.Effect<void> => {
  switch (event._tag) {
    case "Started":
      return Effect.logInfo("call started")
    case "Ended":
      return Effect.logInfo(`call ended after ${(event.atMs / 1000).toFixed(1)} s: ${event.reason}`).pipe(
        event.malformedFrames > 0 ? Effect.annotateLogs({ malformedFrames: event.malformedFrames }) : (self) => self
      )
    case "Heard":
      return Effect.logInfo(
        event.text === event.generated
          ? `reply ${event.epoch} heard to its end (${ms(event.playedMs)})`
          : `reply ${event.epoch} cut short after ${ms(event.playedMs)}`
      ).pipe(Effect.annotateLogs({ "pii.agent": event.text }))
    case "Decided": {
      const { output } = event
      switch (output._tag) {
        case "TurnEnded":
          return Effect.logInfo(`turn ${output.turn} over after a pause of ${ms(output.pauseMs)}`).pipe(
            Effect.annotateLogs({ "pii.caller": output.text })
          )
        case "TurnDropped":
          return Effect.logInfo(`turn ${output.turn} dropped: ${output.reason}`)
        case "ReplyStopped":
          return Effect.logInfo(`reply ${output.epoch} stopped: ${output.reason}`)
        default:
          return Effect.void
      }
    }
    default:
      return Effect.void
  }
}

/** The observer itself, to be combined with others. */
export const callLog: CallObserver["Service"] = {
  open: (call) =>
    Effect.map(Ref.make(TurnLatency.initial), (latency): CallSink => {
      const write = (event: CallEvent) =>
        Effect.gen(function* () {
          const finished = yield* Ref.modify(latency, (state) => {
            const [next, latencies] = TurnLatency.step(state, event)
            return [latencies, next]
          })
          yield* line(event)
          yield* Effect.forEach(finished, (one) => Effect.logInfo(describe(one)), { discard: true })
        }).pipe(Effect.annotateLogs({ callSid: call.callSid }))
      return (event) => (event._tag === "Voice" || event._tag === "Interim" ? Effect.void : write(event))
    })
}

/** Writes calls to the log. */
export const layer: Layer.Layer<CallObserver> = Layer.succeed(CallObserver, callLog)
