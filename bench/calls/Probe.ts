/** Loaded before a server that is measured (`node --import`): tells its parent, when asked, what the process has used. Changes nothing in it. */
import { createWriteStream } from "node:fs"
import { writeFile } from "node:fs/promises"
import { Session } from "node:inspector/promises"
import { monitorEventLoopDelay, performance } from "node:perf_hooks"
import { getHeapSnapshot } from "node:v8"
import { pipeline } from "node:stream/promises"

/** What the parent may ask for. */
export type ProbeRequest =
  | { readonly ask: "begin" }
  | { readonly ask: "read" }
  | { readonly ask: "profile" }
  | { readonly ask: "save profile"; readonly file: string }
  | { readonly ask: "sample heap" }
  | { readonly ask: "save heap"; readonly file: string }
  | { readonly ask: "snapshot"; readonly file: string }

/** What was used since `begin`. Milliseconds and bytes. */
export interface ProbeReading {
  readonly cpuMs: number
  /** Of that, in the main thread. */
  readonly mainMs: number
  readonly systemMs: number
  readonly wallMs: number
  /** How late the event loop was. */
  readonly delayMs: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly rss: number
  /** After a collection, if the process was started with `--expose-gc`. */
  readonly heap: number
  readonly external: number
}

// The histogram counts its own timer's period.
const PERIOD_MS = 2
const delays = monitorEventLoopDelay({ resolution: PERIOD_MS })
const session = new Session()
session.connect()

const mainCpu = (): NodeJS.CpuUsage => process.threadCpuUsage()

let cpu = process.cpuUsage()
let main = mainCpu()
let begun = performance.now()

const late = (percentile: number): number => Math.max(0, delays.percentile(percentile) / 1e6 - PERIOD_MS)

const read = (): ProbeReading => {
  const used = process.cpuUsage(cpu)
  const usedMain = mainCpu()
  const wallMs = performance.now() - begun
  const delayMs = { p50: late(50), p99: late(99), max: delays.max / 1e6 }
  globalThis.gc?.()
  const memory = process.memoryUsage()
  return {
    cpuMs: (used.user + used.system) / 1000,
    mainMs: (usedMain.user + usedMain.system - main.user - main.system) / 1000,
    systemMs: used.system / 1000,
    wallMs,
    delayMs,
    rss: memory.rss,
    heap: memory.heapUsed,
    external: memory.external + memory.arrayBuffers
  }
}

const answer = async (request: ProbeRequest): Promise<ProbeReading | undefined> => {
  switch (request.ask) {
    case "begin":
      delays.enable()
      delays.reset()
      cpu = process.cpuUsage()
      main = mainCpu()
      begun = performance.now()
      return undefined
    case "read":
      return read()
    case "profile":
      await session.post("Profiler.enable")
      await session.post("Profiler.setSamplingInterval", { interval: 200 })
      await session.post("Profiler.start")
      return undefined
    case "save profile":
      await writeFile(request.file, JSON.stringify((await session.post("Profiler.stop")).profile))
      return undefined
    case "sample heap":
      await session.post("HeapProfiler.startSampling", {
        samplingInterval: 16_384,
        includeObjectsCollectedByMajorGC: true,
        includeObjectsCollectedByMinorGC: true
      })
      return undefined
    case "save heap":
      await writeFile(request.file, JSON.stringify((await session.post("HeapProfiler.stopSampling")).profile))
      return undefined
    case "snapshot":
      await pipeline(getHeapSnapshot(), createWriteStream(request.file))
      return undefined
  }
}

process.on("message", (request: ProbeRequest) => {
  void answer(request).then((reading) => process.send?.({ reading }))
})
process.on("disconnect", () => process.exit())
process.channel?.unref()
