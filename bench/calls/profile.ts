/** Reads a CPU profile or a sampled heap: where the time, or the memory, went, by function and by file. `node bench/calls/profile.ts FILE [rows]` */
import { readFileSync } from "node:fs"

interface Frame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly callFrame: Frame
    readonly children?: ReadonlyArray<number>
  }>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

interface HeapNode {
  readonly callFrame: Frame
  readonly selfSize: number
  readonly children: ReadonlyArray<HeapNode>
}

const [file = "", rows = "40"] = process.argv.slice(2)
const profile = JSON.parse(readFileSync(file, "utf8")) as CpuProfile | { readonly head: HeapNode }

const byFunction = new Map<string, number>()
const byFile = new Map<string, number>()
const withCallees = new Map<string, number>()
let all = 0

const short = (url: string): string => url.replace(/^file:\/\//, "").replace(/^.*\/(node_modules|src|bench)\//, "$1/")

const nameOf = ({ functionName, lineNumber, url }: Frame): string =>
  `${functionName || "(anonymous)"} ${short(url) || "native"}:${lineNumber + 1}`

const count = (frame: Frame, amount: number): void => {
  all += amount
  const where = short(frame.url) || "native"
  const name = nameOf(frame)
  byFunction.set(name, (byFunction.get(name) ?? 0) + amount)
  byFile.set(where, (byFile.get(where) ?? 0) + amount)
}

if ("head" in profile) {
  const walk = (node: HeapNode): void => {
    count(node.callFrame, node.selfSize)
    node.children.forEach(walk)
  }
  walk(profile.head)
} else {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]))
  const parents = new Map(
    profile.nodes.flatMap(({ children = [], id }) => children.map((child) => [child, id] as const))
  )
  for (const [n, id] of profile.samples.entries()) {
    const frame = frames.get(id)
    if (frame !== undefined && frame.functionName !== "(idle)") {
      const amount = profile.timeDeltas[n] ?? 0
      count(frame, amount)
      const stack = new Set<string>()
      for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
        const callee = frames.get(at)
        if (callee !== undefined) stack.add(nameOf(callee))
      }
      for (const name of stack) withCallees.set(name, (withCallees.get(name) ?? 0) + amount)
    }
  }
}

const print = (title: string, amounts: ReadonlyMap<string, number>): void => {
  console.log(`\n${title}`)
  for (const [name, amount] of [...amounts].sort(([, a], [, b]) => b - a).slice(0, Number(rows))) {
    console.log(`${((100 * amount) / all).toFixed(1).padStart(6)} %  ${name}`)
  }
}

console.log("head" in profile ? `${(all / 2 ** 20).toFixed(1)} MiB allocated` : `${(all / 1e6).toFixed(2)} s busy`)
print("by function", byFunction)
print("by file", byFile)
if (withCallees.size > 0) print("with everything called from it", withCallees)
