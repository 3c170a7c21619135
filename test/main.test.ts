import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { startNode } from "./support/process.ts"

/** A copy of the starter in a package that has not been built. */
const unbuilt = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "parley-main-"))
    writeFileSync(join(directory, "package.json"), `{ "type": "module" }`)
    copyFileSync(fileURLToPath(new URL("../main.js", import.meta.url)), join(directory, "main.js"))
    return directory
  }),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

const pretendNode = (version: string) =>
  `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"${version}"}})`

const notBuilt = "Parley is not built yet: run `npm run build` first.\n"

describe("main.js", { timeout: 30_000 }, () => {
  it.live.each([
    ["20.20.2", true],
    ["22.18.0", true],
    ["22.19.0", false]
  ] as const)("on Node %s warns: %s, and says when the package is not built", ([version, warns]) =>
    Effect.gen(function* () {
      const directory = yield* unbuilt
      const program = yield* startNode(["--import", pretendNode(version), join(directory, "main.js")])
      const { code, stderr } = yield* program.ended
      assert.strictEqual(code, 1)
      const warning = `Parley is made for Node 22.19 or newer and may not work on this one, which is ${version}.\n`
      assert.strictEqual(stderr, warns ? warning + notBuilt : notBuilt)
    })
  )
})
