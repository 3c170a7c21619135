import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Layer, Queue, Redacted, type Scope } from "effect"
import { WebSocket } from "ws"
import { encodeMessage, latencyStages, MAX_TYPED_CHARACTERS, type PhoneMessage } from "../../src/layers/PhoneEvents.ts"
import { type CallEventBody } from "../../src/schema/CallEvent.ts"
import { CallObserver } from "../../src/services/CallObserver.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { encodeMulaw } from "../../src/streams/Mulaw.ts"
import { scriptedLanguageModel } from "../../src/testing/ScriptedLanguageModel.ts"
import { scriptedSpeechToText } from "../../src/testing/ScriptedSpeechToText.ts"
import { scriptedTextToSpeech } from "../../src/testing/ScriptedTextToSpeech.ts"
import { scriptedVoiceActivity } from "../../src/testing/ScriptedVoiceActivity.ts"
import { openWebSocket, sendRaw } from "../support/httpServer.ts"
import { type PhoneServerOptions, serveAgent, servePhone } from "../support/phoneServer.ts"

const CALL = `CA${"0123456789abcdef".repeat(2)}`

const get = (url: string, init?: RequestInit) =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    return { status: response.status, headers: response.headers, body: await response.text() }
  })

/** A server without calls. */
const serve = (phone: PhoneServerOptions<never>["phone"] = {}) =>
  servePhone({ phone, run: () => Effect.die(new Error("no call was expected")), services: Layer.empty })

/** The status with which an upgrade is refused. */
const refusedWith = (url: string, headers: Readonly<Record<string, string>> = {}): Effect.Effect<number> =>
  Effect.callback((resume) => {
    const socket = new WebSocket(url, { headers })
    socket.on("unexpected-response", (_request, response) => {
      resume(Effect.succeed(response.statusCode ?? 0))
      socket.terminate()
    })
    socket.on("open", () => resume(Effect.die(new Error("the upgrade was not refused"))))
    socket.on("error", () => {})
  })

/** Takes messages until one fits; gives all of them. */
const until = (texts: Queue.Dequeue<string>, fits: (message: PhoneMessage) => boolean) =>
  Effect.gen(function* () {
    const messages: Array<PhoneMessage> = []
    for (;;) {
      const message: PhoneMessage = JSON.parse(yield* Queue.take(texts))
      messages.push(message)
      if (fits(message)) return messages
    }
  })

const is =
  (tag: PhoneMessage["_tag"]) =>
  ({ _tag }: PhoneMessage): boolean =>
    _tag === tag

