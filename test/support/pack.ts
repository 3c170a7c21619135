/** Checks the package as its users get it: packs it, installs it into an empty project, and uses it there. Run it with Node. */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** The environment without what npm tells scripts about this package, and without any configuration of Parley. */
const environment: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^npm_(package_|lifecycle_|config_local_prefix|config_onnxruntime)|^(TOGETHER_|PORT$|LOG_)/i.test(name)
    )
  ),
  ONNXRUNTIME_NODE_INSTALL: "skip"
}

/** A stage of the library in a pipeline that is no phone call, in the types a user would write. */
const program = `
import { Effect, Stream } from "effect"
import { FRAME_BYTES, Mulaw, type Stage } from "parley"

const loudest: Stage<Int16Array, number> = Stream.map((samples) => Math.max(...samples))

const peaks: ReadonlyArray<number> = await Stream.make(new Uint8Array(FRAME_BYTES).fill(0xff), new Uint8Array([0x80])).pipe(
  Mulaw.mulawToPcm,
  loudest,
  Stream.runCollect,
  Effect.runPromise
)
console.log(JSON.stringify(peaks))
`

const run = (command: string, args: ReadonlyArray<string>, cwd: string): string =>
  execFileSync(command, args, { cwd, env: environment, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })

const check = (what: string, passed: boolean, seen: string): void => {
  if (!passed) throw new Error(`${what}: failed, saw:\n${seen}`)
  console.log(`${what}: ok`)
}

const work = mkdtempSync(join(tmpdir(), "parley-pack-"))
try {
  run("npm", ["pack", "--silent", "--pack-destination", work], root)
  const tarball = readdirSync(work).find((name) => name.endsWith(".tgz"))
  check("npm pack", tarball !== undefined, readdirSync(work).join(" "))

  const project = join(work, "project")
  mkdirSync(project)
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({
      private: true,
      type: "module",
      dependencies: { parley: `file:../${tarball}` },
      allowScripts: { "onnxruntime-node": false, protobufjs: false }
    })
  )
  run("npm", ["install", "--no-audit", "--no-fund"], project)

  writeFileSync(join(project, "program.ts"), program)
  const compiler = join(root, "node_modules", ".bin", "tsc")
  const options = ["--module", "nodenext", "--target", "es2023", "--strict", "--skipLibCheck", "--types", ""]
  run(compiler, [...options, "program.ts"], project)
  const output = run(process.execPath, ["program.js"], project).trim()
  check("a stage in a program of its own", output === "[0,32124]", output)

  const started = spawnSync("npx", ["--no-install", "parley"], {
    cwd: project,
    env: { ...environment, PROVIDER: "together" },
    encoding: "utf8"
  })
  const said = `${started.stdout}${started.stderr}`
  check("parley without a key", started.status === 1 && /^TOGETHER_API_KEY is not set/m.test(said), said)
} finally {
  rmSync(work, { recursive: true, force: true })
}
