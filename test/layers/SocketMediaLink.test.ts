import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Logger, Metric, Queue, References, Scope, Stream } from "effect"
import { Socket } from "effect/socket"
import { streamsRefused } from "../../src/layers/EdgeMetrics.ts"
import * as SocketMediaLink from "../../src/layers/SocketMediaLink.ts"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { callSid, openCall, serve, startFrame } from "../support/httpServer.ts"

type Frames = readonly [string | Uint8Array, ...ReadonlyArray<string | Uint8Array>]

const closed = (code: number) => new Socket.SocketError({ reason: new Socket.SocketCloseError({ code }) })

/** A socket that gives these batches and then fails, and keeps what is written to it. */
const scripted = (batches: ReadonlyArray<Frames>, end: Socket.SocketError) => {
  const written: Array<string | Uint8Array | Socket.CloseEvent> = []
  const left = [...batches]
  const socket = Socket.make({
    reader: Effect.succeed({
      pull: Effect.suspend(() => {
        const next = left.shift()
        return next === undefined ? Effect.fail(end) : Effect.succeed(next)
      }),
      upgrade: Socket.SocketUpgradeError.unsupported
    }),
    writer: Effect.succeed({
      write: (frame) => Effect.sync(() => void written.push(frame)),
      writeAll: (frames) => Effect.sync(() => void written.push(...frames))
    })
  })
  return { socket, written }
}

const collectLogs = () => {
  const lines: Array<{ readonly level: string; readonly message: unknown; readonly annotations: unknown }> = []
  const logger = Logger.map(Logger.formatStructured, (line) => lines.push(line))
  return { lines, loggers: [logger] as const }
}

describe("the frames of a link", () => {
  it.effect("come in the batches they arrived in, without copies", () =>
    Effect.gen(function* () {
      const batches: ReadonlyArray<readonly [string, ...ReadonlyArray<string>]> = [["a", "b"], ["c"], ["d", "e", "f"]]
      const link = yield* SocketMediaLink.make(scripted(batches, closed(1000)).socket)
      const arrays: Array<ReadonlyArray<string>> = []
      yield* Stream.runForEachArray(link.inbound, (array) => Effect.sync(() => arrays.push(array)))
      assert.strictEqual(arrays.length, batches.length)
      for (const [index, array] of arrays.entries()) assert.strictEqual(array, batches[index])
    })
  )

  it.effect("are texts only: binary ones are skipped, and do no harm to the next text", () =>
    Effect.gen(function* () {
      const halfCharacter = new Uint8Array([0xe2, 0x82])
      const batches: ReadonlyArray<Frames> = [["a", halfCharacter, "b"], [halfCharacter], [halfCharacter, "c"]]
      const link = yield* SocketMediaLink.make(scripted(batches, closed(1000)).socket)
      assert.deepStrictEqual(yield* Stream.runCollect(link.inbound), ["a", "b", "c"])
    })
  )

  it.effect.each([1000, 1001, 1005, 1006])("end quietly when the peer closes with %d", (code) => {
    const { lines, loggers } = collectLogs()
    return Effect.gen(function* () {
      const link = yield* SocketMediaLink.make(scripted([["a"]], closed(code)).socket)
      assert.deepStrictEqual(yield* Stream.runCollect(link.inbound), ["a"])
      assert.deepStrictEqual(lines, [])
    }).pipe(Effect.provide(Logger.layer(loggers)), Effect.provideService(References.MinimumLogLevel, "All"))
  })

  it.effect.each([
    ["a close that is no hang-up", closed(1002), "SocketCloseError"],
    [
      "a read that fails",
      new Socket.SocketError({ reason: new Socket.SocketReadError({ cause: new Error("broken") }) }),
      "SocketReadError"
    ]
  ] as const)("end with one line of debug log at %s", ([, end, reason]) => {
    const { lines, loggers } = collectLogs()
    return Effect.gen(function* () {
      const link = yield* SocketMediaLink.make(scripted([["a"]], end).socket)
      assert.deepStrictEqual(yield* Stream.runCollect(link.inbound), ["a"])
      assert.strictEqual(lines.length, 1)
      assert.strictEqual(lines[0]?.level, "DEBUG")
      assert.deepInclude(lines[0]?.annotations, { reason })
    }).pipe(Effect.provide(Logger.layer(loggers)), Effect.provideService(References.MinimumLogLevel, "All"))
  })
})