describe("the page", () => {
  it.live("is one document that may load nothing from elsewhere", () =>
    Effect.gen(function* () {
      const host = yield* serve()
      const page = yield* get(`http://${host}/`)
      assert.strictEqual(page.status, 200)
      assert.strictEqual(page.headers.get("content-type"), "text/html; charset=utf-8")
      assert.match(page.headers.get("content-security-policy") ?? "", /^default-src 'none'; script-src 'self'; /)
      assert.strictEqual(page.headers.get("x-content-type-options"), "nosniff")
      assert.strictEqual(page.headers.get("referrer-policy"), "no-referrer")
      assert.strictEqual(page.headers.get("cache-control"), "private, no-cache")
      assert.match(page.body, /^<!doctype html>/)
      assert.notMatch(page.body, /(?:src|href)="(?:https?:)?\/\//)
      assert.notMatch(page.body, / on\w+=| style=|<style|<script(?![^>]* src=)/)
    })
  )

  it.live("has all the files that it and its scripts name", () =>
    Effect.gen(function* () {
      const host = yield* serve()
      const seen = new Set<string>()
      const visit = (path: string): Effect.Effect<void> =>
        Effect.gen(function* () {
          if (seen.has(path)) return
          seen.add(path)
          const { body, status } = yield* get(`http://${host}${path}`)
          assert.strictEqual(status, 200, path)
          const names = [...body.matchAll(/(?:from|import|src=|href=|URL\() ?"([\w./-]+\.(?:js|css|svg))"/g)]
          for (const [, name] of names) yield* visit(new URL(name ?? "", `http://${host}${path}`).pathname)
        })
      yield* visit("/")
      for (const name of ["phone.js", "phone.css", "capture-worklet.js", "playback-worklet.js", "mulaw.js"]) {
        assert.isTrue(seen.has(`/phone/${name}`), name)
      }
    })
  )

  it.live.each([
    ["phone.css", "text/css; charset=utf-8"],
    ["phone.js", "text/javascript; charset=utf-8"],
    ["icon.svg", "image/svg+xml; charset=utf-8"],
    ["samples/hello.ulaw", "audio/basic"]
  ])("serves %s as %s", ([name, type]) =>
    Effect.gen(function* () {
      const host = yield* serve()
      const { headers, status } = yield* get(`http://${host}/phone/${name}`)
      assert.deepStrictEqual([status, headers.get("content-type")], [200, type])
      assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
    })
  )

  it.live("is not sent again to who has it", () =>
    Effect.gen(function* () {
      const host = yield* serve()
      for (const path of ["/", "/phone/phone.css"]) {
        const first = yield* get(`http://${host}${path}`)
        const etag = first.headers.get("etag") ?? ""
        for (const known of [etag, `"other", W/${etag}`]) {
          const again = yield* get(`http://${host}${path}`, { headers: { "if-none-match": known } })
          assert.deepStrictEqual([again.status, again.body], [304, ""])
          assert.strictEqual(again.headers.get("etag"), etag)
        }
        const other = yield* get(`http://${host}${path}`, { headers: { "if-none-match": '"other"' } })
        assert.strictEqual(other.status, 200)
      }
    })
  )

  it.live.each([
    "/phone/",
    "/phone/index.html",
    "/phone/samples",
    "/phone/samples/README.md",
    "/phone/../package.json",
    "/phone/../../package.json",
    "/phone/..%2f..%2fpackage.json",
    "/phone/%2e%2e/%2e%2e/package.json",
    "/phone/..\\..\\package.json",
    "/phone//etc/passwd",
    "/phone/phone.js%00.css"
  ])("serves nothing at %s", (path) =>
    Effect.gen(function* () {
      const host = yield* serve()
      const answer = yield* sendRaw(host, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      assert.match(answer, /^HTTP\/1\.1 404 /)
    })
  )

  it.live("refuses other methods", () =>
    Effect.gen(function* () {
      const host = yield* serve()
      for (const path of ["/", "/phone/config", "/phone/events", "/phone/phone.js"]) {
        const { headers, status } = yield* get(`http://${host}${path}`, { method: "POST" })
        assert.deepStrictEqual([status, headers.get("allow")], [405, "GET, HEAD"], path)
      }
      assert.strictEqual((yield* get(`http://${host}/`, { method: "HEAD" })).status, 200)
    })
  )

  it.live("is told what it draws and says", () =>
    Effect.gen(function* () {
      const host = yield* serve({ notice: "Only a test.", countKey: "1" })
      const { body, headers } = yield* get(`http://${host}/phone/config`)
      const { version, ...config } = JSON.parse(body)
      assert.match(version, /^\d+\.\d+\.\d+/)
      assert.deepStrictEqual(config, {
        notice: "Only a test.",
        countKey: "1",
        agent: "Robin",
        maxTypedCharacters: MAX_TYPED_CHARACTERS,
        thresholds: { start: 0.6, end: 0.35, bargeIn: 0.85 }
      })
      assert.strictEqual(headers.get("cache-control"), "no-store")
    })
  )
})

describe("who may use it", () => {
  const paths = ["/", "/phone/config", `/phone/events?call=${CALL}`, "/phone/phone.js"]

  it.live("nobody, where it is not enabled", () =>
    Effect.gen(function* () {
      const host = yield* serve({ enabled: false, token: Redacted.make("sesame") })
      for (const path of paths) {
        const withToken = `${path}${path.includes("?") ? "&" : "?"}token=sesame`
        assert.strictEqual((yield* get(`http://${host}${withToken}`)).status, 404, path)
      }
      assert.strictEqual(yield* refusedWith(`ws://${host}/phone/events?call=${CALL}&token=sesame`), 404)
    })
  )

  it.live("those with the token, where there is one; to others it looks as if it were not there", () =>
    Effect.gen(function* () {
      const host = yield* serve({ token: Redacted.make("sesame & more") })
      const elsewhere = yield* get(`http://${host}/elsewhere`)
      for (const query of ["", "?token=", "?token=sesame", "?token=sesame%20%26%20morE"]) {
        for (const path of ["/", "/phone/config"]) {
          const { body, status } = yield* get(`http://${host}${path}${query}`)
          assert.deepStrictEqual([status, body], [404, elsewhere.body], path + query)
        }
        const events = `ws://${host}/phone/events${query}${query === "" ? "?" : "&"}call=${CALL}`
        assert.strictEqual(yield* refusedWith(events), 404)
      }
      const token = `token=${encodeURIComponent("sesame & more")}`
      assert.strictEqual((yield* get(`http://${host}/?${token}`)).status, 200)
      assert.strictEqual((yield* get(`http://${host}/phone/config?${token}`)).status, 200)
      yield* openWebSocket(`ws://${host}/phone/events?call=${CALL}&${token}`)
    })
  )

  it.live("pages of this server, and programs that are no pages", () =>
    Effect.gen(function* () {
      const host = yield* serve()
      const url = `ws://${host}/phone/events?call=${CALL}`
      for (const origin of [
        "https://elsewhere.example",
        "null",
        `http://${host}.elsewhere.example`,
        "http://127.0.0.1"
      ]) {
        assert.strictEqual(yield* refusedWith(url, { origin }), 403, origin)
      }
      yield* Effect.callback<void>((resume) => {
        const socket = new WebSocket(url, { origin: `https://${host}` })
        socket.on("open", () => resume(Effect.sync(() => socket.terminate())))
        socket.on("error", (error) => resume(Effect.die(error)))
      })
    })
  )

  it.live("with a call id, over a WebSocket", () =>
    Effect.gen(function* () {
      const host = yield* serve()
      for (const query of ["", "?call=", "?call=CA1", `?call=${CALL}0`, `?call=MZ${CALL.slice(2)}`]) {
        assert.strictEqual(yield* refusedWith(`ws://${host}/phone/events${query}`), 400, query)
      }
      assert.strictEqual((yield* get(`http://${host}/phone/events?call=${CALL}`)).status, 426)
    })
  )
})

/** A call from a client of the page's kind that says what the audio function gives, 20 ms after 20 ms. */
const placeCall = (
  host: string,
  samples: Int16Array,
  parameters: Readonly<Record<string, string>> = { watch: "true" }
): Effect.Effect<WebSocket, never, Scope.Scope> =>
  Effect.gen(function* () {
    const streamSid = `MZ${CALL.slice(2)}`
    const { socket } = yield* openWebSocket(`ws://${host}/media-stream`)
    const send = (message: object) => socket.send(JSON.stringify({ ...message, streamSid }))
    send({ event: "connected", protocol: "Call", version: "1.0.0" })
    send({ event: "start", start: { callSid: CALL, streamSid, customParameters: parameters } })
    const silence = new Int16Array(160)
    let chunk = 0
    const sendFrame = Effect.sync(() => {
      const frame = samples.subarray(chunk * 160, (chunk + 1) * 160)
      const payload = Buffer.from(encodeMulaw(frame.length === 160 ? frame : silence)).toString("base64")
      send({ event: "media", media: { track: "inbound", timestamp: String(chunk++ * 20), payload } })
    })
    yield* Effect.forkScoped(
      Effect.gen(function* () {
        const beganMs = yield* Clock.currentTimeMillis
        for (;;) {
          const nowMs = yield* Clock.currentTimeMillis
          for (let n = chunk; n * 20 <= nowMs - beganMs; n++) yield* sendFrame
          yield* Effect.sleep("10 millis")
        }
      })
    )
    return socket
  })

/** So much silence and then so much of something loud. */
const quietThenLoud = (quietMs: number, loudMs: number): Int16Array => {
  const samples = new Int16Array((quietMs + loudMs) * 8)
  for (let n = quietMs * 8; n < samples.length; n++) samples[n] = 8000 * Math.sin((2 * Math.PI * 300 * n) / 8000)
  return samples
}

const services = Layer.mergeAll(
  scriptedVoiceActivity(),
  scriptedSpeechToText({ words: () => "what time is it", delayMs: 20 }),
  scriptedLanguageModel({ replies: ["Three."], firstTokenMs: 20 }),
  scriptedTextToSpeech({ firstByteMs: 20 })
)

describe("the events of a call", () => {
  it.live("are told as they happen, with how long the answer took", () =>
    Effect.gen(function* () {
      const host = yield* serveAgent(services)
      const events = yield* openWebSocket(`ws://${host}/phone/events?call=${CALL}`)
      const call = yield* placeCall(host, quietThenLoud(900, 700))
      const messages = yield* until(events.texts, is("Latency"))
      assert.strictEqual(messages[0]?._tag, "Started")
      const tags = messages.map((message) => (message._tag === "Decided" ? message.output._tag : message._tag))
      const order = ["Voice", "TurnStarted", "SegmentEnded", "Transcript", "TurnEnded", "Audible", "Latency"] as const
      const from = tags.indexOf("TurnStarted") - 1
      assert.deepStrictEqual(
        order.map((tag) => tags.indexOf(tag, from)),
        order.map((tag) => tags.indexOf(tag, from)).toSorted((a, b) => a - b)
      )
      assert.isAtLeast(tags.filter((tag) => tag === "Voice").length, 40)

      const latency = messages.at(-1)
      assert.ok(latency?._tag === "Latency")
      assert.deepStrictEqual(
        latency.stages.map(({ name }) => name),
        ["Pause", "Speech to text", "First token", "First sentence", "First byte", "Audible"]
      )
      assert.isTrue(latency.stages.every(({ fromMs, toMs }) => fromMs >= 0 && toMs >= fromMs))
      assert.strictEqual(latency.stages.at(-1)?.toMs, latency.voiceToVoiceMs)

      call.close(1000)
      const rest = yield* until(events.texts, is("Ended"))
      const last = rest.at(-1)
      assert.ok(last?._tag === "Ended")
      assert.strictEqual(last.reason, "connection lost")
      assert.deepStrictEqual(yield* events.closed, [1000, "the call is over"])
    })
  )

  it.live("are few enough: one for a window, and what happens besides", () =>
    Effect.gen(function* () {
      const host = yield* serveAgent(services)
      const events = yield* openWebSocket(`ws://${host}/phone/events?call=${CALL}`)
      yield* placeCall(host, quietThenLoud(900, 700))
      const messages = yield* until(events.texts, (message) => message._tag === "Voice" && message.audioMs >= 3000)
      const voice = messages.filter(is("Voice")).length
      assert.strictEqual(voice, Math.floor(3000 / 32) + 2)
      assert.isAtMost(messages.length - voice, 30)
    })
  )

  it.live("words that are typed count as spoken; what is not in order is refused with a reason", () =>
    Effect.gen(function* () {
      const host = yield* serveAgent(services)
      const events = yield* openWebSocket(`ws://${host}/phone/events?call=${CALL}`)
      const type = (text: string) => events.socket.send(JSON.stringify({ type: "typed", text }))
      const refusal = Effect.map(until(events.texts, is("Refused")), (messages) => {
        const last = messages.at(-1)
        return last?._tag === "Refused" ? last.message : ""
      })
      type("too early")
      assert.match(yield* refusal, /the call is not going on/)
      yield* placeCall(host, new Int16Array(0))
      yield* until(events.texts, is("Audible"))
      type("what time is it")
      const messages = yield* until(
        events.texts,
        (message) => message._tag === "Decided" && message.output._tag === "TurnEnded"
      )
      const last = messages.at(-1)
      assert.ok(last?._tag === "Decided" && last.output._tag === "TurnEnded")
      assert.strictEqual(last.output.text, "what time is it")
      for (const bad of ["", "   ", " hello", "x".repeat(MAX_TYPED_CHARACTERS + 1)]) {
        type(bad)
        assert.match(yield* refusal, /with 1 to 500 characters/)
      }
      for (const bad of ["not JSON", "{}", '{"type":"hang up"}', '{"type":"typed"}', '{"type":"typed","text":5}']) {
        events.socket.send(bad)
        assert.match(yield* refusal, /^Expected {"type":"typed"/)
      }
      type("x".repeat(MAX_TYPED_CHARACTERS))
      yield* until(events.texts, (message) => message._tag === "Decided" && message.output._tag === "TurnEnded")
    })
  )

  it.live("a call that did not ask to be followed is not", () =>
    Effect.gen(function* () {
      const host = yield* serveAgent(services)
      const events = yield* openWebSocket(`ws://${host}/phone/events?call=${CALL}`)
      const call = yield* placeCall(host, new Int16Array(0), {})
      yield* Effect.callback<void>((resume) => void call.once("message", () => resume(Effect.void)))
      events.socket.send(JSON.stringify({ type: "typed", text: "hello" }))
      const messages = yield* until(events.texts, is("Refused"))
      assert.strictEqual(messages.length, 1)
    })
  )

  it.live("a page that does not read costs nothing more after a while, and is told the end all the same", () =>
    Effect.gen(function* () {
      const produced = 300_000
      const flooded = yield* Deferred.make<void>()
      const ending = yield* Deferred.make<void>()
      const flood = (_link: MediaLink) =>
        Effect.gen(function* () {
          const observer = yield* CallObserver
          const control = { typed: () => Effect.void, hangUp: Effect.void }
          const info = { callSid: CALL, streamSid: "MZ", parameters: { watch: "true" } }
          const sink = yield* observer.open(info, control)
          const tell = (event: CallEventBody, atMs: number) => sink({ ...event, atMs })
          for (let n = 0; n < produced; n++) {
            yield* tell({ _tag: "Voice", audioMs: n * 32, probability: 0.123456 }, n * 32)
            // Gives the server its turn to send, as the frames of a real call would.
            if (n % 100 === 0) yield* Effect.yieldNow
          }
          yield* Deferred.succeed(flooded, undefined)
          yield* Deferred.await(ending)
          yield* tell({ _tag: "Ended", reason: "caller hung up", malformedFrames: 0 }, produced * 32)
        }).pipe(Effect.scoped)
      const host = yield* servePhone({ run: flood, services: Layer.empty })
      const events = yield* openWebSocket(`ws://${host}/phone/events?call=${CALL}`)
      events.tcp.pause()
      yield* openWebSocket(`ws://${host}/media-stream`)
      yield* Deferred.await(flooded)
      yield* Deferred.succeed(ending, undefined)
      const reading = yield* Effect.forkChild(until(events.texts, is("Ended")))
      events.tcp.resume()
      const messages = yield* Fiber.join(reading)
      assert.isBelow(messages.length, produced / 2)
    })
  )
})

it("numbers are told to the thousandth", () => {
  assert.strictEqual(
    encodeMessage({ _tag: "Voice", audioMs: 32, probability: 0.123456, atMs: 45.678912 }),
    '{"_tag":"Voice","audioMs":32,"probability":0.123,"atMs":45.679}'
  )
})

it("the steps of an answer lie on one axis, and waiting for the turn's end is not the line's fault", () => {
  const stages = latencyStages({
    turn: 1,
    epoch: 2,
    transcriptMs: 250,
    askedMs: 100,
    endedMs: 500,
    firstTokenMs: 300,
    firstSentenceMs: 350,
    firstAudioMs: 420,
    voiceToVoiceMs: 510
  })
  assert.deepStrictEqual(
    stages.map(({ fromMs, toMs }) => [fromMs, toMs]),
    [
      [0, 500],
      [0, 250],
      [100, 300],
      [300, 350],
      [350, 420],
      [500, 510]
    ]
  )
})
