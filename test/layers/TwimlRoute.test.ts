import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Logger, Queue, Stream } from "effect"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { ask, callSid, openCall, postForm, serve, signedEnv, tokenIn } from "../support/httpServer.ts"

const echo = (link: MediaLink) => Stream.runForEach(link.inbound, link.send)

const call = (number: number) => ({ CallSid: callSid(number) })

const response = (verbs: string) => `<?xml version="1.0" encoding="UTF-8"?><Response>${verbs}<Hangup/></Response>`

const busy = response(
  "<Say>Sorry, all our lines are busy at the moment. Please call again in a few minutes. Goodbye.</Say>"
)

const brokenOff = response(
  "<Say>Sorry, something went wrong on our side, and we cannot go on with this call. Please call again later. Goodbye.</Say>"
)

/** A call that has begun, on a server that verifies nothing. */
const begin = (host: string, number: number, parameters = {}) =>
  Effect.tap(openCall(host, callSid(number), parameters), ({ texts }) => Queue.take(texts))

describe("a call for which there is no room", () => {
  it.live("is told so, or rings elsewhere, and is taken when there is room again", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo, { env: { MAX_CALLS: "1" } })
      const post = postForm(host, "/twiml", call(2), "")
      const first = yield* begin(host, 1)
      assert.strictEqual((yield* post).body, busy)
      first.socket.close()
      yield* Effect.repeat(post, { until: ({ body }) => body.includes("<Connect") })
    })
  )

  it.live("rings at the fallback number if there is one", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo, { env: { MAX_CALLS: "1", FALLBACK_NUMBER: "+15550123" } })
      yield* begin(host, 1)
      assert.strictEqual((yield* postForm(host, "/twiml", call(2), "")).body, response("<Dial>+15550123</Dial>"))
    })
  )

  it.live("is closed at the socket too, when it was connected before there were too many", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const host = yield* serve(echo, {
        env: { MAX_CALLS: "1" },
        loggers: [Logger.map(Logger.formatJson, (line) => void lines.push(line))]
      })
      yield* begin(host, 1)
      const second = yield* openCall(host, callSid(2))
      assert.deepStrictEqual(yield* second.closed, [1013, "all lines busy"])
      const { annotations, level, message } = JSON.parse(lines.find((line) => line.includes("refused")) ?? "{}")
      assert.deepStrictEqual([level, message], ["WARN", "media stream refused: all lines busy"])
      assert.strictEqual(annotations.callSid, callSid(2))
      assert.strictEqual(JSON.parse((yield* ask(`http://${host}/health`)).body).calls, 1)
    })
  })
})

describe("calls that come all at once", () => {
  it.live("are as many as may be, and no more", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo, { env: { MAX_CALLS: "5", MAX_PENDING_PER_ADDRESS: "20" } })
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, number) => number),
        (number) =>
          Effect.flatMap(openCall(host, callSid(number)), ({ closed, texts }) =>
            Effect.raceFirst(
              Effect.as(Queue.take(texts), "taken"),
              Effect.map(closed, ([code, reason]) => `${code} ${reason}`)
            )
          ),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([...outcomes].sort(), [
        ...Array.from({ length: 15 }, () => "1013 all lines busy"),
        ...Array.from({ length: 5 }, () => "taken")
      ])
      assert.strictEqual(JSON.parse((yield* ask(`http://${host}/health`)).body).calls, 5)
    })
  )
})

describe("a webhook that is repeated", () => {
  it.live("gets the same token while nobody has used it, and none afterwards", () =>
    Effect.gen(function* () {
      const host = yield* serve(echo, { env: signedEnv })
      const post = Effect.map(postForm(host, "/twiml", call(1)), ({ body }) => body)
      const token = tokenIn(yield* post)
      assert(token !== undefined)
      assert.strictEqual(tokenIn(yield* post), token)

      const running = yield* begin(host, 1, { token })
      assert.strictEqual(yield* post, busy)
      running.socket.close()
      yield* running.closed
      assert.strictEqual(yield* post, busy)
    })
  )
})

describe("a call whose stream has ended", () => {
  const after = (host: string, number: number) =>
    Effect.map(postForm(host, "/twiml/after", call(number), ""), ({ body }) => body)

  it.live("is over when the agent hung up, and goes on with the fallback when it was broken off", () =>
    Effect.gen(function* () {
      // Closes with the reason that comes after `start`, if there is one.
      const closing = (link: MediaLink) =>
        Stream.runForEach(link.inbound, (text) => (text.startsWith("{") ? link.send(text) : link.close(text)))
      const host = yield* serve(closing)
      for (const [number, reason] of [
        [1, "agent hung up"],
        [2, "handing over"]
      ] as const) {
        const { closed, socket } = yield* begin(host, number)
        assert.strictEqual(yield* after(host, number), brokenOff)
        socket.send(reason)
        assert.deepStrictEqual(yield* closed, [1000, reason])
      }
      assert.strictEqual(yield* after(host, 1), response(""))
      assert.strictEqual(yield* after(host, 2), brokenOff)
      assert.strictEqual(yield* after(host, 3), brokenOff)
    })
  )

  it.live("rings at the fallback number when the call failed", () =>
    Effect.gen(function* () {
      const failed = yield* Deferred.make<void>()
      const host = yield* serve(() => Effect.andThen(Deferred.succeed(failed, undefined), Effect.die("a defect")), {
        env: { FALLBACK_NUMBER: "+15550123" }
      })
      const { closed } = yield* openCall(host, callSid(1))
      yield* Deferred.await(failed)
      yield* closed
      assert.strictEqual(yield* after(host, 1), response("<Dial>+15550123</Dial>"))
    })
  )
})

describe("readiness", () => {
  it.live("is asked for without a line in the log", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const host = yield* serve(echo, { loggers: [Logger.map(Logger.formatJson, (line) => void lines.push(line))] })
      const { body, headers, status } = yield* ask(`http://${host}/ready`)
      assert.deepStrictEqual([status, JSON.parse(body)], [200, { status: "ready" }])
      assert.strictEqual(headers.get("cache-control"), "no-store")
      const health = JSON.parse((yield* ask(`http://${host}/health`)).body)
      assert.strictEqual(JSON.parse((yield* ask(`http://${host}/health`)).body).instance, health.instance)
      assert.deepStrictEqual(lines, [])
    })
  })
})
