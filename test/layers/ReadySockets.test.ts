import { assert, describe, it } from "@effect/vitest"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Clock, Context, Effect, Layer, Redacted, type Scope } from "effect"
import { Socket } from "effect/socket"
import { TestClock } from "effect/testing"
import * as ReadySockets from "../../src/layers/ReadySockets.ts"
import { transcriptionAddress } from "../../src/layers/TogetherSttConnection.ts"
import { type TogetherSettings } from "../../src/services/AppConfig.ts"
import { type SpeechToTextSession } from "../../src/services/SpeechToText.ts"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import {
  type SttEmulator,
  SttConnectionFault,
  sttEmulator,
  type SttEmulatorScript
} from "../../src/testing/SttEmulator.ts"
import { FakeSocket } from "../support/FakeSpeechSockets.ts"
import { KEY, openSession, say, withLogs } from "../support/Recognition.ts"

/** One whose reading can wait. */
class PausableSocket extends FakeSocket {
  pause(): void {}
  resume(): void {}
}

interface Waiting {
  readonly emulator: SttEmulator
  readonly dial: (key?: string) => Effect.Effect<void>
  /** A session of a call, which dials as all calls do. */
  readonly call: Effect.Effect<SpeechToTextSession, never, Scope.Scope>
  /** Connections that the service was asked for so far. */
  readonly asked: Effect.Effect<number>
}

const settingsFor = (baseUrl: URL, key: string): TogetherSettings => ({
  apiKey: Redacted.make(key),
  baseUrl,
  sttModel: "openai/whisper-large-v3",
  llmModel: "llm",
  ttsModel: "tts",
  ttsVoice: "voice"
})

/** An emulator, and sockets to it that may wait. */
const withSockets = <A, E>(
  options: Partial<ReadySockets.ReadySocketsOptions> & { readonly script?: SttEmulatorScript },
  body: (waiting: Waiting) => Effect.Effect<A, E, Scope.Scope>
) =>
  withLogs(() =>
    Effect.gen(function* () {
      const emulator = yield* sttEmulator(options.script ?? {})
      const baseUrl = new URL("/v1", yield* serveEmulator(emulator.routes))
      const context = yield* Layer.build(
        ReadySockets.layer({ limit: 4, ...options }).pipe(Layer.provide(NodeWS.layerWebSocketConstructor))
      )
      const sockets = Layer.succeed(Socket.WebSocketConstructor, Context.get(context, Socket.WebSocketConstructor))
      return yield* body({
        emulator,
        dial: (key = KEY) =>
          Context.get(context, ReadySockets.ReadySockets).dial(transcriptionAddress(settingsFor(baseUrl, key))),
        call: openSession(sockets, baseUrl),
        asked: Effect.map(emulator.events, (events) => events.filter(({ _tag }) => _tag === "Asked").length)
      })
    })
  )

const ready = ({ emulator }: Waiting, connection: number) =>
  emulator.awaitEvent("Ready", (event) => event.connection === connection)

