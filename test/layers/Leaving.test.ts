/** How the process leaves when it is told to, seen from outside: a process of its own, real signals, calls that only echo. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import { fileURLToPath } from "node:url"
import { ask, callSid, openCall, postForm } from "../support/httpServer.ts"
import { startNode } from "../support/process.ts"

const echoServer = fileURLToPath(new URL("../support/echoServer.ts", import.meta.url))

/** A server with one call on it. */
const startWithCall = (env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const server = yield* startNode([echoServer], { TOGETHER_API_KEY: "k", PORT: "0", MAX_LAG_MS: "0", ...env })
    const line = Effect.map(Queue.take(server.lines), (text) => JSON.parse(text))
    const { annotations } = yield* line
    const host = `127.0.0.1:${annotations.port}`
    const call = yield* openCall(host)
    yield* Queue.take(call.texts)
    /** Waits for the line of the log that begins like this. */
    const logged = (beginning: string) =>
      Effect.repeat(line, { until: ({ message }) => String(message).startsWith(beginning) })
    return { ...server, host, call, logged }
  })

describe("a server that is told to stop", { timeout: 60_000 }, () => {
  it.live.each(["SIGTERM", "SIGINT"] as const)(
    "at %s lets its calls go on, takes no new ones, and ends with the last",
    (signal) =>
      Effect.gen(function* () {
        const server = yield* startWithCall()
        const { call, host } = server
        yield* server.signal(signal)
        yield* server.logged("Stopping: no new calls; 1 call may go on for 10m")

        const ready = yield* ask(`http://${host}/ready`)
        assert.deepStrictEqual([ready.status, ready.body], [503, `{"status":"stopping"}`])
        assert.strictEqual((yield* ask(`http://${host}/health`)).status, 200)
        const { body } = yield* postForm(host, "/twiml", { CallSid: callSid(2) }, "")
        assert.include(body, "<Say>Sorry, all our lines are busy at the moment.")
        const late = yield* openCall(host, callSid(2))
        assert.deepStrictEqual(yield* late.closed, [1013, "stopping"])

        call.socket.send("still here")
        assert.strictEqual(yield* Queue.take(call.texts), "still here")
        call.socket.close()
        const { code, stderr, stdout } = yield* server.ended
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.include(stdout, "Stopping: the last call has ended")
      })
  )

  it.live("ends at once when it is told again, and says so", () =>
    Effect.gen(function* () {
      const server = yield* startWithCall()
      yield* server.signal("SIGTERM")
      yield* server.logged("Stopping: no new calls")
      yield* server.signal("SIGTERM")
      assert.strictEqual((yield* server.call.closed)[0], 1001)
      const { code, stdout } = yield* server.ended
      assert.strictEqual(code, 0)
      assert.strictEqual(stdout.split("Stopping at once on SIGTERM; calls that are cut off: 1").length, 2)
    })
  )

  it.live("ends when the limit is reached, and says so", () =>
    Effect.gen(function* () {
      const server = yield* startWithCall({ DRAIN_LIMIT: "0.1 seconds" })
      yield* server.signal("SIGTERM")
      assert.strictEqual((yield* server.call.closed)[0], 1001)
      const { code, stdout } = yield* server.ended
      assert.strictEqual(code, 0)
      assert.include(stdout, "Stopping: 1 call cut off after 100ms")
    })
  )
})
