import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Redacted, type Scope } from "effect"
import { Socket } from "effect/socket"
import { serveEmulator } from "../../src/testing/EmulatorServer.ts"
import {
  toneHz,
  ttsEmulator,
  type TtsEmulatorScript,
  TtsConnectionFault,
  TtsItemFault
} from "../../src/testing/TtsEmulator.ts"

type Received = Readonly<Record<string, unknown>>

/** Connects to an emulator like any client, and takes what it says. */
const connectTo = Effect.fnUntraced(function* (
  script: TtsEmulatorScript,
  query = "",
  headers: Readonly<Record<string, string>> = { Authorization: "Bearer any" }
) {
  const tts = yield* ttsEmulator({ charactersPerSecond: 100, realTimeFactor: 0, ...script })
  const origin = yield* serveEmulator(tts.routes)
  const url = `ws://${origin.host}/v1/audio/speech/websocket?model=m&voice=v&${query}`
  const received = yield* Queue.unbounded<Received | Uint8Array | Socket.SocketError>()
  const socket = yield* Socket.makeWebSocket(url, { headers })
  const writer = yield* socket.writer
  yield* Effect.gen(function* () {
    const { pull } = yield* socket.reader
    while (true) {
      for (const frame of yield* pull) {
        Queue.offerUnsafe(received, typeof frame === "string" ? JSON.parse(frame) : frame)
      }
    }
  }).pipe(
    Effect.scoped,
    Effect.catch((error) => Queue.offer(received, error)),
    Effect.forkScoped
  )
  const next = Queue.take(received)
  /** Everything up to the first that fits. */
  const until = Effect.fnUntraced(function* (fits: (message: Received) => boolean) {
    const messages: Array<Received> = []
    for (;;) {
      const message = yield* next
      if (message instanceof Uint8Array) {
        messages.push({ binary: Buffer.from(message).toString("base64") })
        continue
      }
      if (message instanceof Socket.SocketError) return [...messages, { ended: message }]
      messages.push(message)
      if (fits(message)) return messages
    }
  })
  const send = (...messages: ReadonlyArray<object>) =>
    Effect.forEach(messages, (message) => writer.write(JSON.stringify(message)), { discard: true })
  return { tts, next, until, send, write: writer.write }
}, Effect.provide(NodeWS.layerWebSocketConstructor))

const append = (text: string, context_id = "c1") => ({ type: "input_text_buffer.append", text, context_id })
const commit = (context_id = "c1") => ({ type: "input_text_buffer.commit", context_id })

const isDone = ({ type }: Received) => type === "conversation.item.audio_output.done"

/** The audio of messages, put together. */
const audioOf = (messages: ReadonlyArray<Received>): Int16Array => {
  const bytes = Buffer.concat(
    messages.flatMap(({ binary, delta }) => {
      const text = delta ?? binary
      return typeof text === "string" ? [Buffer.from(text, "base64")] : []
    })
  )
  return Int16Array.from({ length: bytes.length >> 1 }, (_, i) => bytes.readInt16LE(2 * i))
}

/** Rising zero crossings a second. */
const hertz = (samples: Int16Array): number =>
  (samples.filter((sample, i) => sample > 0 && (samples[i - 1] ?? 0) <= 0).length * 24_000) / samples.length

const closeCode = (message: unknown): unknown =>
  message instanceof Socket.SocketError && message.reason._tag === "SocketCloseError" ? message.reason.code : message

const live = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, body)

