/** A server of several processes, seen from outside: real processes, real signals, calls that only echo. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Queue } from "effect"
import { fileURLToPath } from "node:url"
import { maxConnections } from "../../src/layers/Connections.ts"
import { backoff, leastLoaded } from "../../src/layers/Supervisor.ts"
import {
  ask,
  callSid,
  type Client,
  openCall,
  openConnection,
  postForm,
  saidOn,
  signedEnv,
  startFrame,
  tokenIn
} from "../support/httpServer.ts"
import { startNode } from "../support/process.ts"

const echoServers = fileURLToPath(new URL("../support/echoServers.ts", import.meta.url))

const start = (env: Readonly<Record<string, string>> = {}, ...args: ReadonlyArray<string>) =>
  startNode([echoServers, ...args], {
    TOGETHER_API_KEY: "k",
    HOST: "127.0.0.1",
    PORT: "0",
    PROCESSES: "2",
    MAX_LAG_MS: "0",
    ...env
  })

/** A server that listens. */
const serve = (env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const server = yield* start(env)
    const line = Effect.map(Queue.take(server.lines), (text) => JSON.parse(text))
    const logged = (beginning: string) =>
      Effect.repeat(line, { until: ({ message }) => String(message).startsWith(beginning) })
    const { annotations } = yield* logged("Listening")
    return { ...server, host: `127.0.0.1:${annotations.port}`, logged }
  })

/** Which process a call is in, by its number and its id: said with each frame that comes back. */
const whereIs = ({ texts }: Client) =>
  Effect.map(Queue.take(texts), (text) => {
    const [number, pid, ...rest] = text.split(" ")
    return { number: Number(number), pid: Number(pid), text: rest.join(" ") }
  })

const say = (call: Client, text: string) => {
  call.socket.send(text)
  return whereIs(call)
}

