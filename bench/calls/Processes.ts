/** The processes of a measurement: a stand-in, a server and callers, each alone on the cores it is given, and how they are asked. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { type CallersReading, type CallersRequest } from "./Callers.ts"
import { type ProbeReading, type ProbeRequest } from "./Probe.ts"

/** The servers that are compared. */
export type ServerName = "ours" | "tutorial" | "bytes" | "sockets" | "decoding" | "inference" | "sending" | "exchanging"

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** The measured server has the first core to itself, where there is more than one; the rest is for everything else. */
const pinned = (core: "server" | "others", command: ReadonlyArray<string>): ReadonlyArray<string> => {
  const cores = availableParallelism()
  if (process.platform !== "linux" || cores < 2) return command
  return ["taskset", "-c", core === "server" ? "0" : `1-${cores - 1}`, ...command]
}

interface Message {
  readonly reading?: unknown
  readonly error?: string
  readonly port?: number
  readonly source?: string
}

const next = async (child: ChildProcess): Promise<Message> => {
  const heard = new AbortController()
  const [message] = (await Promise.race([
    once(child, "message", heard),
    once(child, "exit", heard).then(() => [{ error: `${child.spawnargs.join(" ")} has ended` }])
  ])) as [Message]
  // Whichever did not come is waited for no longer.
  heard.abort()
  if (message.error !== undefined) throw new Error(message.error)
  return message
}

const launch = (
  core: "server" | "others",
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  output: "ignore" | "inherit" = "inherit"
): ChildProcess => {
  const [command = "", ...rest] = pinned(core, [process.execPath, ...args])
  return spawn(command, rest, {
    env: { ...process.env, ...env },
    stdio: ["ignore", output, "inherit", "ipc"]
  })
}

/** A port nobody listens on. */
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  return typeof address === "object" && address !== null ? address.port : 0
}

const untilReady = async (url: string, server: ChildProcess): Promise<void> => {
  for (let n = 0; n < 300; n++) {
    if (server.exitCode !== null) throw new Error("the server has ended")
    try {
      if ((await fetch(new URL("/ready", url))).ok) return
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${url} is not ready`)
}

/** A running measurement. */
export interface Processes {
  readonly source: string
  readonly callers: (request: CallersRequest) => Promise<CallersReading>
  readonly server: (request: ProbeRequest) => Promise<ProbeReading>
  readonly url: string
  readonly end: () => void
}

/** What may be set for a measurement. */
export interface ProcessesOptions {
  readonly env?: Readonly<Record<string, string>>
  /** The stand-in agrees to compress, as many servers do. */
  readonly deflate?: boolean
}

/** Starts everything for one server. */
export const start = async (name: ServerName, options: ProcessesOptions = {}): Promise<Processes> => {
  const standIn = launch("others", [here("StandIn.ts"), ...(options.deflate === true ? ["--deflate"] : [])])
  const callers = launch("others", [here("Callers.ts")])
  const children = [standIn, callers]
  const end = (): void => {
    for (const child of children) child.kill("SIGKILL")
  }
  try {
    const { source = "" } = await next(callers)
    const { port: standInPort } = await next(standIn)
    const probe = ["--expose-gc", "--import", here("Probe.ts")]
    const env = { TOGETHER_BASE_URL: `http://127.0.0.1:${standInPort}/v1`, TOGETHER_API_KEY: "key", ...options.env }
    let port: number | undefined
    let server: ChildProcess
    if (name !== "ours") {
      const own = name === "tutorial" ? [here("TutorialServer.ts")] : [here("FloorServer.ts"), name]
      server = launch("server", [...probe, ...own], env)
      children.push(server)
      port = (await next(server)).port
    } else {
      port = await freePort()
      const settings = { ...env, PORT: String(port), HOST: "127.0.0.1", MAX_CALLS: "2000", MAX_LAG_MS: "0" }
      server = launch(
        "server",
        [...probe, fileURLToPath(new URL("../../src/main.ts", import.meta.url))],
        { ...settings, MAX_PENDING_PER_ADDRESS: "2000", LOG_LEVEL: "Warn" },
        "ignore"
      )
      children.push(server)
    }
    const url = `http://127.0.0.1:${port}`
    if (name === "ours") await untilReady(url, server)
    return {
      source,
      url,
      end,
      callers: async (request) => {
        callers.send(request)
        return (await next(callers)).reading as CallersReading
      },
      server: async (request) => {
        server.send(request)
        return (await next(server)).reading as ProbeReading
      }
    }
  } catch (error) {
    end()
    throw error
  }
}
