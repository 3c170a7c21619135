import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Metric, Queue, Redacted, Stream } from "effect"
import { streamsRefused } from "../../src/layers/EdgeMetrics.ts"
import { FOREIGN_ORIGIN } from "../../src/layers/RequestOrigin.ts"
import { MAX_FRAME_BYTES } from "../../src/schema/Twilio.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import {
  ask,
  callSid,
  openCall,
  openWebSocket,
  postForm,
  sendRaw,
  serve,
  signatureOf,
  signedEnv,
  signFor,
  startFrame,
  tokenIn
} from "../support/httpServer.ts"

const echo = (link: MediaLink) => Stream.runForEach(link.inbound, link.send)

const collect = () => {
  const lines: Array<string> = []
  return { lines, loggers: [Logger.map(Logger.formatJson, (line) => void lines.push(line))] as const }
}

const messages = (lines: ReadonlyArray<string>) => lines.map((line) => JSON.parse(line).message)

/** The token of a call, from its webhook. */
const tokenFor = (host: string, number: number) =>
  Effect.map(postForm(host, "/twiml", { CallSid: callSid(number) }), ({ body }) => {
    const token = tokenIn(body)
    assert(token !== undefined, "expected a token")
    return token
  })

const handshake = (headers: ReadonlyArray<string>) =>
  [
    "GET /media-stream HTTP/1.1",
    "Host: agent.example.com",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
    "",
    ""
  ].join("\r\n")

describe("a media stream of a verified server", () => {
  it.live("becomes a call with the token of its webhook, which the call does not get to see", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo, { env: signedEnv })
      const client = yield* openCall(host, callSid(1), { token: yield* tokenFor(host, 1), language: "en" })
      assert.strictEqual(yield* Queue.take(client.texts), startFrame(callSid(1), { language: "en" }))
    })
  )

  it.live("is closed, logged and never becomes a call with any other token", () => {
    const { lines, loggers } = collect()
    return Effect.gen(function* () {
      const host = yield* serve(() => Effect.die(new Error("no call was expected")), { env: signedEnv, loggers })
      const token = yield* tokenFor(host, 1)
      const refused = (number: number, parameters: Readonly<Record<string, string>>) =>
        Effect.scoped(Effect.flatMap(openCall(host, callSid(number), parameters), ({ closed }) => closed))
      assert.deepStrictEqual(yield* refused(1, {}), [1008, "no token"])
      assert.deepStrictEqual(yield* refused(1, { token: "not-the-token" }), [1008, "wrong token"])
      assert.deepStrictEqual(yield* refused(2, { token }), [1008, "unknown call"])
      assert.deepStrictEqual(yield* refused(1, { watch: "1" }), [1008, "no browser phone here"])
      assert.deepStrictEqual(
        messages(lines).filter((message) => message.includes("refused")),
        ["no token", "wrong token", "unknown call", "no browser phone here"].map(
          (reason) => `media stream refused: ${reason}`
        )
      )
      for (const secret of [token, "not-the-token"]) assert.notInclude(lines.join("\n"), secret)
      assert.strictEqual(JSON.parse((yield* ask(`http://${host}/health`)).body).calls, 0)
    })
  })

  it.live("is closed when another one has come in with its token", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo, { env: signedEnv })
      const token = yield* tokenFor(host, 1)
      const first = yield* openCall(host, callSid(1), { token })
      yield* Queue.take(first.texts)
      const second = yield* openCall(host, callSid(1), { token })
      assert.deepStrictEqual(yield* second.closed, [1008, "used token"])
      first.socket.send("still here")
      assert.strictEqual(yield* Queue.take(first.texts), "still here")
    })
  )

  it.live("comes in from a browser phone with the phone's token", () =>
    Effect.gen(function* () {
      const phone = { enabled: true, token: Redacted.make("phone-secret") }
      const host = yield* serve(echo, { env: signedEnv, phone })
      const client = yield* openCall(host, callSid(1), { watch: "1", token: "phone-secret" })
      yield* Queue.take(client.texts)
      const other = yield* openCall(host, callSid(2), { watch: "1" })
      assert.deepStrictEqual(yield* other.closed, [1008, "wrong phone token"])
    })
  )
})

describe("the signature of an upgrade", () => {
  it.live.each([
    ["wss", "/media-stream"],
    ["wss", "/media-stream/"],
    ["https", "/media-stream"],
    ["https", "/media-stream/"]
  ] as const)("may be for %s and %s", ([scheme, path]) =>
    Effect.gen(function* () {
      const host = yield* serve(echo, { env: signedEnv })
      const token = yield* tokenFor(host, 1)
      const signature = scheme === "https" ? signFor(path) : signatureOf(`wss://agent.example.com${path}`)
      const client = yield* openWebSocket(`ws://${host}/media-stream`, { "x-twilio-signature": signature })
      client.socket.send(startFrame(callSid(1), { token }))
      assert.strictEqual(yield* Queue.take(client.texts), startFrame(callSid(1)))
    })
  )

  it.live("that is wrong is answered before there is a connection", () => {
    const { lines, loggers } = collect()
    return Effect.gen(function* () {
      const host = yield* serve(echo, { env: signedEnv, loggers })
      for (const signature of ["not-the-signature", signFor("/twiml"), ""]) {
        const answer = yield* sendRaw(host, handshake([`X-Twilio-Signature: ${signature}`, "Content-Length: 0"]))
        assert.match(answer, /^HTTP\/1\.1 403 /)
        assert.include(answer, "wrong signature")
      }
      assert.include(messages(lines), "media stream refused: wrong signature")
      assert.notInclude(lines.join("\n"), "not-the-signature")
    })
  })

  it.live("does not matter where nothing is verified", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo)
      const client = yield* openWebSocket(`ws://${host}/media-stream`, { "x-twilio-signature": "abc" })
      client.socket.send(startFrame(callSid(1)))
      yield* Queue.take(client.texts)
    })
  )
})

