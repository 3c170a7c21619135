/**
 * What a call costs a server, and how many it holds: whole calls on real sockets, with recorded speech and one stand-in
 * provider, against the product's own server and one written as the tutorial has it.
 *
 * `node bench/calls.ts [--servers ours,tutorial] [--calls 50] [--seconds 20] [--warmup 15] [--minutes 30]
 * [--deflate] [--profile FILE] [--heap FILE]`. With `--minutes` it watches the server's memory for so long. The servers
 * `bytes`, `sockets`, `decoding`, `inference`, `sending` and `exchanging` are the floor, see `calls/FloorServer.ts`; files of
 * profiles are read by `calls/profile.ts`.
 */
import { parseArgs } from "node:util"
import { type Processes, type ServerName, start } from "./calls/Processes.ts"

const { values } = parseArgs({
  options: {
    servers: { type: "string", default: "ours,tutorial" },
    calls: { type: "string", default: "50" },
    seconds: { type: "string", default: "20" },
    warmup: { type: "string", default: "15" },
    profile: { type: "string" },
    heap: { type: "string" },
    minutes: { type: "string" },
    deflate: { type: "boolean", default: false }
  }
})

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/** Tells every minute what the server holds, after a collection. */
const watchMemory = async (processes: Processes, calls: number): Promise<void> => {
  for (let minute = 1; minute <= Number(values.minutes); minute++) {
    await wait(60_000)
    const { external, heap, rss } = await processes.server({ ask: "read" })
    const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
    console.log(`minute ${minute}: ${calls} calls, RSS ${mib(rss)} MiB, heap ${mib(heap)}, buffers ${mib(external)}`)
  }
}

const measure = async (name: ServerName, calls: number) => {
  const processes = await start(name, { deflate: values.deflate })
  try {
    await processes.server({ ask: "begin" })
    const before = await processes.server({ ask: "read" })
    await processes.callers({ ask: "place", url: processes.url, calls, rampMs: Math.max(2000, calls * 25) })
    await wait(Number(values.warmup) * 1000)
    if (values.profile !== undefined) await processes.server({ ask: "profile" })
    if (values.heap !== undefined) await processes.server({ ask: "sample heap" })
    await processes.callers({ ask: "begin" })
    await processes.server({ ask: "begin" })
    await (values.minutes === undefined ? wait(Number(values.seconds) * 1000) : watchMemory(processes, calls))
    const server = await processes.server({ ask: "read" })
    const callers = await processes.callers({ ask: "read" })
    if (values.profile !== undefined) await processes.server({ ask: "save profile", file: values.profile })
    if (values.heap !== undefined) await processes.server({ ask: "save heap", file: values.heap })
    await processes.callers({ ask: "hang up" })
    return { name, calls, before, server, callers, source: processes.source }
  } finally {
    processes.end()
  }
}

type Measured = Awaited<ReturnType<typeof measure>>

const cells = ({ before, callers, calls, name, server }: Measured): ReadonlyArray<string> => {
  const seconds = (calls * server.wallMs) / 1000
  const ms = (value: number): string => value.toFixed(0)
  const mib = (bytes: number): string => (bytes / calls / 2 ** 20).toFixed(2)
  return [
    name,
    String(calls),
    (server.cpuMs / seconds).toFixed(2),
    (server.mainMs / seconds).toFixed(2),
    (server.systemMs / seconds).toFixed(2),
    ((100 * server.cpuMs) / server.wallMs).toFixed(0),
    ms(percentile(callers.voiceToVoice, 0.5)),
    ms(percentile(callers.voiceToVoice, 0.95)),
    ms(percentile(callers.voiceToVoice, 0.99)),
    String(callers.voiceToVoice.length),
    String(callers.unanswered + callers.lost),
    String(callers.underruns),
    server.delayMs.p99.toFixed(1),
    mib(server.rss - before.rss),
    mib(server.heap + server.external - before.heap - before.external),
    callers.lateness.p99.toFixed(1),
    ((100 * callers.audioMs) / 1000 / seconds).toFixed(0),
    (100 * callers.talkShare).toFixed(0)
  ]
}

const head = [
  "server",
  "calls",
  "ms/s",
  "main",
  "system",
  "% core",
  "v2v p50",
  "p95",
  "p99",
  "turns",
  "failed",
  "gaps",
  "lag p99",
  "MiB RSS",
  "MiB heap",
  "late p99",
  "% agent",
  "% caller"
]

const row = (cells: ReadonlyArray<string>): void =>
  console.log(cells.map((cell, n) => cell.padStart(n === 0 ? 10 : 8)).join(" "))

/** What others cost beside the last one, and how long their callers wait for an answer. */
const compare = (measured: ReadonlyArray<Measured>): void => {
  const last = measured.at(-1)
  for (const one of measured.slice(0, -1)) {
    if (last === undefined) return
    const ratio = (of: (measured: Measured) => number): string => (of(one) / of(last)).toFixed(2)
    const cost = ratio(({ server }) => server.cpuMs / server.wallMs)
    const answers = ratio(({ callers }) => percentile(callers.voiceToVoice, 0.5))
    console.log(
      `${one.name} to ${last.name}, ${one.calls} calls: processor time ${cost}` +
        (answers === "NaN" ? "" : `, voice to voice p50 ${answers}`)
    )
  }
}

row(head)
for (const calls of values.calls.split(",").map(Number)) {
  const measured: Array<Measured> = []
  for (const name of values.servers.split(",") as Array<ServerName>) {
    const one = await measure(name, calls)
    measured.push(one)
    row(cells(one))
  }
  compare(measured)
}
process.exit()