describe("the emulated session", () => {
  live("greets, says a commit in a tone of its own, and is done", () =>
    Effect.gen(function* () {
      const { next, send, tts, until } = yield* connectTo({}, "segment=never")
      const greeting = (yield* next) as Received
      assert.strictEqual(greeting["type"], "session.created")
      assert.include(greeting["session"], { model: "m", voice: "v" })
      for (const [number, text] of ["Hello there.", "And goodbye then!"].entries()) {
        yield* send(append(text), commit())
        const messages = yield* until(isDone)
        const samples = audioOf(messages)
        assert.strictEqual(samples.length, Math.round(text.length * 240))
        assert.approximately(hertz(samples), toneHz(number), 30)
        for (const message of messages) {
          assert.include(message, { context_id: "c1", item_id: `tts_${number + 1}` })
        }
      }
      yield* tts.awaitEvent("Spoken", ({ item }) => item === 1)
      const tags = (yield* tts.events).map(({ _tag }) => _tag).filter((tag) => tag !== "Delta")
      const spoken = ["Appended", "Committed", "Began", "Spoken"]
      assert.deepStrictEqual(tags, ["Asked", "Ready", ...spoken, ...spoken])
    })
  )

  live("divides text as it was asked to, and counts items from the beginning in each context", () =>
    Effect.gen(function* () {
      const { send, tts, until } = yield* connectTo({}, "segment=sentence&max_partial_length=30")
      yield* send(append("Hello! How are you "), append("doing today?"), commit(), append("Fine.", "c2"), commit("c2"))
      const messages = [...(yield* until(isDone)), ...(yield* until(isDone)), ...(yield* until(isDone))]
      const dones = messages.filter(isDone).map(({ context_id, item_id }) => `${context_id} ${item_id}`)
      assert.deepStrictEqual(dones.sort(), ["c1 tts_1", "c1 tts_2", "c2 tts_1"])
      const texts = (yield* tts.events).flatMap((event) => (event._tag === "Began" ? [event.text] : []))
      assert.deepStrictEqual(texts.sort(), ["Fine.", "Hello!", "How are you doing today?"])
    })
  )

  live("forgets text that was cleared, and ignores commits of nothing", () =>
    Effect.gen(function* () {
      const { send, tts, until } = yield* connectTo({}, "segment=never")
      const clear = { type: "input_text_buffer.clear", context_id: "c1" }
      yield* send(append("Hello."), clear, commit(), append("Bye."), commit())
      yield* until(isDone)
      assert.deepStrictEqual(
        (yield* tts.events).flatMap((event) => (event._tag === "Began" ? [event.text] : [])),
        ["Bye."]
      )
      assert.strictEqual((yield* tts.awaitEvent("Cleared")).text, "Hello.")
    })
  )

  live("stops a context when it is cancelled, with as much audio after it as scripted", () =>
    Effect.gen(function* () {
      const { send, tts, until } = yield* connectTo(
        { itemFault: () => TtsItemFault.Stall({ afterMs: 20 }), lateDeltas: 2, deltaBytes: [480] },
        "segment=never"
      )
      yield* send(append("Hello there."), commit())
      yield* tts.awaitEvent("Delta", ({ bytes }) => bytes === 480)
      yield* until(({ delta }) => delta !== undefined)
      yield* until(({ delta }) => delta !== undefined)
      yield* send({ type: "context.cancel", context_id: "c1" })
      const messages = yield* until(({ type }) => type === "context.cancelled")
      assert.strictEqual(messages.length, 3)
      assert.strictEqual(messages[2]?.["context_id"], "c1")
    })
  )

  live("keeps to the number of contexts it has", () =>
    Effect.gen(function* () {
      const { send, tts, until } = yield* connectTo({ maxContexts: 1 }, "segment=never")
      yield* send(append("One.", "c1"), append("Two.", "c2"))
      yield* until(({ type }) => type === "error")
      assert.strictEqual((yield* tts.awaitEvent("Violated")).rule, "too many contexts")
    })
  )

  live("notes what it does not understand", () =>
    Effect.gen(function* () {
      const { send, tts, write } = yield* connectTo({})
      yield* send({ type: "input_text_buffer.replace" })
      yield* write("not JSON")
      yield* write(Uint8Array.of(1))
      for (const rule of ["unknown type", "not JSON", "binary frame"] as const) {
        yield* tts.awaitEvent("Violated", (event) => event.rule === rule)
      }
    })
  )

  live("can be spoken through, closed and cut by hand", () =>
    Effect.gen(function* () {
      const first = yield* connectTo({})
      yield* first.tts.awaitEvent("Ready")
      yield* first.next
      yield* first.tts.say({ type: "hello" })
      assert.deepStrictEqual(yield* first.next, { type: "hello" })
      yield* first.tts.hangUp(4000, "enough")
      assert.strictEqual(closeCode(yield* first.next), 4000)
      assert.include(yield* first.tts.awaitEvent("Closed"), { by: "emulator" })
      const second = yield* connectTo({})
      yield* second.next
      yield* second.tts.cut
      assert.strictEqual(closeCode(yield* second.next), 1006)
    })
  )

  live("closes when nothing comes for too long", () =>
    Effect.gen(function* () {
      const { next } = yield* connectTo({ idleTimeout: "30 millis" })
      yield* next
      assert.strictEqual(closeCode(yield* next), 1000)
    })
  )
})