describe("a server of several processes", { timeout: 60_000, concurrent: true }, () => {
  it.live("lets a stream in with the token that another process has made, once", () =>
    Effect.gen(function* () {
      const { host, logged } = yield* serve(signedEnv)
      const { body } = yield* postForm(host, "/twiml", { CallSid: callSid(1) })
      const { annotations } = yield* logged("Sent HTTP response")
      const token = tokenIn(body) ?? ""
      const call = yield* openCall(host, callSid(1), { token })
      const { number, text } = yield* whereIs(call)
      assert.deepStrictEqual([annotations.process, number].sort(), [1, 2])
      assert.strictEqual(text, startFrame(callSid(1)))

      // Again, at one and at the other; and the webhook that is replayed.
      for (let n = 0; n < 2; n++) {
        const replayed = yield* openCall(host, callSid(1), { token })
        assert.deepStrictEqual(yield* replayed.closed, [1008, "used token"])
      }
      const made = yield* openCall(host, callSid(2), { token: "made-up" })
      assert.deepStrictEqual(yield* made.closed, [1008, "unknown call"])
      const again = yield* postForm(host, "/twiml", { CallSid: callSid(1) })
      assert.isUndefined(tokenIn(again.body))
    })
  )

  it.live("spreads calls evenly, and counts them together", () =>
    Effect.gen(function* () {
      const { host } = yield* serve({ MAX_CALLS: "4" })
      const numbers: Array<number> = []
      for (let n = 1; n <= 4; n++) numbers.push((yield* whereIs(yield* openCall(host, callSid(n)))).number)
      assert.deepStrictEqual(numbers.toSorted(), [1, 1, 2, 2])
      const fifth = yield* openCall(host, callSid(5))
      assert.deepStrictEqual(yield* fifth.closed, [1013, "all lines busy"])
      const { body } = yield* ask(`http://${host}/health`)
      assert.strictEqual(JSON.parse(body).calls, 4)
    })
  )

  it.live("has as many connections in all as there may be for so many calls, and drops one more", () =>
    Effect.gen(function* () {
      const { host } = yield* serve({ MAX_CALLS: "1" })
      const first = yield* openConnection(host)
      yield* Effect.replicateEffect(openConnection(host), maxConnections(1) - 1, { discard: true })
      assert.strictEqual(yield* saidOn(yield* openConnection(host)), "")
      // One that is over makes room, once its process has said so.
      first.destroy()
      yield* Effect.repeat(Effect.exit(ask(`http://${host}/health`)), { until: Exit.isSuccess })
    })
  )

  it.live("says to be one server, whichever process answers", () =>
    Effect.gen(function* () {
      const { host } = yield* serve()
      const answers = yield* Effect.forEach(
        [1, 2, 3, 4],
        () => ask(`http://${host}/health`, { headers: { connection: "close" } }),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(answers.map(({ body }) => JSON.parse(body).instance)).size, 1)
    })
  )

  it.live("loses only the calls of a process that breaks down, and replaces it", () =>
    Effect.gen(function* () {
      const { host, logged } = yield* serve()
      const first = yield* openCall(host, callSid(1))
      const second = yield* openCall(host, callSid(2))
      const [lost, kept] = [yield* whereIs(first), yield* whereIs(second)]
      assert.notStrictEqual(lost.pid, kept.pid)
      process.kill(lost.pid, "SIGKILL")
      assert.strictEqual((yield* first.closed)[0], 1006)
      const { annotations, level } = yield* logged("A process broke down")
      assert.deepStrictEqual(
        { ...annotations, level },
        { process: lost.number, calls: 1, how: "signal SIGKILL", level: "ERROR" }
      )
      assert.strictEqual((yield* say(second, "still here")).text, "still here")
      assert.strictEqual(JSON.parse((yield* ask(`http://${host}/health`)).body).calls, 1)

      const third = yield* Effect.repeat(Effect.scoped(Effect.flatMap(openCall(host, callSid(3)), whereIs)), {
        until: ({ number }) => number === lost.number
      })
      assert.notStrictEqual(third.pid, lost.pid)
    })
  )

  it.live.each(["SIGTERM", "SIGINT"] as const)(
    "at %s lets calls of all processes go on, and ends with the last",
    (signal) =>
      Effect.gen(function* () {
        const server = yield* serve()
        const { host } = server
        const calls = [yield* openCall(host, callSid(1)), yield* openCall(host, callSid(2))]
        for (const call of calls) yield* whereIs(call)
        yield* server.signal(signal)
        yield* server.logged("Stopping: no new calls; 2 calls may go on for 10m")

        const ready = yield* ask(`http://${host}/ready`)
        assert.deepStrictEqual([ready.status, ready.body], [503, `{"status":"stopping"}`])
        const { body } = yield* postForm(host, "/twiml", { CallSid: callSid(3) }, "")
        assert.include(body, "<Say>Sorry, all our lines are busy at the moment.")
        for (const call of calls) {
          assert.strictEqual((yield* say(call, "still here")).text, "still here")
          call.socket.close()
        }
        const { code, stderr, stdout } = yield* server.ended
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.strictEqual(stdout.split("Stopping: the last call has ended").length, 2)
      })
  )

  it.live("cuts calls off when it is told to stop again", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const call = yield* openCall(server.host)
      yield* whereIs(call)
      yield* server.signal("SIGTERM")
      yield* server.logged("Stopping: no new calls")
      yield* server.signal("SIGTERM")
      assert.strictEqual((yield* call.closed)[0], 1001)
      assert.strictEqual((yield* server.ended).code, 0)
    })
  )

  it.live("leaves no process behind when it is killed", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const call = yield* openCall(server.host)
      yield* whereIs(call)
      yield* server.signal("SIGKILL")
      // By the process that has the call, as it ends.
      assert.strictEqual((yield* call.closed)[0], 1001)
      yield* server.ended
    })
  )

  it.live("does not start without its processes, and says so", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* Effect.flatMap(start({}, "./nothing.ts"), ({ ended }) => ended)
      assert.strictEqual(code, 1)
      assert.include(stderr, "A process of the server ended before it could take calls (exit code 1)")
    })
  )

  it.live("says that its port is taken", () =>
    Effect.gen(function* () {
      const { host } = yield* serve()
      const PORT = new URL(`http://${host}`).port
      const { code, stderr } = yield* Effect.flatMap(start({ PORT }), ({ ended }) => ended)
      assert.strictEqual(code, 1)
      assert.strictEqual(
        stderr,
        `Port ${PORT} is already in use: stop the program that listens on it, or set PORT to another one\n`
      )
    })
  )
})

describe("leastLoaded", () => {
  const load = (name: string, calls: number, connections: number, given: number) => ({
    name,
    calls,
    connections,
    given
  })

  it.each([
    ["fewer calls, whatever the connections", [load("a", 3, 3, 1), load("b", 2, 90, 9)], "b"],
    ["fewer connections, if calls are equal", [load("a", 2, 5, 1), load("b", 2, 4, 9)], "b"],
    ["whoever waited longest, if all is equal", [load("a", 2, 4, 8), load("b", 2, 4, 7), load("c", 2, 4, 9)], "b"],
    ["the only one", [load("a", 200, 200, 200)], "a"],
    ["none of none", [], undefined]
  ])("%s", (_, loads, expected) => {
    assert.strictEqual(leastLoaded(loads)?.name, expected)
  })
})

it.each([
  [0, 0],
  [1, 1],
  [2, 2],
  [5, 16],
  [6, 30],
  [60, 30]
])("a process that broke down at its start %d times is replaced after %d s", (failures, seconds) => {
  assert.strictEqual(Duration.toSeconds(backoff(failures)), seconds)
})
