/** One call from its `start` frame on: the carrier's frames in, the agent's audio out. The only place where stages and services meet. */
import { Clock, Deferred, Effect, FiberSet, Option, type Scope } from "effect"
import * as LanguageModel from "effect/ai/LanguageModel"
import { type CallEventBody, type CallInfo, type CallStage, type EndReason } from "../schema/CallEvent.ts"
import { defaultPhrases } from "../schema/Phrases.ts"
import { type TurnOutput } from "../schema/Turn.ts"
import { type Media } from "../schema/Twilio.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { CallTools } from "../services/CallTools.ts"
import { CallObserver } from "../services/CallObserver.ts"
import { Endpointing } from "../services/Endpointing.ts"
import { KeptSpeech } from "../services/KeptSpeech.ts"
import { SpeechToText } from "../services/SpeechToText.ts"
import { TextToSpeech } from "../services/TextToSpeech.ts"
import { VoiceActivity } from "../services/VoiceActivity.ts"
import { type CallInbox, makeCallInbox } from "./CallInbox.ts"
import { makeEchoGate } from "./EchoGate.ts"
import { makeHearing } from "./Hearing.ts"
import { defaultPlayoutSettings, makePlayout, type PlayoutWire } from "./Playout.ts"
import { makeRecognition } from "./Recognition.ts"
import { makeReplies } from "./Replies.ts"
import { keepTime } from "./StuckLine.ts"

/** Services a call stands on. */
export type CallServices =
  | AppConfig
  | CallObserver
  | Endpointing
  | LanguageModel.LanguageModel
  | SpeechToText
  | TextToSpeech
  | VoiceActivity

/** A running call, as the carrier's frames drive it. */
export interface CallSession {
  /**
   * Caller audio arrived. It is taken in before the effect runs; the effect waits until there is room for more, and where
   * nothing is to be waited for it is `Effect.void` itself, which need not be run.
   */
  readonly media: (frame: Media) => Effect.Effect<void>
  /** The caller pressed a key. */
  readonly key: (digit: string) => Effect.Effect<void>
  /** A mark came back. */
  readonly mark: (name: string) => Effect.Effect<void>
  /** Carries out what turn-taking decides; ends when the agent hangs up, and tells why it did. */
  readonly run: Effect.Effect<EndReason>
  /** Tells the observers. */
  readonly tell: (event: CallEventBody) => Effect.Effect<void>
}

