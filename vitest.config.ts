import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    // Examples import the package by its name; they are tested against the sources.
    alias: [
      { find: /^parley$/, replacement: source("./src/index.ts") },
      { find: /^parley\/testing$/, replacement: source("./src/testing/index.ts") }
    ]
  },
  test: {
    include: ["test/**/*.test.ts", "docs/examples/**/*.test.ts"],
    pool: "forks",
    // Many tests hold calls in real time and wait for most of it: one more at a time than the default on two cores.
    maxWorkers: 2,
    // For machines that are busy; nothing waits for it.
    testTimeout: 30_000
  }
})
