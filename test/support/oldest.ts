/** Tries the program under the oldest Node that the package supports: installs it into an empty project, and has `OlderNode.test.ts` use it. Run it with Node. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const manifest: { readonly engines: { readonly node: string } } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8")
)
const oldest = /^>=(\d+)\.(\d+)$/.exec(manifest.engines.node)
if (oldest === null) throw new Error(`engines.node is ${manifest.engines.node}: expected >= and a version`)

const project = mkdtempSync(join(tmpdir(), "parley-oldest-"))
try {
  // The package's install script brings the program.
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, allowScripts: { node: true } }))
  const version = `node@${oldest[1]}.${oldest[2]}.0`
  execFileSync("npm", ["install", "--no-audit", "--no-fund", version], { cwd: project, stdio: "inherit" })
  execFileSync("npx", ["vitest", "run", "test/OlderNode.test.ts"], {
    cwd: root,
    env: { ...process.env, OTHER_NODE: join(project, "node_modules", "node", "bin", "node") },
    stdio: "inherit"
  })
} finally {
  rmSync(project, { recursive: true })
}
