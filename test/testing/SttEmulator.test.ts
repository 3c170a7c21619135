import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Queue, type Scope } from "effect"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import { type SttEmulator, sttEmulator, type SttEmulatorScript } from "../../src/testing/SttEmulator.ts"

const QUERY = "model=any&input_audio_format=pcm_s16le_16000&turn_detection=none"

/** A client that knows nothing of the protocol. */
interface Client {
  readonly send: (message: object | string | Uint8Array) => Effect.Effect<void>
  readonly append: (audio: Uint8Array) => Effect.Effect<void>
  readonly next: Effect.Effect<Record<string, unknown>>
}

const withClient = <A, E>(
  script: SttEmulatorScript,
  body: (client: Client, emulator: SttEmulator) => Effect.Effect<A, E, Scope.Scope>
) =>
  Effect.gen(function* () {
    const emulator = yield* sttEmulator(script)
    const origin = yield* serveEmulator(emulator.routes)
    const messages = yield* Queue.unbounded<Record<string, unknown>>()
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const headers = { Authorization: "Bearer key" }
        const socket = new NodeWS.WebSocket(`ws://${origin.host}/v1/realtime?${QUERY}`, { headers })
        socket.on("message", (data) => Queue.offerUnsafe(messages, JSON.parse(String(data))))
        socket.on("error", () => {})
        return socket
      }),
      (socket) => Effect.sync(() => socket.terminate())
    )
    const send: Client["send"] = (message) =>
      Effect.sync(() =>
        socket.send(typeof message === "string" || message instanceof Uint8Array ? message : JSON.stringify(message))
      )
    const client: Client = {
      send,
      append: (audio) => send({ type: "input_audio_buffer.append", audio: Buffer.from(audio).toString("base64") }),
      next: Queue.take(messages)
    }
    assert.strictEqual((yield* client.next)["type"], "session.created")
    return yield* body(client, emulator)
  })

const commit = { type: "input_audio_buffer.commit" }
const clear = { type: "input_audio_buffer.clear" }

describe("an upgrade", () => {
  it.live.each([
    ["no key", {}, QUERY, 401],
    ["no model", { Authorization: "Bearer key" }, "input_audio_format=pcm_s16le_16000&turn_detection=none", 400],
    ["another format", { Authorization: "Bearer key" }, "model=any&input_audio_format=g711&turn_detection=none", 400],
    ["endpointing on", { Authorization: "Bearer key" }, "model=any&input_audio_format=pcm_s16le_16000", 400]
  ] as const)("with %s is refused", ([, headers, query, status]) =>
    Effect.gen(function* () {
      const emulator = yield* sttEmulator()
      const origin = yield* serveEmulator(emulator.routes)
      const message = yield* Effect.callback<string>((resume) => {
        const socket = new NodeWS.WebSocket(`ws://${origin.host}/v1/realtime?${query}`, { headers })
        socket.on("error", (error) => resume(Effect.succeed(error.message)))
      })
      assert.include(message, String(status))
      assert.strictEqual((yield* emulator.awaitEvent("Refused")).status, status)
    })
  )

  it.live("is expected", () =>
    Effect.gen(function* () {
      const emulator = yield* sttEmulator()
      const origin = yield* serveEmulator(emulator.routes)
      const response = yield* Effect.promise(() =>
        fetch(new URL(`/v1/realtime?${QUERY}`, origin), { headers: { Authorization: "Bearer key" } })
      )
      assert.strictEqual(response.status, 426)
    })
  )
})

