import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Console, Effect, Exit, Layer, Logger, Queue } from "effect"
import { HttpServerError } from "effect/http"
import { createServer, type Server } from "node:net"
import { fileURLToPath } from "node:url"
import * as AppConfigEnv from "../../src/layers/AppConfigEnv.ts"
import * as Edge from "../../src/layers/Edge.ts"
import { serverLayer } from "../../src/layers/HttpServer.ts"
import * as Startup from "../../src/layers/Startup.ts"
import { callSid, openCall, startFrame } from "../support/httpServer.ts"
import { startNode } from "../support/process.ts"

const echoServer = fileURLToPath(new URL("../support/echoServer.ts", import.meta.url))

const start = (env: Readonly<Record<string, string>>) => startNode([echoServer], { HOST: "127.0.0.1", ...env })

/** Settings, edge and no log, on a free port unless told otherwise. */
const settings = (env: Readonly<Record<string, string>>) =>
  Edge.layer().pipe(
    Layer.provideMerge(Layer.merge(AppConfigEnv.layerFromProvider, Logger.layer([]))),
    Layer.provide(
      ConfigProvider.layer(
        ConfigProvider.fromEnv({ env: { TOGETHER_API_KEY: "k", HOST: "127.0.0.1", PORT: "0", ...env } })
      )
    )
  )

/** A console whose lines can be looked at. */
const capture = () => {
  const lines: Array<string> = []
  const write = (line: string) => void lines.push(line)
  const console: Console.Console = Object.assign(Object.create(globalThis.console), { log: write, error: write })
  return { console, lines }
}

const takenPort = Effect.gen(function* () {
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer()
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )
  const address = server.address()
  assert(address !== null && typeof address === "object")
  return address.port
})

describe("the process", { timeout: 30_000 }, () => {
  it.live("tells a machine in one line where it listens, serves, and stops when told to", () =>
    Effect.gen(function* () {
      const server = yield* start({ TOGETHER_API_KEY: "not-to-be-seen", PORT: "0" })
      const listening = JSON.parse(yield* Queue.take(server.lines))
      assert.strictEqual(listening.message, "Listening")
      const { persona, port, url } = listening.annotations
      assert.deepStrictEqual([persona, url], ["kira", `http://127.0.0.1:${port}`])

      const client = yield* openCall(`127.0.0.1:${port}`)
      assert.strictEqual(yield* Queue.take(client.texts), startFrame(callSid(1)))
      client.socket.close()
      yield* client.closed

      yield* server.signal("SIGTERM")
      const { code, stderr, stdout } = yield* server.ended
      assert.strictEqual(code, 0)
      assert.strictEqual(stderr, "")
      assert.notInclude(stdout, "not-to-be-seen")
    })
  )

  it.live("does not start with wrong settings, and says all that is wrong", () =>
    Effect.gen(function* () {
      const server = yield* start({ PORT: "many", PERSONA: "bob" })
      const { code, stderr, stdout } = yield* server.ended
      assert.strictEqual(code, 1)
      assert.strictEqual(stdout, "")
      assert.deepStrictEqual(
        stderr
          .trimEnd()
          .split("\n")
          .map((line) => line.split(" ")[0]),
        ["PORT", "PERSONA"]
      )
    })
  )
})

describe("the announcement", () => {
  const announced = (env: Readonly<Record<string, string>>) =>
    Effect.gen(function* () {
      const { console, lines } = capture()
      yield* Layer.build(
        Startup.announce.pipe(Layer.provide(serverLayer(() => Effect.void)), Layer.provide(settings(env)))
      ).pipe(Effect.provideService(Console.Console, console))
      return lines.join("\n")
    })

  it.live("tells a person what to do next", () =>
    Effect.gen(function* () {
      const text = yield* announced({ LOG_FORMAT: "pretty" })
      const port = /listens on http:\/\/127\.0\.0\.1:(\d+)\n/.exec(text)?.[1]
      assert.include(text, `1. Open a tunnel to this port, for example: ngrok http ${port}\n`)
      assert.include(text, "2. Set the voice webhook of your Twilio number to https://<your tunnel>/twiml\n")
      assert.include(text, "3. Call the number\n")
    })
  )

  it.live("names the webhook when the public address is known", () =>
    Effect.gen(function* () {
      const text = yield* announced({ LOG_FORMAT: "pretty", PUBLIC_URL: "https://agent.example.com" })
      assert.include(text, "1. Set the voice webhook of your Twilio number to https://agent.example.com/twiml\n")
      assert.notInclude(text, "Open a tunnel")
    })
  )

  it.live.each([
    [{}, "Requests are not verified, as TWILIO_AUTH_TOKEN is not set. Only this machine can reach the server"],
    [{ ALLOW_UNSIGNED: "true", HOST: "0.0.0.0" }, "Anybody who reaches 0.0.0.0 can place calls at your expense"],
    [
      { TWILIO_AUTH_TOKEN: "not-to-be-seen", PUBLIC_URL: "https://agent.example.com" },
      "Requests are verified: only Twilio can place calls."
    ]
  ] as const)("says who can place calls with %o", ([env, expected]) =>
    Effect.gen(function* () {
      const text = yield* announced({ LOG_FORMAT: "pretty", ...env })
      assert.include(text, expected)
      assert.notInclude(text, "not-to-be-seen")
    })
  )
})

describe("a failed start", () => {
  it.live("on a port that is taken is told in a sentence", () =>
    Effect.gen(function* () {
      const port = yield* takenPort
      const { console, lines } = capture()
      const program = serverLayer(() => Effect.void).pipe(Layer.provideMerge(settings({ PORT: String(port) })))
      const exit = yield* Startup.launch(program).pipe(Effect.provideService(Console.Console, console), Effect.exit)
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(lines, [
        `Port ${port} is already in use: stop the program that listens on it, or set PORT to another one`
      ])
    })
  )

  const lines = (error: unknown) => Startup.describeCause(Cause.fail(error))
  const serveError = (fields: Readonly<Record<string, unknown>>) =>
    new HttpServerError.ServeError({ cause: Object.assign(new Error("listen failed"), fields) })

  it.each([
    [{ code: "EACCES", port: 80 }, "Port 80 may not be opened by this user"],
    [{ code: "EADDRNOTAVAIL", address: "192.0.2.1", port: 80 }, "192.0.2.1"],
    [{ code: "ENOTFOUND", hostname: "no.such.host" }, "no.such.host"],
    [{ code: "ESOMETHING" }, "listen failed"]
  ] as const)("is described by what the system said: %o", (fields, expected) => {
    const described = lines(serveError(fields))
    assert.strictEqual(described.length, 1)
    assert.include(described[0], expected)
  })

  it("is described by the message of any other error, and by the stack of a defect", () => {
    assert.deepStrictEqual(lines(new Error("the model is missing")), ["the model is missing"])
    const [defect] = Startup.describeCause(Cause.die(new Error("a bug")))
    assert.match(defect ?? "", /a bug\n\s+at /)
  })

  it("has exit code 1, an interrupted program 0", () => {
    const codes: Array<number> = []
    const onExit = (code: number) => void codes.push(code)
    Startup.teardown(Exit.fail(new Error("no")), onExit)
    Startup.teardown(Exit.failCause(Cause.interrupt()), onExit)
    Startup.teardown(Exit.die(new Error("bug")), onExit)
    assert.deepStrictEqual(codes, [1, 0, 1])
  })
})
