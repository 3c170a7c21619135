/** The rows of the fault matrix that matter most, in real time: the product's own clients on real sockets, against emulators. Only the voice detector is a stand-in. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Layer, Metric } from "effect"
import { FetchHttpClient } from "effect/http"
import * as Choices from "../../src/layers/Choices.ts"
import * as Providers from "../../src/layers/Providers.ts"
import * as TogetherLanguageModel from "../../src/layers/TogetherLanguageModel.ts"
import * as TogetherSpeechToText from "../../src/layers/TogetherSpeechToText.ts"
import * as TogetherTextToSpeech from "../../src/layers/TogetherTextToSpeech.ts"
import * as VendorSockets from "../../src/layers/VendorSockets.ts"
import { defaultPhrases as phrases } from "../../src/schema/Phrases.ts"
import { AppConfig, type DeadlineSettings, type TogetherSettings } from "../../src/services/AppConfig.ts"
import { FallbackConfig, type FallbackSettings } from "../../src/services/FallbackConfig.ts"
import { runCall } from "../../src/streams/Call.ts"
import { type CallReport, type LogLine, reportOf } from "../../src/testing/CallReport.ts"
import {
  type CallerScript,
  hangUp,
  listen,
  pause,
  reset,
  say,
  waitUntilAgentSpeaks
} from "../../src/testing/CallerScript.ts"
import { connectTo } from "../../src/testing/CarrierConnection.ts"
import { chatEmulator } from "../../src/testing/ChatEmulator.ts"
import { type ChatReply } from "../../src/testing/ChatReply.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { toSttEmulator, toTtsEmulator } from "../../src/testing/EmulatorScripts.ts"
import { makeGroundTruth } from "../../src/testing/GroundTruth.ts"
import { checkCall, invariants } from "../../src/testing/Invariants.ts"
import { simulateLive } from "../../src/testing/LiveSimulation.ts"
import { scriptedVoiceActivity } from "../../src/testing/ScriptedVoiceActivity.ts"
import { configOf, endpointing, keptSpeech, watching, type Watch } from "../../src/testing/SimulatedServices.ts"
import { callerOptions, keepingLog, makeFiberCount } from "../../src/testing/Simulation.ts"
import { sttEmulator } from "../../src/testing/SttEmulator.ts"
import { SttConnectionFault, type SttEmulatorScript } from "../../src/testing/SttScript.ts"
import { ttsEmulator } from "../../src/testing/TtsEmulator.ts"
import { TtsConnectionFault, type TtsEmulatorScript, TtsItemFault } from "../../src/testing/TtsScript.ts"
import { placeCall } from "../../src/testing/TwilioCaller.ts"
import { lexiconOf, spoken } from "../../src/testing/WordSound.ts"
import { answers, questions } from "../support/FaultCall.ts"

const question = questions[0]
const answer = answers[0]

/** Nobody listens there. */
const nowhere = new URL("http://127.0.0.1:1/v1")

type Service = keyof FallbackSettings

interface LiveRow {
  readonly fault: string
  readonly chat?: ChatReply
  readonly stt?: SttEmulatorScript
  readonly tts?: TtsEmulatorScript
  /** Services at an address where nobody listens, and whether the emulator is their second choice. */
  readonly unreachable?: ReadonlyArray<Service>
  readonly fallback?: true
  readonly hears: ReadonlyArray<string>
  readonly deadlines?: Partial<DeadlineSettings>
  /** Quiet after which the caller hangs up; 2500 ms unless it is said otherwise. */
  readonly quietMs?: number
}

/** Shorter than usual, so that a test is not long: what counts is the order. */
const deadlines: DeadlineSettings = {
  transcript: Duration.millis(900),
  firstToken: Duration.millis(2500),
  stall: Duration.millis(2000),
  firstAudio: Duration.millis(2500)
}

const script = (quietMs: number): CallerScript => [listen(), say(spoken(question)), listen(quietMs), hangUp]