describe("audio", () => {
  it.live("is answered when it is committed, item by item, with hypotheses by its position", () =>
    withClient(
      { words: ["one", "two"], interims: () => [{ atMs: 100, text: "o" }] },
      Effect.fnUntraced(function* (client) {
        for (const [item, words] of ["one", "two", "segment 2"].entries()) {
          yield* client.append(new Uint8Array(1600))
          yield* client.append(new Uint8Array(1600))
          yield* client.send(commit)
          assert.deepInclude(yield* client.next, { delta: "o", item_id: `item_0_${item}` })
          assert.deepInclude(yield* client.next, { transcript: words, item_id: `item_0_${item}` })
        }
      })
    )
  )

  it.live("is believed to be what it is heard as, by its position and from the beginning for each segment", () =>
    withClient(
      {
        words: ["one", "two"],
        beliefs: {
          everyMs: 100,
          of: (segment) => (samples) => (samples.length < 3000 ? undefined : `${segment}: ${samples.length}`)
        }
      },
      Effect.fnUntraced(function* (client) {
        for (const [item, words] of ["one", "two"].entries()) {
          for (let pieces = 0; pieces < 5; pieces++) yield* client.append(new Uint8Array(1600))
          yield* client.send(commit)
          assert.deepInclude(yield* client.next, { delta: `${item}: 3200`, item_id: `item_0_${item}` })
          assert.deepInclude(yield* client.next, { transcript: words, item_id: `item_0_${item}` })
        }
      })
    )
  )

  it.live("that is none is not answered", () =>
    withClient(
      {},
      Effect.fnUntraced(function* (client, emulator) {
        yield* client.send(commit)
        yield* client.append(new Uint8Array(2))
        yield* client.send(commit)
        assert.strictEqual((yield* client.next)["transcript"], "segment 0")
        assert.strictEqual((yield* emulator.awaitEvent("Answered")).commit, 1)
      })
    )
  )

  it.live("that breaks the protocol is reported", () =>
    withClient(
      {},
      Effect.fnUntraced(function* (client, emulator) {
        yield* client.append(new Uint8Array(3))
        yield* client.append(Buffer.from("RIFF...."))
        yield* client.send({ type: "input_audio_buffer.append", audio: "*" })
        yield* client.send({ type: "transcription_session.updated" })
        yield* client.send("hello")
        yield* client.send(new Uint8Array(4))
        yield* emulator.awaitEvent("Closed")
        const rules = (yield* emulator.events).flatMap((event) => (event._tag === "Violated" ? [event.rule] : []))
        assert.deepStrictEqual(rules, [
          "odd bytes",
          "RIFF header",
          "bad base64",
          "unknown type",
          "not JSON",
          "binary frame"
        ])
      })
    )
  )
})

describe("clear", () => {
  const inFlight = (clearMode: "discard" | "cancel" | "ignore") =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      return yield* withClient(
        { clear: clearMode, latency: () => Deferred.await(gate), words: ({ samples }) => `${samples.length} samples` },
        Effect.fnUntraced(function* (client, emulator) {
          yield* client.append(new Uint8Array(20))
          yield* client.send(commit)
          yield* client.append(new Uint8Array(40))
          yield* client.send(clear)
          yield* client.append(new Uint8Array(60))
          yield* client.send(commit)
          yield* emulator.awaitEvent("Committed", (event) => event.commit === 1)
          yield* Deferred.succeed(gate, undefined)
          const first = (yield* client.next)["transcript"]
          return clearMode === "cancel" ? [first] : [first, (yield* client.next)["transcript"]]
        })
      )
    })

  it.live("drops the audio, but no answer under way", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* inFlight("discard"), ["10 samples", "30 samples"])
    })
  )

  it.live("drops answers under way when it is to", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* inFlight("cancel"), ["30 samples"])
    })
  )

  it.live("does nothing when it is to", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* inFlight("ignore"), ["10 samples", "50 samples"])
    })
  )
})

it.live("closes idle connections and says why", () =>
  withClient(
    { idleTimeout: "20 millis" },
    Effect.fnUntraced(function* (client, emulator) {
      assert.deepInclude((yield* client.next)["error"], { code: "idle_timeout" })
      assert.deepInclude(yield* emulator.awaitEvent("Closed"), { code: 1000, by: "emulator" })
    })
  )
)