describe("its faults", () => {
  const say = Effect.fnUntraced(function* (script: TtsEmulatorScript, texts: ReadonlyArray<string>, dones: number) {
    const client = yield* connectTo(script, "segment=never")
    yield* client.next
    yield* client.send(...texts.flatMap((text) => [append(text), commit()]))
    const items = yield* Effect.forEach(Array.from({ length: dones }), () => client.until(isDone))
    return { ...client, messages: items.flat() }
  })

  const named = (messages: ReadonlyArray<Received>) =>
    messages.filter(isDone).map(({ context_id, item_id }) => `${context_id ?? "-"} ${item_id ?? "-"}`)

  const pieces = (text: string) => text.split("|")

  for (const [itemIds, ids] of [
    ["context", ["tts_1", "tts_2", "tts_3"]],
    ["connection", ["tts_1", "tts_2", "tts_3"]],
    ["commit", ["tts_1", "tts_2", "tts_1"]],
    ["shared", ["tts_1", "tts_1", "tts_2"]],
    ["none", ["-", "-", "-"]]
  ] as const) {
    live(`counts items by ${itemIds}`, () =>
      Effect.gen(function* () {
        const { messages } = yield* say({ itemIds, pieces }, ["One.|Two.", "Three."], 3)
        assert.deepStrictEqual(
          named(messages),
          ids.map((id) => `c1 ${id}`)
        )
      })
    )
  }

  live("leaves context ids out", () =>
    Effect.gen(function* () {
      const none = yield* say({ contextIds: "none" }, ["One."], 1)
      assert.isTrue(none.messages.every((message) => message["context_id"] === undefined))
      const some = yield* say({ contextIds: "not done" }, ["One."], 1)
      assert.deepStrictEqual(named(some.messages), ["- tts_1"])
      assert.strictEqual(some.messages[0]?.["context_id"], "c1")
    })
  )

  live("sends audio in binary frames", () =>
    Effect.gen(function* () {
      const { messages } = yield* say({ binary: true }, ["One."], 1)
      assert.strictEqual(audioOf(messages).length, 960)
      assert.isTrue(messages.slice(0, -1).every(({ binary }) => binary !== undefined))
    })
  )

  live("mixes in what nobody knows", () =>
    Effect.gen(function* () {
      const tts = yield* ttsEmulator({ strangeMessages: true, realTimeFactor: 0 })
      const origin = yield* serveEmulator(tts.routes)
      const frames = yield* Queue.unbounded<string>()
      const socket = new NodeWS.WebSocket(`ws://${origin.host}/v1/audio/speech/websocket?api_key=k`)
      yield* Effect.addFinalizer(() => Effect.sync(() => socket.terminate()))
      socket.on("message", (data) => Queue.offerUnsafe(frames, String(data)))
      let frame = ""
      while (!frame.includes("session.created")) {
        frame = yield* Queue.take(frames)
        if (frame === "not JSON") return
      }
      assert.fail("there was nothing strange before the greeting")
    })
  )

  live("is silent, or not done", () =>
    Effect.gen(function* () {
      const silent = yield* say({ itemFault: () => TtsItemFault.Silent() }, ["One."], 1)
      assert.strictEqual(silent.messages.length, 1)
      const undone = yield* say(
        { itemFault: ({ number }) => (number === 0 ? TtsItemFault.NoDone() : undefined) },
        ["One.", "Two."],
        1
      )
      assert.deepStrictEqual(named(undone.messages), ["c1 tts_2"])
      assert.strictEqual(audioOf(undone.messages).length, 2 * 960)
    })
  )

  live("fails before or in the middle of an item, and goes on", () =>
    Effect.gen(function* () {
      const error = { message: "no", type: "server_error" }
      const { messages } = yield* say(
        {
          deltaBytes: [480],
          itemFault: ({ number }) => [TtsItemFault.Fail({ error }), TtsItemFault.Error({ error, afterMs: 10 })][number]
        },
        ["One.", "Two.", "Three."],
        1
      )
      const types = messages.map(({ type }) => String(type)).filter((type, i, all) => type !== all[i - 1])
      assert.deepStrictEqual(types, [
        "conversation.item.tts.failed",
        "conversation.item.audio_output.delta",
        "error",
        "conversation.item.audio_output.delta",
        "conversation.item.audio_output.done"
      ])
    })
  )

  for (const [name, fault, code] of [
    ["closes", TtsItemFault.Close({ code: 1011 }), 1011],
    ["breaks", TtsItemFault.Cut({ afterMs: 10 }), 1006]
  ] as const) {
    live(`${name} the connection in an item`, () =>
      Effect.gen(function* () {
        const { tts, until } = yield* say({ itemFault: () => fault }, ["One."], 0)
        const messages = yield* until(isDone)
        assert.strictEqual(closeCode(messages.at(-1)?.["ended"]), code)
        assert.include(yield* tts.awaitEvent("Closed"), { by: "emulator" })
      })
    )
  }
})

