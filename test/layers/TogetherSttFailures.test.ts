import { assert, describe, it } from "@effect/vitest"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Effect, Fiber, Redacted } from "effect"
import { inspect } from "node:util"
import { type FailureReason } from "../../src/schema/Errors.ts"
import { type ServiceError } from "../../src/schema/TogetherStt.ts"
import {
  SttCommitFault,
  SttConnectionFault,
  type SttEmulator,
  type SttEmulatorScript
} from "../../src/testing/SttEmulator.ts"
import {
  KEY,
  levelWords,
  logged,
  type LogLine,
  openSession,
  say,
  voice,
  withEmulator,
  withLogs
} from "../support/Recognition.ts"

const onlyFirst =
  <A>(fault: A) =>
  (position: number): A | undefined =>
    position === 0 ? fault : undefined

const count = (emulator: SttEmulator, tag: string) =>
  Effect.map(emulator.events, (events) => events.filter((event) => event._tag === tag).length)

const reasons = (logs: ReadonlyArray<LogLine>) => logs.map(({ annotations }) => annotations["reason"])

const overloaded: ServiceError = { message: "try again", type: "service_unavailable_error" }
const badAudio: ServiceError = { message: "invalid audio data", type: "invalid_request_error" }

describe("a lost connection", () => {
  it.live("is made again at once, and the open segment is said again", () =>
    withEmulator(
      { words: levelWords, connectionFault: onlyFirst(SttConnectionFault.CutAfter({ audioMs: 300 })) },
      ({ emulator, logs, session }) =>
        Effect.gen(function* () {
          yield* session.append(1, voice(10, 350))
          yield* emulator.awaitEvent("Closed")
          yield* session.append(1, voice(10, 400))
          assert.strictEqual(yield* session.commit(1), "level 10, 750 ms")
          assert.strictEqual(yield* count(emulator, "Committed"), 1)
          assert.deepStrictEqual(reasons(logs), ["Disconnected"])
          assert.isTrue(logs.every(({ level }) => level === "Warn"))
        })
    )
  )

  it.live("gets everything asked again that was not answered, in order", () =>
    withEmulator({ words: levelWords, commitFault: onlyFirst(SttCommitFault.Cut()) }, ({ emulator, session }) =>
      Effect.gen(function* () {
        const words = yield* Effect.forkChild(
          Effect.all([say(session, 1, 10), say(session, 2, 20), say(session, 3, 30)], { concurrency: "unbounded" }),
          { startImmediately: true }
        )
        yield* session.append(4, voice(40, 200))
        assert.deepStrictEqual(yield* Fiber.join(words), ["level 10, 300 ms", "level 20, 300 ms", "level 30, 300 ms"])
        assert.strictEqual(yield* session.commit(4), "level 40, 200 ms")
        assert.strictEqual(yield* count(emulator, "Asked"), 2)
      })
    )
  )

  it.live("costs a long segment its beginning: the last 5 s are said again", () =>
    withEmulator(
      { words: levelWords, connectionFault: onlyFirst(SttConnectionFault.CutAfter({ audioMs: 7000 })) },
      ({ emulator, logs, session }) =>
        Effect.gen(function* () {
          yield* say(session, 1, 10, 300)
          yield* session.append(2, voice(10, 3000))
          yield* session.append(2, voice(20, 4050))
          yield* emulator.awaitEvent("Closed")
          const words = yield* session.commit(2)
          assert.match(words, /^level 20, (49\d\d|5000) ms$/)
          const missing = logs.flatMap(({ annotations }) => annotations["missingMs"] ?? [])
          assert.strictEqual(missing.length, 1)
          assert.isAtLeast(Number(missing[0]), 2000)
        })
    )
  )

  it.live.each([
    ["closed in good order", (emulator: SttEmulator) => emulator.hangUp(1000)],
    ["closed for a restart", (emulator: SttEmulator) => emulator.hangUp(1012)],
    ["broken", (emulator: SttEmulator) => emulator.cut]
  ] as const)("is replaced when it was %s", ([, end]) =>
    withEmulator({ words: levelWords }, ({ emulator, logs, session }) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* say(session, 1, 10), "level 10, 300 ms")
        yield* end(emulator)
        yield* emulator.awaitEvent("Closed")
        assert.strictEqual(yield* say(session, 2, 20), "level 20, 300 ms")
        assert.deepStrictEqual(reasons(logs), ["Disconnected"])
      })
    )
  )

  it.live("is replaced when the service found it idle", () =>
    withEmulator({ words: levelWords, idleTimeout: "30 millis" }, ({ emulator, logs, session }) =>
      Effect.gen(function* () {
        yield* emulator.awaitEvent("Closed")
        assert.strictEqual(yield* say(session, 1, 10), "level 10, 300 ms")
        assert.strictEqual(logs[0]?.annotations["reason"], "Disconnected")
        assert.include(String(logs[0]?.annotations["detail"]), "idle_timeout")
      })
    )
  )

  it.live("that answers nothing is left once its answer was given up", () =>
    withEmulator(
      { words: levelWords, connectionFault: onlyFirst(SttConnectionFault.HalfOpen()) },
      ({ emulator, session }) =>
        Effect.gen(function* () {
          const words = yield* Effect.forkChild(say(session, 1, 10))
          yield* emulator.awaitEvent("Committed")
          yield* Fiber.interrupt(words)
          assert.strictEqual(yield* say(session, 2, 20), "level 20, 300 ms")
          yield* emulator.awaitEvent("Closed", ({ connection }) => connection === 0)
        })
    )
  )
})