describe("what a link sends", () => {
  it.effect("goes out until the peer is gone, and nowhere after that", () =>
    Effect.gen(function* () {
      const { socket, written } = scripted([["a"]], closed(1006))
      const link = yield* SocketMediaLink.make(socket)
      yield* link.send("one")
      yield* Stream.runDrain(link.inbound)
      yield* link.send("two")
      yield* link.close("over")
      assert.deepStrictEqual(written, ["one"])
    })
  )

  it.effect("ends with the first close", () =>
    Effect.gen(function* () {
      const { socket, written } = scripted([], closed(1000))
      const link = yield* SocketMediaLink.make(socket)
      yield* link.close("goodbye")
      yield* link.close("goodbye again")
      yield* link.send("too late")
      assert.strictEqual(written.length, 1)
      const [event] = written
      assert(Socket.isCloseEvent(event))
      assert.deepStrictEqual([event.code, event.reason], [1000, "goodbye"])
    })
  )

  it.effect("is closed when the peer has not read too much of it", () => {
    const { lines, loggers } = collectLogs()
    return Effect.gen(function* () {
      const { socket, written } = scripted([["a"]], closed(1006))
      let unsent = SocketMediaLink.MAX_UNSENT_BYTES
      const link = yield* SocketMediaLink.make(socket, { unsent: () => unsent })
      yield* link.send("one")
      unsent += 1
      yield* link.send("two")
      yield* link.send("three")
      assert.strictEqual(written.length, 2)
      const [text, event] = written
      assert(Socket.isCloseEvent(event))
      assert.deepStrictEqual([text, event.code, event.reason], ["one", 1008, "slow reader"])
      assert.deepStrictEqual(
        lines.map(({ level, message }) => [level, message]),
        [["WARN", "media stream closed: the peer has not read 65536 bytes that were sent to it"]]
      )
      const refused = yield* Metric.value(Metric.withAttributes(streamsRefused, { reason: "slow reader" }))
      assert.strictEqual(refused.count, 1)
    }).pipe(Effect.provide(Logger.layer(loggers)), Effect.provideService(Metric.MetricRegistry, new Map()))
  })

  it.effect("ends with the link's scope", () =>
    Effect.gen(function* () {
      const { socket, written } = scripted([], closed(1000))
      const scope = yield* Scope.make()
      const link = yield* Scope.provide(SocketMediaLink.make(socket), scope)
      yield* Scope.close(scope, Exit.void)
      yield* link.send("too late")
      assert.deepStrictEqual(written, [])
    })
  )
})

describe("a link over a real socket", () => {
  /** Serves one link to the test and keeps it open until the test is over. */
  const accept = Effect.gen(function* () {
    const links = yield* Queue.unbounded<MediaLink>()
    const done = yield* Deferred.make<void>()
    const host = yield* serve((link) => Effect.andThen(Queue.offer(links, link), Deferred.await(done)))
    yield* Effect.addFinalizer(() => Deferred.succeed(done, undefined))
    const client = yield* openCall(host)
    return { client, link: yield* Queue.take(links), done }
  })

  it.live("closes with 1000 and as much of the reason as fits", () =>
    Effect.gen(function* () {
      const { client, link } = yield* accept
      yield* link.close("é".repeat(100))
      assert.deepStrictEqual(yield* client.closed, [1000, "é".repeat(61)])
      assert.deepStrictEqual(yield* Stream.runCollect(link.inbound), [startFrame(callSid(1))])
    })
  )

  it.live("skips binary frames and goes on", () =>
    Effect.gen(function* () {
      const { client, link } = yield* accept
      const texts = yield* Effect.forkScoped(Stream.runCollect(Stream.take(link.inbound, 3)))
      client.socket.send("one")
      client.socket.send(Buffer.from([0xe2, 0x82]))
      client.socket.send("two")
      assert.deepStrictEqual(yield* Fiber.join(texts), [startFrame(callSid(1)), "one", "two"])
    })
  )

  it.live("has its frames taken where they come in, texts only, until the peer hangs up", () =>
    Effect.gen(function* () {
      const { client, link } = yield* accept
      const texts: Array<string> = []
      assert(link.listen !== undefined)
      const listening = yield* Effect.forkScoped(
        link.listen((text) => {
          texts.push(text)
          return text === "wait" ? Effect.sleep(20) : Effect.void
        })
      )
      client.socket.send("one")
      client.socket.send(Buffer.from([0xe2, 0x82]))
      for (const text of ["wait", "two", "three"]) client.socket.send(text)
      client.socket.close()
      yield* Fiber.join(listening)
      assert.deepStrictEqual(texts, ["one", "wait", "two", "three"])
    })
  )

  /** Sends that many frames of 16 KiB, as fast as they go out. */
  const pour = (link: MediaLink, frames: number) =>
    Effect.replicateEffect(
      Effect.andThen(
        link.send("x".repeat(16 * 1024)),
        Effect.promise(() => new Promise(setImmediate))
      ),
      frames,
      { discard: true }
    )

  it.live("ends when the peer stops reading, although it does not hang up", () =>
    Effect.gen(function* () {
      const { client, link } = yield* accept
      client.tcp.pause()
      // More than the system's own buffers take, whatever their size is here.
      yield* Effect.forkScoped(pour(link, 8192))
      assert.deepStrictEqual(yield* Stream.runCollect(link.inbound), [startFrame(callSid(1))])
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.live("does not end when the peer reads as fast as it can", () =>
    Effect.gen(function* () {
      const { client, link } = yield* accept
      yield* pour(link, 1024)
      yield* link.close("over")
      assert.deepStrictEqual(yield* client.closed, [1000, "over"])
      assert.strictEqual(yield* Queue.size(client.texts), 1024)
    })
  )

  it.live("ends when the peer hangs up, with all that was sent before", () =>
    Effect.gen(function* () {
      const { client, link } = yield* accept
      for (const text of ["one", "two", "three"]) client.socket.send(text)
      client.socket.close()
      assert.deepStrictEqual(yield* Stream.runCollect(link.inbound), [startFrame(callSid(1)), "one", "two", "three"])
      yield* link.send("to nobody")
    })
  )
})