describe("a socket that was dialled ahead", () => {
  it.live("is the one that the next call speaks on, with all that the service said before", () =>
    withSockets({}, (waiting) =>
      Effect.gen(function* () {
        yield* waiting.dial()
        yield* ready(waiting, 0)
        const session = yield* waiting.call
        assert.strictEqual(yield* say(session, 1, 5), "segment 0")
        assert.strictEqual(yield* waiting.asked, 1)
        // The next one finds none and dials.
        assert.strictEqual(yield* say(yield* waiting.call, 1, 5), "segment 1")
        assert.strictEqual(yield* waiting.asked, 2)
      })
    )
  )

  it.live("is taken while it is still being opened", () =>
    withSockets({}, (waiting) =>
      Effect.gen(function* () {
        yield* waiting.dial()
        const session = yield* waiting.call
        assert.strictEqual(yield* say(session, 1, 5), "segment 0")
        assert.strictEqual(yield* waiting.asked, 1)
      })
    )
  )

  it.live("belongs to its call: it is closed with it, and not when its own time is over", () =>
    withSockets({ life: "50 millis" }, (waiting) =>
      Effect.gen(function* () {
        yield* waiting.dial()
        yield* ready(waiting, 0)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const session = yield* waiting.call
            // A second one that nobody takes tells when the time of the first would have been over, too.
            yield* waiting.dial()
            yield* waiting.emulator.awaitEvent("Closed", ({ connection }) => connection === 1)
            assert.strictEqual(yield* say(session, 1, 5), "segment 0")
          })
        )
        const closed = yield* waiting.emulator.awaitEvent("Closed", ({ connection }) => connection === 0)
        assert.deepInclude(closed, { code: 1000, by: "client" })
      })
    )
  )

  it.live("is closed when nobody wants it", () =>
    withSockets({ life: "20 millis" }, (waiting) =>
      Effect.gen(function* () {
        yield* waiting.dial()
        const closed = yield* waiting.emulator.awaitEvent("Closed")
        assert.deepInclude(closed, { connection: 0, code: 1000, by: "client" })
        assert.strictEqual(yield* say(yield* waiting.call, 1, 5), "segment 0")
        assert.strictEqual(yield* waiting.asked, 2)
      })
    )
  )

  it.live("is one of a few at the most", () =>
    withSockets({ limit: 2 }, (waiting) =>
      Effect.gen(function* () {
        yield* Effect.repeat(waiting.dial(), { times: 9 })
        yield* ready(waiting, 0)
        yield* ready(waiting, 1)
        assert.strictEqual(yield* waiting.asked, 2)
        const sessions = yield* Effect.all([waiting.call, waiting.call, waiting.call])
        yield* Effect.forEach(sessions, (session) => say(session, 1, 5))
        assert.strictEqual(yield* waiting.asked, 3)
      })
    )
  )

  it.live("is not given to somebody with another key", () =>
    withSockets({}, (waiting) =>
      Effect.gen(function* () {
        yield* waiting.dial("another-key")
        yield* ready(waiting, 0)
        yield* say(yield* waiting.call, 1, 5)
        assert.strictEqual(yield* waiting.asked, 2)
      })
    )
  )

  for (const [name, fault] of [
    ["is refused", SttConnectionFault.Refuse({ status: 503 })],
    ["is closed before it is ready", SttConnectionFault.CloseBeforeReady({ code: 1011, reason: "no" })]
  ] as const) {
    it.live(`hurts nobody when it ${name}`, () =>
      withSockets({ script: { connectionFault: (connection) => (connection === 0 ? fault : undefined) } }, (waiting) =>
        Effect.gen(function* () {
          yield* waiting.dial()
          yield* waiting.emulator.awaitEvent(fault._tag === "Refuse" ? "Refused" : "Asked")
          assert.strictEqual(yield* say(yield* waiting.call, 1, 5), "segment 0")
        })
      )
    )
  }

  it.live("hurts nobody when it is lost while it waits", () =>
    withSockets({}, (waiting) =>
      Effect.gen(function* () {
        yield* waiting.dial()
        yield* ready(waiting, 0)
        yield* waiting.emulator.cut
        assert.strictEqual(yield* say(yield* waiting.call, 1, 5), "segment 0")
      })
    )
  )

  it.live("hurts nobody when there cannot even be one", () =>
    withSockets({}, (waiting) =>
      Effect.gen(function* () {
        yield* waiting.dial("a key\nthat no header can hold")
        yield* say(yield* waiting.call, 1, 5)
        assert.strictEqual(yield* waiting.asked, 1)
      })
    )
  )

  it.live("is closed with the process", () =>
    Effect.gen(function* () {
      const emulator = yield* sttEmulator({})
      const baseUrl = new URL("/v1", yield* serveEmulator(emulator.routes))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const context = yield* Layer.build(
            ReadySockets.layer({ limit: 4 }).pipe(Layer.provide(NodeWS.layerWebSocketConstructor))
          )
          yield* Context.get(context, ReadySockets.ReadySockets).dial(transcriptionAddress(settingsFor(baseUrl, KEY)))
          yield* emulator.awaitEvent("Ready")
        })
      )
      assert.deepInclude(yield* emulator.awaitEvent("Closed"), { connection: 0, by: "client" })
    })
  )

  it.effect("is let go of when it cannot be kept from speaking", () =>
    Effect.gen(function* () {
      const made: Array<FakeSocket> = []
      const construct = Layer.succeed(Socket.WebSocketConstructor, (url) => {
        const socket = new FakeSocket(url, {})
        made.push(socket)
        return socket
      })
      const context = yield* Layer.build(ReadySockets.layer({ limit: 4 }).pipe(Layer.provide(construct)))
      const address = { url: "ws://127.0.0.1/", headers: {} }
      yield* Context.get(context, ReadySockets.ReadySockets).dial(address)
      const taken = Context.get(context, Socket.WebSocketConstructor)(address.url, { headers: {} })
      assert.strictEqual(made[0]?.closedWith, 1000)
      assert.strictEqual(taken, made[1])
    })
  )

  it.effect("is not waited for any more once it is taken or lost", () =>
    Effect.gen(function* () {
      let sleeping = 0
      const clock = {
        ...(yield* Clock.Clock),
        sleep: () =>
          Effect.acquireUseRelease(
            Effect.sync(() => sleeping++),
            () => Effect.never,
            () => Effect.sync(() => sleeping--)
          )
      }
      const made: Array<PausableSocket> = []
      const construct = Layer.succeed(Socket.WebSocketConstructor, (url) => {
        const socket = new PausableSocket(url, {})
        made.push(socket)
        return socket
      })
      const context = yield* Layer.build(ReadySockets.layer({ limit: 4 }).pipe(Layer.provide(construct)))
      const address = { url: "ws://127.0.0.1/", headers: {} }
      const { dial } = Context.get(context, ReadySockets.ReadySockets)
      yield* Effect.andThen(dial(address), dial(address)).pipe(Effect.provideService(Clock.Clock, clock))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(sleeping, 2)
      const taken = Context.get(context, Socket.WebSocketConstructor)(address.url, { headers: {} })
      assert.strictEqual(taken, made[0])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(sleeping, 1)
      made[1]?.refuse(503)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(sleeping, 0)
    })
  )
})
