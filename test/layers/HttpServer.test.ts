import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Logger, Queue, Scope, Stream } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { maxConnections } from "../../src/layers/Connections.ts"
import { MAX_FRAME_BYTES } from "../../src/schema/Twilio.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import {
  callSid,
  openCall,
  openConnection,
  openWebSocket,
  saidOn,
  sendRaw,
  serve,
  startFrame
} from "../support/httpServer.ts"

/** The system's list of connections. */
const TCP_TABLE = "/proc/net/tcp"

const echo = (link: MediaLink) => Stream.runForEach(link.inbound, link.send)

const noCall = () => Effect.die(new Error("no call was expected"))

const get = (url: string, init?: RequestInit) =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    return { status: response.status, headers: response.headers, body: await response.text() }
  })

const broken =
  "Sorry, something went wrong on our side, and we cannot go on with this call. Please call again later. Goodbye."

const connectDocument = (url: string, after = "/twiml/after") =>
  `<?xml version="1.0" encoding="UTF-8"?><Response><Connect action="${after}"><Stream url="${url}"/></Connect>` +
  `<Say>${broken}</Say><Hangup/></Response>`

const statusOf = (answer: string) => Number(answer.split(" ")[1])

const bodyOf = (answer: string) => answer.slice(answer.indexOf("\r\n\r\n") + 4)

const postTwiml = (host: string, headers: ReadonlyArray<string>) =>
  sendRaw(host, ["POST /twiml HTTP/1.1", ...headers, "Content-Length: 0", "Connection: close", "", ""].join("\r\n"))

