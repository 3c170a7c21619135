/** Loaded into a server that is measured, before its program: says what the process has used when it is asked, and ends it with the one who asks. */
import { type AgentNews, type AgentQuestion } from "./LoadNews.ts"

const used = ({ collect }: AgentQuestion): AgentNews => {
  // Before: collecting is none of what calls cost.
  const { system, user } = process.cpuUsage()
  if (collect) globalThis.gc?.()
  const { arrayBuffers, external, heapUsed, rss } = process.memoryUsage()
  return { cpuMs: (user + system) / 1000, rssBytes: rss, heldBytes: heapUsed + Math.max(external, arrayBuffers) }
}

process.on("disconnect", () => process.exit())
process.on("message", (message: { readonly _tag?: string }) => {
  // Processes that the server has started have this agent too, and are told other things.
  if (message._tag === "Usage") process.send?.(used(message as AgentQuestion))
})