describe("a connection that cannot be had now", () => {
  const faults: ReadonlyArray<readonly [string, SttConnectionFault, FailureReason]> = [
    ["status 429", SttConnectionFault.Refuse({ status: 429 }), "RateLimited"],
    ["status 503", SttConnectionFault.Refuse({ status: 503 }), "Overloaded"],
    [
      "close 4503 before the session",
      SttConnectionFault.CloseBeforeReady({ code: 4503, reason: "no_healthy_workers" }),
      "Overloaded"
    ],
    [
      "an overload before the session",
      SttConnectionFault.CloseBeforeReady({
        code: 1000,
        reason: "",
        error: { message: "none left", code: "no_healthy_workers" }
      }),
      "Overloaded"
    ],
    ["a close before the session", SttConnectionFault.CloseBeforeReady({ code: 1000, reason: "" }), "Disconnected"],
    [
      "a close that repeats the key",
      SttConnectionFault.CloseBeforeReady({ code: 1008, reason: `not today, ${KEY}` }),
      "Disconnected"
    ],
    [
      "an unknown error before the session",
      SttConnectionFault.CloseBeforeReady({ code: 1000, reason: "", error: { message: "hm" } }),
      "Disconnected"
    ]
  ]
  it.live.each(faults)("because of %s is asked for again, and no audio is lost", ([, fault, reason]) =>
    withEmulator({ words: levelWords, connectionFault: onlyFirst(fault) }, ({ emulator, logs, session }) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* say(session, 1, 10), "level 10, 300 ms")
        assert.strictEqual(yield* count(emulator, "Asked"), 2)
        assert.deepStrictEqual(reasons(logs), [reason])
        assert.notInclude(inspect(logs, { depth: 12, showHidden: true }), KEY)
      })
    )
  )

  it.live("because nobody is there leaves commits waiting", () =>
    withLogs((logs) =>
      Effect.gen(function* () {
        const gone = yield* Effect.scoped(
          withEmulator({}, ({ emulator }) => Effect.map(emulator.awaitEvent("Asked"), ({ headers }) => headers["host"]))
        )
        const session = yield* openSession(NodeWS.layerWebSocketConstructor, new URL(`http://${gone}/v1`))
        const words = yield* Effect.forkChild(Effect.exit(say(session, 1, 10)), { startImmediately: true })
        yield* logged(logs, 2)
        assert.isUndefined(words.pollUnsafe())
        assert.deepStrictEqual(reasons(logs), ["Unreachable", "Unreachable"])
        assert.include(String(logs[0]?.annotations["detail"]), "ECONNREFUSED")
      })
    )
  )
})