describe("connections it does not want", () => {
  const refusedWith = Effect.fnUntraced(function* (
    script: TtsEmulatorScript,
    headers?: Readonly<Record<string, string>>,
    query?: string
  ) {
    const { next, tts } = yield* connectTo(script, query, headers)
    assert.instanceOf(yield* next, Socket.SocketError)
    return (yield* tts.awaitEvent("Refused")).status
  })

  live("are refused with the status the service would give", () =>
    Effect.gen(function* () {
      const apiKey = Redacted.make("right")
      assert.strictEqual(yield* refusedWith({}, {}), 401)
      assert.strictEqual(yield* refusedWith({ apiKey }, { Authorization: "Bearer wrong" }), 401)
      assert.strictEqual(yield* refusedWith({ models: ["other"] }), 400)
      assert.strictEqual(yield* refusedWith({}, undefined, "response_format=mp3"), 400)
      assert.strictEqual(yield* refusedWith({ connectionFault: () => TtsConnectionFault.Refuse({ status: 429 }) }), 429)
      const { next, tts } = yield* connectTo({ apiKey }, "", { Authorization: "Bearer right" })
      assert.strictEqual(((yield* next) as Received)["type"], "session.created")
      assert.isFalse(JSON.stringify(yield* tts.events).includes("right"))
    })
  )

  live("are closed before they are ready", () =>
    Effect.gen(function* () {
      const error = { message: "none", code: "no_healthy_workers" }
      const fault = TtsConnectionFault.CloseBeforeReady({ code: 4503, reason: "none", error })
      const { next } = yield* connectTo({ connectionFault: () => fault })
      assert.deepStrictEqual(yield* next, { type: "error", error })
      assert.strictEqual(closeCode(yield* next), 4503)
      const voices = yield* connectTo({ voices: ["tara"] })
      assert.include(((yield* voices.next) as Received)["error"], { code: "voice_not_found" })
      assert.strictEqual(closeCode(yield* voices.next), 1000)
    })
  )

  live("are not greeted, or not heard", () =>
    Effect.gen(function* () {
      const ungreeted = yield* connectTo({ connectionFault: () => TtsConnectionFault.Ungreeted() }, "segment=never")
      yield* ungreeted.send(append("One."), commit())
      const messages = yield* ungreeted.until(isDone)
      assert.isFalse(messages.some(({ type }) => type === "session.created"))
      const halfOpen = yield* connectTo({ connectionFault: () => TtsConnectionFault.HalfOpen() })
      yield* halfOpen.next
      yield* halfOpen.send(append("One."), commit())
      // Answered by nothing: what comes next is what the test sends itself.
      yield* halfOpen.write("not JSON")
      yield* halfOpen.tts.awaitEvent("Violated")
      yield* halfOpen.tts.say({ type: "hello" })
      assert.deepStrictEqual(yield* halfOpen.next, { type: "hello" })
      const never = yield* connectTo({ connectionFault: () => TtsConnectionFault.NeverReady() })
      yield* never.tts.awaitEvent("Asked")
      yield* never.send(append("One."), commit())
      yield* never.tts.say({ type: "hello" })
      assert.deepStrictEqual(yield* never.next, { type: "hello" })
    })
  )
})

describe("the list of voices", () => {
  live("is that of the script, for who has the key", () =>
    Effect.gen(function* () {
      const list = Effect.fnUntraced(function* (script: TtsEmulatorScript, key = "right") {
        const origin = yield* serveEmulator((yield* ttsEmulator(script)).routes)
        return yield* Effect.promise(async () => {
          const headers = { Authorization: `Bearer ${key}` }
          const response = await fetch(new URL("/v1/voices?model=m", origin), { headers })
          return [response.status, await response.json()] as const
        })
      })
      const script = { apiKey: Redacted.make("right"), voices: ["tara", "leo"] }
      const voices = [{ name: "tara" }, { name: "leo" }]
      assert.deepStrictEqual(yield* list(script), [200, { data: [{ model: "m", voices }] }])
      assert.strictEqual((yield* list(script, "wrong"))[0], 401)
      assert.strictEqual((yield* list({}))[0], 404)
    })
  )
})