describe("a web page that would open a media stream", () => {
  it.live.each(["https://evil.example", "https://agent.example.com.evil.example", "http://localhost:3001", "null"])(
    "of %s is refused before there is a connection",
    (origin) => {
      const { lines, loggers } = collect()
      return Effect.gen(function* () {
        const refused = Metric.value(Metric.withAttributes(streamsRefused, { reason: FOREIGN_ORIGIN }))
        const before = (yield* refused).count
        const host = yield* serve(() => Effect.die(new Error("no call was expected")), { loggers })
        const answer = yield* sendRaw(host, handshake([`Origin: ${origin}`]))
        assert.match(answer, /^HTTP\/1\.1 403 /)
        assert.include(answer, `The media stream is refused: ${FOREIGN_ORIGIN}`)
        assert.include(messages(lines), `media stream refused: ${FOREIGN_ORIGIN}`)
        assert.strictEqual((yield* refused).count, before + 1)
      })
    }
  )

  it.live("is let in if it is of this server, by its own name or its public one", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo, { env: { PUBLIC_URL: "https://agent.example.com" } })
      for (const [origin, headers] of [
        [`http://${host}`, {}],
        ["https://agent.example.com", {}],
        ["https://tunnel.example", { "x-forwarded-host": "tunnel.example" }]
      ] as const) {
        const client = yield* openWebSocket(`ws://${host}/media-stream`, { origin, ...headers })
        client.socket.send(startFrame(callSid(1)))
        assert.strictEqual(yield* Queue.take(client.texts), startFrame(callSid(1)))
      }
    })
  )
})

describe("a media stream that does not start", () => {
  it.live("is closed in time", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo, { env: { START_DEADLINE_MS: "30" } })
      const client = yield* openWebSocket(`ws://${host}/media-stream`)
      assert.deepStrictEqual(yield* client.closed, [1008, "no start in time"])
    })
  )

  it.live("is one of a few from its address, unless the carrier signed it", () => {
    const { lines, loggers } = collect()
    return Effect.gen(function* () {
      const host = yield* serve(echo, { env: { ...signedEnv, MAX_PENDING_PER_ADDRESS: "2" }, loggers })
      const first = yield* openWebSocket(`ws://${host}/media-stream`)
      yield* openWebSocket(`ws://${host}/media-stream`)
      const answer = yield* sendRaw(host, handshake([]))
      assert.match(answer, /^HTTP\/1\.1 429 /)
      assert.include(messages(lines), "media stream refused: too many streams that have not started")

      // Somebody else, as far as the tunnel knows, and the carrier itself.
      yield* openWebSocket(`ws://${host}/media-stream`, { "x-forwarded-for": "203.0.113.7" })
      const signature = signatureOf("wss://agent.example.com/media-stream")
      for (let stream = 0; stream < 4; stream++) {
        yield* openWebSocket(`ws://${host}/media-stream`, { "x-twilio-signature": signature })
      }

      // A stream that starts makes room for another one, and so does one that goes away.
      first.socket.send(startFrame(callSid(1), { token: yield* tokenFor(host, 1) }))
      yield* Queue.take(first.texts)
      const next = yield* openWebSocket(`ws://${host}/media-stream`)
      next.socket.close()
      yield* next.closed
      yield* Effect.repeat(
        Effect.result(openWebSocket(`ws://${host}/media-stream`).pipe(Effect.catchDefect(Effect.fail))),
        { until: ({ _tag }) => _tag === "Success" }
      )
    })
  })

  it.live("is closed by a frame that is too big, and that is told", () => {
    const { lines, loggers } = collect()
    return Effect.gen(function* () {
      const host = yield* serve(echo, { loggers })
      const client = yield* openWebSocket(`ws://${host}/media-stream`)
      client.socket.send("x".repeat(MAX_FRAME_BYTES + 1))
      assert.strictEqual((yield* client.closed)[0], 1009)
      yield* Effect.repeat(
        Effect.sync(() => messages(lines)),
        {
          until: (messages) => messages.includes(`media stream closed: a frame had more than ${MAX_FRAME_BYTES} bytes`)
        }
      )
    })
  })
})

describe("a media stream that starts twice", () => {
  it.live("is closed with a reason, and the call ends", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo)
      const client = yield* openCall(host)
      yield* Queue.take(client.texts)
      client.socket.send(startFrame(callSid(2)))
      assert.deepStrictEqual(yield* client.closed, [1008, "second start"])
      yield* Effect.repeat(ask(`http://${host}/health`), { until: ({ body }) => JSON.parse(body).calls === 0 })
    })
  )
})

describe("a call that breaks off by a mistake of the program", () => {
  it.live("is told in the log, closes the stream, and is no longer counted", () => {
    const { lines, loggers } = collect()
    return Effect.gen(function* () {
      const host = yield* serve(() => Effect.die(new Error("a mistake")), { loggers })
      const client = yield* openCall(host)
      assert.strictEqual((yield* client.closed)[0], 1011)
      const line = lines.map((text) => JSON.parse(text)).find(({ level }) => level === "ERROR")
      assert.include(JSON.stringify(line?.message), "call broke off")
      assert.include(JSON.stringify(line), "a mistake")
      assert.strictEqual(line?.annotations.callSid, callSid(1))
      yield* Effect.repeat(ask(`http://${host}/health`), { until: ({ body }) => JSON.parse(body).calls === 0 })
    })
  })
})