describe("the webhook", () => {
  it.live.each(["POST", "GET"])("answers %s with the call document", (method) =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const response = yield* get(`http://${host}/twiml?From=%2B15550100`, { method })
      assert.strictEqual(response.status, 200)
      assert.match(response.headers.get("content-type") ?? "", /^text\/xml/)
      assert.strictEqual(response.body, connectDocument(`ws://${host}/media-stream`))
    })
  )

  it.live("is answered with or without a slash at the end", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const response = yield* get(`http://${host}/twiml/`, { method: "POST" })
      assert.strictEqual(response.body, connectDocument(`ws://${host}/media-stream`))
    })
  )

  it.live.each([
    ["agent.example.com", "https", "wss://agent.example.com/media-stream"],
    ["agent.example.com", "https,http", "wss://agent.example.com/media-stream"],
    ["agent.example.com", "HTTPS , http", "wss://agent.example.com/media-stream"],
    ["agent.example.com", "http, https", "ws://agent.example.com/media-stream"],
    ["agent.example.com:8443", "https", "wss://agent.example.com:8443/media-stream"],
    ["[::1]:3001", "http", "ws://[::1]:3001/media-stream"],
    ["10.0.0.7", "", "ws://10.0.0.7/media-stream"]
  ] as const)("takes the stream's address from Host %s and X-Forwarded-Proto %s", ([name, protocol, url]) =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const answer = yield* postTwiml(host, [`Host: ${name}`, `X-Forwarded-Proto: ${protocol}`])
      assert.strictEqual(statusOf(answer), 200)
      assert.strictEqual(bodyOf(answer), connectDocument(url))
    })
  )

  it.live("uses PUBLIC_URL whatever the request says", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall, { env: { PUBLIC_URL: "https://agent.example.com:8443" } })
      const answer = yield* postTwiml(host, [`Host: "/><Hangup/>`, "X-Forwarded-Proto: http"])
      assert.strictEqual(statusOf(answer), 200)
      assert.strictEqual(
        bodyOf(answer),
        connectDocument("wss://agent.example.com:8443/media-stream", "https://agent.example.com:8443/twiml/after")
      )
    })
  )

  it.live.each([
    `x"/></Connect><Say>gotcha</Say><Connect><Stream url="x`,
    "x'><Say>gotcha</Say>",
    "x&gotcha;",
    "gotcha.example.com/elsewhere",
    "gotcha.example.com?a=1",
    "gotcha.example.com#a",
    "gotcha@example.com",
    "gotcha:secret@example.com",
    "gotcha.example.com:",
    "gotcha.example.com:99999",
    "gotcha.example.com:80:80",
    "gotcha example.com",
    "gotcha,example.com",
    "g%6ftcha.example.com",
    "gotch\u00e4.example.com",
    "-gotcha",
    "[gotcha]",
    "[::1]gotcha",
    ""
  ])("refuses the host %s", (name) =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const answer = yield* postTwiml(host, [`Host: ${name}`])
      assert.strictEqual(statusOf(answer), 400)
      assert.notInclude(answer, "gotcha")
      assert.notInclude(answer, "<Response>")
    })
  )

  it.live("refuses a host in the request line that is not plain", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const answer = yield* sendRaw(
        host,
        `POST http://gotcha@example.com:80"/twiml HTTP/1.1\r\nHost: x"y\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
      )
      assert.notInclude(answer, "<Response>")
      assert.notStrictEqual(statusOf(answer), 200)
    })
  )
})

describe("the routes", () => {
  it.live("tell that the server is healthy, to HEAD as well", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const response = yield* get(`http://${host}/health`)
      assert.strictEqual(response.status, 200)
      const health = JSON.parse(response.body)
      assert.deepInclude(health, { status: "ok", calls: 0 })
      assert.match(health.version, /^\d+\.\d+\.\d+/)
      const head = yield* get(`http://${host}/health`, { method: "HEAD" })
      assert.strictEqual(head.status, 200)
      assert.strictEqual(head.body, "")
    })
  )

  it.live.each(["GET", "POST", "DELETE", "OPTIONS"])("answer %s to an unknown path with 404", (method) =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const response = yield* get(`http://${host}/nothing/here`, { method })
      assert.strictEqual(response.status, 404)
      assert.deepStrictEqual(Object.keys(JSON.parse(response.body)), ["error"])
      assert.strictEqual((yield* get(`http://${host}/nothing`, { method: "HEAD" })).status, 404)
    })
  )

  it.live.each([
    ["DELETE", "/twiml", "GET, HEAD, POST"],
    ["PUT", "/twiml", "GET, HEAD, POST"],
    ["PROPFIND", "/twiml", "GET, HEAD, POST"],
    ["POST", "/health", "GET, HEAD"],
    ["POST", "/media-stream", "GET, HEAD"]
  ] as const)("refuse %s %s and say what is allowed", ([method, path, allow]) =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const response = yield* get(`http://${host}${path}`, { method })
      assert.strictEqual(response.status, 405)
      assert.strictEqual(response.headers.get("allow"), allow)
    })
  )

  it.live.each([
    ["a plain request", []],
    ["an upgrade only asked for by halves", ["Upgrade: websocket"]],
    ["an upgrade to something else", ["Upgrade: h2c", "Connection: Upgrade"]]
  ] as const)("want the media stream to be a WebSocket, not %s", ([, headers]) =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const answer = yield* sendRaw(
        host,
        ["GET /media-stream HTTP/1.1", `Host: ${host}`, ...headers, "", ""].join("\r\n")
      )
      assert.strictEqual(statusOf(answer), 426)
      assert.match(answer, /^upgrade: websocket$/im)
    })
  )

  it.live("refuse a WebSocket anywhere else", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
      const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
      const answer = yield* sendRaw(
        host,
        ["GET /elsewhere HTTP/1.1", `Host: ${host}`, ...upgrade, key, "", ""].join("\r\n")
      )
      assert.strictEqual(statusOf(answer), 404)
    })
  )

  it.live("start no call for a handshake that is not complete", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const answer = yield* sendRaw(
        host,
        ["GET /media-stream HTTP/1.1", `Host: ${host}`, "Connection: Upgrade", "Upgrade: websocket", "", ""].join(
          "\r\n"
        )
      )
      assert.strictEqual(statusOf(answer), 400)
      assert.deepInclude(JSON.parse((yield* get(`http://${host}/health`)).body), { calls: 0 })
    })
  )
})

