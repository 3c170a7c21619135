import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { createServer } from "node:net"
import { listenerOn, listenersIn, readUsage, usageOf } from "../../src/cli/LoadUsage.ts"

describe("what the kernel says of a process", () => {
  it("is understood, whatever the process calls itself", () => {
    const stat =
      "4711 (no) de (1)) S 1 4711 4711 0 -1 4194560 9 0 0 0 250 50 7 7 20 0 11 0 100 1 1 18446744073709551615"
    const status = "Name:\tnode\nVmPeak:\t  999999 kB\nVmRSS:\t  102400 kB\nThreads:\t11\n"
    assert.deepStrictEqual(readUsage(stat, status), {
      cpuMs: 3000,
      rssBytes: 100 * 1024 * 1024,
      heldBytes: undefined
    })
  })

  it("names the sockets that listen on a port, and no other ones", () => {
    const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0
   1: 0100007F:0BB9 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4343 1 0 20 4 30 10 -1
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4444 1 0 100 0 0 10 0
`
    assert.deepStrictEqual(
      [listenersIn(table, 3001), listenersIn(table, 80), listenersIn(table, 81)],
      [["4242"], ["4444"], []]
    )
  })

  it.live.skipIf(process.platform !== "linux")("leads from a port to its process, and to what that has used", () =>
    Effect.gen(function* () {
      const server = createServer()
      const port = yield* Effect.acquireRelease(
        Effect.callback<number>((resume) => {
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            resume(Effect.succeed(typeof address === "object" ? (address?.port ?? 0) : 0))
          })
        }),
        () => Effect.sync(() => server.close())
      )
      const pid = yield* listenerOn(port)
      assert.deepStrictEqual(pid, Option.some(process.pid))
      const usage = Option.getOrThrow(yield* usageOf(process.pid))
      assert.isAbove(usage.cpuMs, 0)
      assert.isAtLeast(usage.rssBytes, process.memoryUsage().heapUsed / 2)
      assert.isTrue(Option.isNone(yield* usageOf(2 ** 30)))
    })
  )
})