/** Holds a call that asks one question. */
const hold = (row: LiveRow) =>
  Effect.gen(function* () {
    const chat = yield* chatEmulator({ replies: [row.chat ?? answer] })
    const stt = yield* sttEmulator({ ...toSttEmulator({ words: lexiconOf(question) }), ...row.stt })
    const tts = yield* ttsEmulator({ ...toTtsEmulator({}), ...row.tts })
    const origin = yield* serveEmulator(Layer.mergeAll(chat.routes, stt.routes, tts.routes))

    const agent = {
      deadlines: { ...deadlines, ...row.deadlines },
      services: { languageModel: { replies: [] } }
    }
    const config = configOf(agent)
    const there: TogetherSettings = { ...config.together, baseUrl: new URL("/v1", origin) }
    const at = (service: Service): TogetherSettings =>
      row.unreachable?.includes(service) === true ? { ...there, baseUrl: nowhere } : there
    const own = (service: Service) => Layer.succeed(AppConfig, { ...config, together: at(service) })
    const alone = Layer.mergeAll(
      Layer.provide(TogetherSpeechToText.layer, own("speechToText")),
      Layer.provide(TogetherTextToSpeech.layer, own("textToSpeech")),
      Layer.provide(TogetherLanguageModel.layer, own("languageModel"))
    )
    const secondChoices = Providers.layer.pipe(
      Layer.provide(Choices.layer),
      Layer.provide(Layer.succeed(AppConfig, { ...config, together: { ...there, baseUrl: nowhere } })),
      Layer.provide(Layer.succeed(FallbackConfig, { speechToText: there, languageModel: there, textToSpeech: there }))
    )
    const truth = yield* makeGroundTruth
    const watch: Watch = { events: [], openedMs: 0 }
    const log: Array<LogLine> = []
    const services = Layer.mergeAll(
      row.fallback === true ? secondChoices : alone,
      watching(watch),
      endpointing(config),
      keptSpeech(agent),
      scriptedVoiceActivity({ source: "truth" }, truth)
    ).pipe(
      Layer.provideMerge(Layer.succeed(AppConfig, config)),
      Layer.provide([VendorSockets.layer, FetchHttpClient.layer])
    )
    const context = yield* Layer.build(services)
    const fibers = makeFiberCount()
    const connect = connectTo((link) =>
      runCall(link).pipe(
        Effect.provideContext(context),
        Effect.provide(keepingLog(log)),
        Effect.provideService(Metric.FiberRuntimeMetrics, fibers.service)
      )
    )
    const call = yield* Effect.scoped(
      placeCall({ ...callerOptions({ ...agent, script: script(row.quietMs ?? 2500) }), connect, groundTruth: truth })
    )
    const doneMs = yield* Clock.currentTimeMillis
    const { originMs = 0 } = yield* truth.current
    return reportOf({
      call,
      events: watch.events,
      lineTime: (ms) => ms + watch.openedMs - originMs,
      requests: [],
      log,
      remains: {
        doneAfterMs: Math.max(0, doneMs - originMs - call.recording.durationMs),
        fibers: fibers.alive(),
        sockets: 0
      }
    })
  }).pipe(Effect.scoped)

/** What can be told exactly in real time as well. */
const { answers: answersInTime, endsCleanly, speaksTheProtocol } = invariants
const checks = { answersInTime, endsCleanly, speaksTheProtocol }