describe("a refusal", () => {
  const refusals: ReadonlyArray<readonly [string, SttEmulatorScript, FailureReason]> = [
    ["a wrong key", { apiKey: Redacted.make("another") }, "Unauthorized"],
    ["status 403", { connectionFault: () => SttConnectionFault.Refuse({ status: 403 }) }, "Unauthorized"],
    ["status 402", { connectionFault: () => SttConnectionFault.Refuse({ status: 402 }) }, "QuotaExceeded"],
    ["an unknown model", { models: ["another"] }, "Rejected"],
    [
      "a wrong key, told on the socket",
      {
        connectionFault: () =>
          SttConnectionFault.CloseBeforeReady({
            code: 1000,
            reason: "",
            error: { message: `no such key: ${KEY}`, type: "invalid_request_error", code: "invalid_api_key" }
          })
      },
      "Unauthorized"
    ],
    [
      "an unknown model, told on the socket",
      {
        connectionFault: () =>
          SttConnectionFault.CloseBeforeReady({
            code: 1000,
            reason: "",
            error: { message: "no such model", type: "invalid_request_error", code: "model_not_available" }
          })
      },
      "Rejected"
    ]
  ]
  it.live.each(refusals)("because of %s fails commits and is not asked about again at once", ([, script, reason]) =>
    withEmulator(script, ({ emulator, logs, session }) =>
      Effect.gen(function* () {
        const waiting = yield* Effect.flip(say(session, 1, 10))
        assert.strictEqual(waiting.reason, reason)
        assert.isFalse(waiting.retryable)
        const later = yield* Effect.flip(say(session, 2, 20))
        assert.strictEqual(later.reason, reason)
        assert.strictEqual(yield* count(emulator, "Asked"), 1)
        assert.deepStrictEqual(reasons(logs), [reason])
        assert.notInclude(inspect([logs, waiting, later], { depth: 12, showHidden: true }), KEY)
      })
    )
  )

  it.live("of a key in the middle of a call ends the connection", () =>
    withEmulator({ latency: () => Effect.never }, ({ emulator, session }) =>
      Effect.gen(function* () {
        const words = yield* Effect.forkChild(Effect.flip(say(session, 1, 10)))
        yield* emulator.awaitEvent("Committed")
        yield* emulator.say({ type: "error", error: { message: "key revoked", code: "invalid_api_key" } })
        assert.strictEqual((yield* Fiber.join(words)).reason, "Unauthorized")
        assert.deepInclude(yield* emulator.awaitEvent("Closed"), { code: 1000, by: "client" })
        assert.strictEqual((yield* Effect.flip(say(session, 2, 20))).reason, "Unauthorized")
      })
    )
  )

  it.live("of a key that no header can hold is one, too", () =>
    withLogs((logs) =>
      Effect.gen(function* () {
        const session = yield* openSession(
          NodeWS.layerWebSocketConstructor,
          new URL("http://127.0.0.1:9/v1"),
          "line\nbreak"
        )
        assert.strictEqual((yield* Effect.flip(say(session, 1, 10))).reason, "Rejected")
        assert.deepStrictEqual(reasons(logs), ["Rejected"])
      })
    )
  )
})

describe("a failure of a segment", () => {
  it.live("leaves the session and the connection as they are", () =>
    withEmulator(
      { words: levelWords, commitFault: onlyFirst(SttCommitFault.FailItem({ error: { message: "what?" } })) },
      ({ emulator, logs, session }) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(say(session, 1, 10))
          assert.strictEqual(error.reason, "Malformed")
          // The service's own words may quote anything: they are for those who ask for what is private.
          assert.notInclude(error.message, "what?")
          assert.strictEqual(yield* say(session, 2, 20), "level 20, 300 ms")
          assert.strictEqual(logs[0]?.annotations["pii.said"], "what?")
          assert.strictEqual(yield* count(emulator, "Asked"), 1)
        })
    )
  )

  it.live("has the service's reason", () =>
    withEmulator({ commitFault: () => SttCommitFault.FailItem({ error: overloaded }) }, ({ session }) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(say(session, 1, 10))
        assert.strictEqual(error.reason, "Overloaded")
        assert.isTrue(error.retryable)
      })
    )
  )

  it.live("at something else than its final words makes a new connection, for those may still come", () =>
    withEmulator(
      {
        words: levelWords,
        commitFault: onlyFirst(SttCommitFault.FailItem({ error: { message: "what?" }, eventType: "delta" }))
      },
      ({ emulator, session }) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* Effect.flip(say(session, 1, 10))).reason, "Malformed")
          assert.strictEqual(yield* say(session, 2, 20), "level 20, 300 ms")
          assert.strictEqual(yield* count(emulator, "Asked"), 2)
        })
    )
  )

  it.live("that is one of the session is asked again on a new connection", () =>
    withEmulator(
      { words: levelWords, commitFault: onlyFirst(SttCommitFault.FailSession({ error: badAudio })) },
      ({ emulator, session }) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* say(session, 1, 10), "level 10, 300 ms")
          assert.strictEqual(yield* count(emulator, "Committed"), 2)
        })
    )
  )
})