/** Opens everything a call needs, in its scope. */
export const openSession = Effect.fnUntraced(function* (
  info: CallInfo,
  wire: PlayoutWire
): Effect.fn.Return<CallSession, never, CallServices | Scope.Scope> {
  const config = yield* AppConfig
  const model = yield* LanguageModel.LanguageModel
  const endpointing = yield* Endpointing
  const kept = yield* KeptSpeech
  const tools = yield* CallTools
  const ended = yield* Deferred.make<EndReason>()
  const clock = yield* Clock.Clock
  const nowMs = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const beganMs = nowMs()

  const inbox: CallInbox = yield* makeCallInbox({
    turns: config.turns,
    hear: (window) => recognition.hear(window),
    onOver: (epoch, guessed) => replies.over(epoch, !guessed),
    perform: (output) =>
      Effect.andThen(
        tell({ _tag: "Decided", output }),
        Effect.suspend(() => perform(output))
      )
  })
  const { offer } = inbox

  const sink = yield* (yield* CallObserver).open(info, {
    typed: (text) => offer({ _tag: "Typed", text }),
    hangUp: Effect.asVoid(Deferred.succeed(ended, "agent hung up"))
  })
  const tellNow = (event: CallEventBody) => sink({ ...event, atMs: nowMs() - beganMs })
  const tell = (event: CallEventBody) => Effect.suspend(() => tellNow(event))
  const failed = (stage: CallStage, error: { readonly message: string }) =>
    Effect.andThen(
      Effect.logWarning(`${stage}: ${error.message}`),
      tell({ _tag: "Failed", stage, message: error.message })
    )

  const transcriber = yield* (yield* SpeechToText).open
  const speech = yield* (yield* TextToSpeech).open
  const scorer = yield* (yield* VoiceActivity).open.pipe(
    Effect.tapError((error) => failed("voice activity", error)),
    Effect.option
  )

  // ---------------------------------------------------------------------------------------------------------------
  // speaking
  // ---------------------------------------------------------------------------------------------------------------

  const echo = makeEchoGate()
  const playout = yield* makePlayout(
    {
      ...wire,
      media: (mulaw, playsAtMs) => {
        echo.sent(mulaw, playsAtMs)
        return wire.media(mulaw, playsAtMs)
      },
      clear: Effect.suspend(() => {
        echo.cleared(nowMs())
        return wire.clear
      })
    },
    defaultPlayoutSettings
  )
  const replies = yield* makeReplies({
    persona: config.persona,
    phrases: defaultPhrases,
    deadlines: config.deadlines,
    model,
    tools,
    speech,
    kept,
    playout,
    offer,
    tell,
    failed
  })

  // ---------------------------------------------------------------------------------------------------------------
  // hearing
  // ---------------------------------------------------------------------------------------------------------------

  const recognition = yield* makeRecognition({
    session: transcriber,
    preRollMs: config.turns.preRollMs,
    deadline: config.deadlines.transcript,
    offer,
    tell,
    failed
  })
  const hearing = yield* makeHearing({
    scorer: Option.getOrUndefined(scorer),
    echo,
    nowMs,
    onWindow: (window, probability) => {
      const told = tellNow({ _tag: "Voice", audioMs: window.atMs, probability })
      if (told !== Effect.void) inbox.putFirst(told)
      inbox.putWindow(window, probability)
    },
    onDue: inbox.putFirst,
    failed: (error) => failed("voice activity", error)
  })
  const keepingTime = keepTime({
    nowMs,
    lastAudioMs: hearing.lastAudioMs,
    audioMs: () => inbox.state().nowMs,
    isWaitedFor: () => inbox.state().turn !== undefined || inbox.state().reply?.phase === "thinking",
    onMissing: (atMs) => inbox.put({ _tag: "NoAudio", atMs })
  })

  // ---------------------------------------------------------------------------------------------------------------
  // doing what was decided
  // ---------------------------------------------------------------------------------------------------------------

  const judging = yield* FiberSet.make()
  const judgePause = (turn: Extract<TurnOutput, { readonly _tag: "PauseLimitWanted" }>) =>
    Effect.flatMap(endpointing.pauseFor({ ...turn, agentSaid: replies.lastSaid() }), (ms) =>
      offer({ _tag: "PauseLimit", turn: turn.turn, ms })
    )

  /** The agent has said that it cannot go on. */
  let gaveUp = false

  const perform = (output: TurnOutput): Effect.Effect<void> => {
    switch (output._tag) {
      case "SegmentOpened":
        return recognition.open(output.segment, output.fromMs)
      case "SegmentEnded":
        return recognition.end(output.segment)
      case "ReplyStarted":
        gaveUp = output.cue._tag === "GiveUp"
        return replies.start(output.epoch, output.cue)
      case "ReplyReleased":
        return playout.release(output.epoch)
      case "ReplyHeld":
        return playout.hold(output.epoch)
      case "ReplyStopped":
        return replies.stop(output.epoch, output.reason)
      case "FillerWanted":
        return replies.fill(output.epoch)
      case "PauseLimitWanted":
        return Effect.asVoid(FiberSet.run(judging, judgePause(output)))
      case "HangUp":
        return Effect.asVoid(Deferred.succeed(ended, gaveUp ? "agent gave up" : "agent hung up"))
      case "TurnStarted":
      case "TurnEnded":
      case "TurnDropped":
        return Effect.void
    }
  }

  yield* Effect.forkScoped(keepingTime)
  yield* tell({ _tag: "Started" })
  yield* offer({ _tag: "CallStarted" })

  return {
    media: hearing.media,
    key: (digit) => Effect.andThen(tell({ _tag: "Key", digit }), offer({ _tag: "Key", digit })),
    mark: playout.marked,
    run: Effect.raceFirst(inbox.run, Deferred.await(ended)),
    tell
  }
})
