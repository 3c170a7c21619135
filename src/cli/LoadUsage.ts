/** What a process of this machine uses, by its id or by the port it listens on. Linux only: elsewhere nothing is known. */
import { Effect, Option } from "effect"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"

/** What a process, with those it has started, has used until now. */
export interface Usage {
  readonly cpuMs: number
  readonly rssBytes: number
  /** Memory that is really in use, where that can be known: the rest is waiting to be collected. */
  readonly heldBytes: number | undefined
}

/** Length of the kernel's unit of processor time, in milliseconds: 100 a second on every common system. */
const TICK_MS = 10

/** State of a socket that listens, in `/proc/net/tcp`. */
const LISTENS = "0A"

const numbersIn = (text: string): ReadonlyArray<number> => text.trim().split(/\s+/).map(Number)

/** Processor time and resident memory in the texts of `/proc/<pid>/stat` and `status`. */
export const readUsage = (stat: string, status: string): Usage => {
  // The name, in parentheses, may have anything in it.
  const [, , , , , , , , , , , user = 0, system = 0] = numbersIn(stat.slice(stat.lastIndexOf(")") + 1))
  const rss = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]
  return { cpuMs: (user + system) * TICK_MS, rssBytes: Number(rss ?? 0) * 1024, heldBytes: undefined }
}

/** The inodes of the sockets that listen on a port, in the text of `/proc/net/tcp` or `tcp6`. */
export const listenersIn = (table: string, port: number): ReadonlyArray<string> => {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/)
    return local.endsWith(suffix) && state === LISTENS && inode !== undefined ? [inode] : []
  })
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

const list = (path: string): ReadonlyArray<string> => {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

const target = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return ""
  }
}

const childrenOf = (pid: number): ReadonlyArray<number> =>
  list(`/proc/${pid}/task`).flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`)
      .split(" ")
      .filter((child) => child.trim() !== "")
      .map(Number)
  )

const familyOf = (pid: number): ReadonlyArray<number> => [pid, ...childrenOf(pid).flatMap(familyOf)]

/** Whether a process has started others. */
export const hasChildren = (pid: number): Effect.Effect<boolean> => Effect.sync(() => childrenOf(pid).length > 0)

/** What the process and all that it has started have used; none if there is no such process, or it cannot be seen. */
export const usageOf = (pid: number): Effect.Effect<Option.Option<Usage>> =>
  Effect.sync(() => {
    const usages = familyOf(pid).flatMap((member) => {
      const stat = read(`/proc/${member}/stat`)
      return stat === "" ? [] : [readUsage(stat, read(`/proc/${member}/status`))]
    })
    if (usages.length === 0) return Option.none()
    return Option.some({
      cpuMs: usages.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
      rssBytes: usages.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
      heldBytes: undefined
    })
  })

/** The process that listens on a port of this machine: of several, the one that has started the others. */
export const listenerOn = (port: number): Effect.Effect<Option.Option<number>> =>
  Effect.sync(() => {
    const inodes = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => listenersIn(read(table), port))
    const sockets = new Set(inodes.map((inode) => `socket:[${inode}]`))
    if (sockets.size === 0) return Option.none()
    const pids = list("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => list(`/proc/${pid}/fd`).some((fd) => sockets.has(target(`/proc/${pid}/fd/${fd}`))))
      .map(Number)
    return Option.fromUndefinedOr(pids.sort((a, b) => a - b)[0])
  })