const rows: ReadonlyArray<LiveRow> = [
  { fault: "nothing", hears: [answer] },
  { fault: "the language model refuses the connection", unreachable: ["languageModel"], hears: [phrases.noAnswer] },
  { fault: "the language model fails (500)", chat: { refusal: { status: 500 } }, hears: [phrases.noAnswer] },
  {
    fault: "the language model accepts and says nothing",
    chat: { fault: { kind: "hang" } },
    hears: [phrases.filler, phrases.noAnswer]
  },
  {
    fault: "the language model stalls in the middle",
    chat: { text: `${answer} And then`, fault: { kind: "stall", afterTokens: 5 } },
    hears: [`${answer} ${phrases.brokeOff}`]
  },
  {
    fault: "the language model is cut in the middle",
    chat: { text: `${answer} And then`, fault: { kind: "cut", afterTokens: 5 } },
    hears: [`${answer} ${phrases.brokeOff}`]
  },
  {
    fault: "the language model never says that it is done",
    chat: { text: answer, ending: { done: false, holdOpen: true } },
    hears: [answer]
  },
  { fault: "recognition refuses the connection", unreachable: ["speechToText"], hears: [phrases.askAgain] },
  {
    fault: "recognition fails (500)",
    stt: { connectionFault: () => SttConnectionFault.Refuse({ status: 500 }) },
    hears: [phrases.askAgain]
  },
  {
    fault: "recognition accepts and says nothing",
    stt: { connectionFault: () => SttConnectionFault.HalfOpen() },
    hears: [phrases.askAgain]
  },
  {
    fault: "recognition is cut in the middle of the question",
    stt: {
      connectionFault: (connection) => (connection === 0 ? SttConnectionFault.CutAfter({ audioMs: 600 }) : undefined)
    },
    hears: [answer]
  },
  {
    fault: "the voice refuses the connection",
    unreachable: ["textToSpeech"],
    hears: [phrases.filler, phrases.noAnswer]
  },
  {
    fault: "the voice fails (500)",
    tts: { connectionFault: () => TtsConnectionFault.Refuse({ status: 500 }) },
    hears: [phrases.filler, phrases.noAnswer]
  },
  {
    fault: "the voice accepts and says nothing",
    tts: { connectionFault: () => TtsConnectionFault.HalfOpen() },
    hears: [phrases.filler, phrases.noAnswer]
  },
  {
    fault: "the voice stalls in the middle",
    quietMs: 5000,
    tts: { itemFault: () => TtsItemFault.Stall({ afterMs: 500 }) },
    hears: [`We open ${phrases.brokeOff}`]
  },
  {
    fault: "the voice is cut in the middle",
    quietMs: 5000,
    tts: { itemFault: ({ number }) => (number === 0 ? TtsItemFault.Cut({ afterMs: 500 }) : undefined) },
    hears: [`We open ${phrases.brokeOff}`]
  },
  {
    fault: "the voice never says that it is done",
    quietMs: 5000,
    tts: { itemFault: () => TtsItemFault.NoDone() },
    hears: [answer]
  },
  {
    fault: "all three are unreachable and the second choices are not",
    unreachable: ["speechToText", "languageModel", "textToSpeech"],
    fallback: true,
    // A second connection has to be made within it, on a machine that is busy with all the other calls.
    deadlines: { transcript: Duration.seconds(5) },
    hears: [answer]
  }
]

describe("on real sockets", () => {
  /** All at once, or it would take minutes; each test waits for its own. */
  const calls = new Map<LiveRow, Promise<CallReport>>()
  beforeAll(() => {
    for (const row of rows) {
      const call = Effect.runPromise(hold(row))
      // Told by the test that waits for it.
      call.catch(() => {})
      calls.set(row, call)
    }
  })

  for (const row of rows) {
    it(`${row.fault}`, async () => {
      const report = await calls.get(row)
      assert(report !== undefined)
      const heard = report.conversation.flatMap(({ by, text }) => (by === "agent" ? [text] : [])).slice(1)
      // On a machine that is busy a filler may come ahead of anything, and what was cut may have lost its last word.
      const besides = heard
        .map((text) => text.replace(phrases.filler, "").replace(" And Sorry", " Sorry").trim())
        .filter((text) => text !== "")
      assert.deepStrictEqual(
        besides,
        row.hears.filter((text) => text !== phrases.filler)
      )
      if (row.hears.includes(phrases.filler)) assert.isTrue(heard.some((text) => text.startsWith(phrases.filler)))
      assert.deepStrictEqual(checkCall(report, checks), [])
    }, 60_000)
  }

  const lost: Readonly<Record<string, CallerScript>> = {
    "the connection is lost in the middle of a question": [
      listen(),
      say(spoken(question).audio.subarray(0, 5000)),
      reset
    ],
    "the connection is lost in the middle of a reply": [
      listen(),
      say(spoken(question)),
      waitUntilAgentSpeaks(),
      pause(300),
      reset
    ],
    "the carrier resets the connection without stop": [listen(), pause(300), reset]
  }
  for (const [fault, script] of Object.entries(lost)) {
    it(`${fault}`, async () => {
      const report = await Effect.runPromise(
        simulateLive({ script, services: { languageModel: { replies: [answer] } } })
      )
      assert.deepStrictEqual(checkCall(report, { endsCleanly }, { doneMs: 5000 }), [])
      const reasons = report.events.flatMap((event) => (event._tag === "Ended" ? [event.reason] : []))
      assert.deepStrictEqual(reasons, ["connection lost"])
      const closed = [...report.emulators.speechToText, ...report.emulators.textToSpeech].filter(
        ({ _tag }) => _tag === "Closed"
      )
      assert.strictEqual(closed.length, 2, "both sockets of the call are closed")
    }, 60_000)
  }
})