describe("the media stream", () => {
  it.live("carries frames both ways and counts the call while it lives", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const host = yield* serve((link) => Effect.ensuring(echo(link), Deferred.succeed(ended, undefined)))
      const calls = Effect.map(get(`http://${host}/health`), ({ body }): number => JSON.parse(body).calls)
      const client = yield* openCall(host)
      for (const frame of ["one", "two", "three"]) client.socket.send(frame)
      assert.deepStrictEqual(yield* Queue.takeN(client.texts, 4), [startFrame(callSid(1)), "one", "two", "three"])
      assert.strictEqual(yield* calls, 1)

      const other = yield* openCall(host, callSid(2))
      yield* Queue.take(other.texts)
      assert.strictEqual(yield* calls, 2)

      client.socket.close(1000)
      other.socket.terminate()
      yield* client.closed
      yield* Deferred.await(ended)
      yield* Effect.repeat(calls, { until: (count) => count === 0 })
    })
  )

  it.live.each(["closes", "goes away", "resets the connection"])("ends for the call when the peer %s", (leave) =>
    Effect.gen(function* () {
      const end = yield* Deferred.make<string>()
      const host = yield* serve((link) =>
        Effect.onExit(echo(link), (exit) => Deferred.succeed(end, Exit.isSuccess(exit) ? "ended" : "interrupted"))
      )
      const { socket, texts, tcp } = yield* openCall(host)
      yield* Queue.take(texts)
      if (leave === "closes") socket.close()
      else if (leave === "goes away") socket.terminate()
      else tcp.resetAndDestroy()
      assert.strictEqual(yield* Deferred.await(end), "ended")
    })
  )

  it.live("is closed normally when the call ends by itself", () =>
    Effect.gen(function* () {
      const host = yield* serve(() => Effect.void)
      const client = yield* openCall(host)
      assert.deepStrictEqual(yield* client.closed, [1000, ""])
    })
  )

  it.live("takes frames of the largest size, and is closed by a larger one", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo)
      const client = yield* openCall(host)
      yield* Queue.take(client.texts)
      client.socket.send("x".repeat(MAX_FRAME_BYTES))
      assert.strictEqual((yield* Queue.take(client.texts)).length, MAX_FRAME_BYTES)
      client.socket.send("x".repeat(MAX_FRAME_BYTES + 1))
      assert.strictEqual((yield* client.closed)[0], 1009)
      yield* Effect.repeat(get(`http://${host}/health`), { until: ({ body }) => JSON.parse(body).calls === 0 })
    })
  )

  it.live("is hung up when the server stops", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const server = yield* Scope.make()
      const host = yield* serve((link) =>
        Effect.onInterrupt(echo(link), () => Deferred.succeed(interrupted, undefined))
      ).pipe(Scope.provide(server))
      const client = yield* openCall(host)
      yield* Queue.take(client.texts)
      yield* Scope.close(server, Exit.void)
      yield* Deferred.await(interrupted)
      assert.strictEqual((yield* client.closed)[0], 1001)
    })
  )
})

describe("connections", () => {
  it.live("are as many as there may be for so many calls, and one more is dropped", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo, { env: { MAX_CALLS: "1" } })
      yield* Effect.replicateEffect(openConnection(host), maxConnections(1), { discard: true })
      assert.strictEqual(yield* saidOn(yield* openConnection(host)), "")
    })
  )

  it.live.skipIf(!existsSync(TCP_TABLE))("are asked now and then whether the other end is still there", () =>
    Effect.gen(function* () {
      const host = yield* serve(noCall)
      const connection = yield* openConnection(host)
      const hex = (port: number | undefined) => (port ?? 0).toString(16).toUpperCase().padStart(4, "0")
      const [own, other] = [`:${hex(Number(new URL(`http://${host}`).port))}`, `:${hex(connection.localPort)}`]
      const timerOfServer = Effect.sync(() =>
        readFileSync(TCP_TABLE, "utf8")
          .split("\n")
          .map((line) => line.trim().split(/\s+/))
          .find((fields) => fields[1]?.endsWith(own) === true && fields[2]?.endsWith(other) === true)
          ?.at(5)
      )
      yield* Effect.callback<void>((resume) => {
        connection.once("data", () => resume(Effect.void))
        connection.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
      })
      // 1: what was said is still on its way; 2: the timer that runs is the keepalive's; 0: none does.
      const timer = yield* Effect.repeat(timerOfServer, { until: (timer) => timer?.startsWith("01") !== true })
      assert.strictEqual(timer?.slice(0, 2), "02")
    })
  )
})

describe("the access log", () => {
  it.live("has a line for each request but health checks and calls, without queries or headers", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const collect = Logger.map(Logger.formatJson, (line) => lines.push(line))
      yield* Effect.gen(function* () {
        const host = yield* serve(echo, { loggers: [collect] })
        yield* get(`http://${host}/health`)
        yield* get(`http://${host}/twiml?From=%2B15550100`, { method: "POST" })
        yield* get(`http://${host}/media-stream?From=%2B15550100`)
        const client = yield* openWebSocket(`ws://${host}/media-stream?From=%2B15550100`)
        client.socket.send(startFrame(callSid(1)))
        yield* Queue.take(client.texts)
      }).pipe(Effect.scoped)
      assert.deepStrictEqual(
        lines.map((line) => JSON.parse(line).annotations),
        [
          { "http.method": "POST", "http.url": "/twiml", "http.status": 200 },
          { "http.method": "GET", "http.url": "/media-stream", "http.status": 426 }
        ]
      )
      assert.notInclude(lines.join("\n"), "5550100")
    })
  )
})