describe("an error message", () => {
  it.live("followed by close 1000 is no success: what can be tried again is", () =>
    withEmulator(
      { words: levelWords, commitFault: onlyFirst(SttCommitFault.Error({ error: overloaded })) },
      ({ emulator, logs, session }) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* say(session, 1, 10), "level 10, 300 ms")
          assert.strictEqual(yield* count(emulator, "Committed"), 2)
          assert.deepStrictEqual(reasons(logs), ["Overloaded"])
        })
    )
  )

  it.live("about the request fails the segment that was asked for", () =>
    withEmulator(
      { words: levelWords, commitFault: onlyFirst(SttCommitFault.Error({ error: badAudio })) },
      ({ session }) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(say(session, 1, 10))
          assert.strictEqual(error.reason, "Rejected")
          assert.strictEqual(yield* say(session, 2, 20), "level 20, 300 ms")
        })
    )
  )

  it.live("on a connection that stays open makes a new one, for the answer may still come", () =>
    withEmulator(
      {
        words: levelWords,
        commitFault: onlyFirst(SttCommitFault.Error({ error: { message: "hm" }, stayOpen: true }))
      },
      ({ emulator, session }) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* Effect.flip(say(session, 1, 10))).reason, "Malformed")
          assert.strictEqual(yield* say(session, 2, 20), "level 20, 300 ms")
          assert.strictEqual(yield* count(emulator, "Asked"), 2)
        })
    )
  )

  it.live("about the audio of an open segment and a close after it are a refusal", () =>
    withEmulator({}, ({ emulator, logs, session }) =>
      Effect.gen(function* () {
        yield* session.append(1, voice(10, 200))
        yield* emulator.awaitEvent("Appended")
        yield* emulator.say({ type: "error", message: "unsupported sample rate", error: { type: badAudio.type } })
        yield* emulator.hangUp(1000)
        yield* emulator.awaitEvent("Closed")
        const error = yield* Effect.flip(session.commit(1))
        assert.strictEqual(error.reason, "Rejected")
        assert.include(error.message, "invalid_request_error")
        assert.strictEqual(logs[0]?.annotations["pii.said"], "unsupported sample rate")
        assert.strictEqual(yield* count(emulator, "Asked"), 1)
      })
    )
  )

  it.live("that nobody knows and a close after it are a loss", () =>
    withEmulator({ words: levelWords }, ({ emulator, logs, session }) =>
      Effect.gen(function* () {
        yield* session.append(1, voice(10, 200))
        yield* emulator.awaitEvent("Appended")
        yield* emulator.say({ type: "error", error: { message: "hm", code: "constructor" } })
        yield* emulator.hangUp(1000)
        yield* emulator.awaitEvent("Ready", ({ connection }) => connection === 1)
        assert.strictEqual(yield* session.commit(1), "level 10, 200 ms")
        assert.deepStrictEqual(reasons(logs), ["Malformed", "Disconnected"])
      })
    )
  )

  it.live("that nothing follows from is only logged", () =>
    withEmulator({ words: levelWords }, ({ emulator, logs, session }) =>
      Effect.gen(function* () {
        yield* emulator.awaitEvent("Ready")
        yield* say(session, 1, 10)
        yield* emulator.say({ type: "error", message: "unknown message type" })
        yield* logged(logs, 1)
        assert.strictEqual(yield* say(session, 2, 20), "level 20, 300 ms")
        assert.strictEqual(yield* count(emulator, "Asked"), 1)
        assert.deepStrictEqual(reasons(logs), ["Malformed"])
      })
    )
  )
})

describe("the log", () => {
  it.live("has no words of the caller and no key", () =>
    withEmulator(
      {
        words: () => "my secret words",
        interims: () => [{ atMs: 100, text: "my secret" }],
        commitFault: (commit) =>
          [SttCommitFault.Cut(), SttCommitFault.FailItem({ error: overloaded }), undefined][commit % 3]
      },
      ({ logs, session }) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* Effect.flip(say(session, 1, 10))).reason, "Overloaded")
          assert.strictEqual(yield* say(session, 2, 20), "my secret words")
          assert.isAbove(logs.length, 1)
          assert.notInclude(JSON.stringify(logs), "secret")
          assert.notInclude(JSON.stringify(logs), KEY)
        })
    )
  )
})
