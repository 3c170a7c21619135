/**
 * The built program under another Node than the one of the tests: the machine's own, which is what `node main` takes, and
 * the one that `OTHER_NODE` names, which `npm run test:oldest` sets to the oldest that the package supports.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { execFileSync } from "node:child_process"
import { copyFileSync, existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type CallSummary } from "../src/cli/CallSummary.ts"
import { chatEmulator } from "../src/testing/ChatEmulator.ts"
import { serveEmulator } from "../src/testing/EmulatorServer.ts"
import { sttEmulator } from "../src/testing/SttEmulator.ts"
import { ttsEmulator } from "../src/testing/TtsEmulator.ts"
import { freePort } from "./support/httpServer.ts"
import { startNode } from "./support/process.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

/** The machine's own, outside of any package, and the one that is named. */
const others = ((): ReadonlyArray<readonly [version: string, path: string]> => {
  const ofMachine = (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((directory) => join(directory, "node"))
    .find((path) => existsSync(path) && !realpathSync(path).includes("node_modules"))
  const versions = [ofMachine, process.env["OTHER_NODE"]].flatMap((path) =>
    path === undefined ? [] : [[execFileSync(path, ["--version"], { encoding: "utf8" }).trim(), path] as const]
  )
  return [...new Map(versions)].filter(([version]) => version !== process.version)
})()

/** The package as it is now, built into a directory of its own: older versions of Node read no TypeScript. */
const built = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "parley-older-"))
    for (const name of ["main.js", "package.json"]) copyFileSync(join(root, name), join(directory, name))
    for (const name of ["models", "web", "node_modules"]) symlinkSync(join(root, name), join(directory, name))
    const compiler = join(root, "node_modules", ".bin", "tsc")
    execFileSync(compiler, ["-p", "tsconfig.build.json", "--noCheck", "--outDir", join(directory, "dist")], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"]
    })
    return join(directory, "main.js")
  }),
  (main) => Effect.sync(() => rmSync(join(main, ".."), { recursive: true }))
)

/** Asked as whoever watches over a server asks: again, when no answer came in time. */
const isReady = (origin: string): Effect.Effect<void> =>
  Effect.tryPromise((signal) => fetch(`${origin}/ready`, { signal })).pipe(
    Effect.timeout("1 second"),
    Effect.filterOrFail(({ status }) => status === 200),
    Effect.retry(Schedule.spaced("50 millis")),
    Effect.asVoid,
    Effect.orDie
  )

describe("the program under another Node", { timeout: 60_000 }, () => {
  it("is there to be tried", ({ skip }) => {
    skip(others.length === 0, "PATH has no Node outside of a package but the tests' own, and OTHER_NODE is not set")
  })

  it.live.each(others)("%s: starts, is ready, and has a conversation with its own caller", ([version, node]) =>
    Effect.gen(function* () {
      const main = yield* built
      const chat = yield* chatEmulator({ replies: [{ text: "We open at nine.", pace: { firstToken: "1 second" } }] })
      const stt = yield* sttEmulator({ words: ["Yes."], latency: "60 millis" })
      const tts = yield* ttsEmulator({ firstAudio: "80 millis" })
      const together = yield* serveEmulator(Layer.mergeAll(chat.routes, stt.routes, tts.routes))
      const port = yield* freePort
      const origin = `http://127.0.0.1:${port}`
      const env = {
        HOST: "127.0.0.1",
        PORT: String(port),
        MAX_LAG_MS: "0",
        // The greeting is long: what the caller says ends it.
        BARGE_IN_GREETING: "0.5,2,200",
        TOGETHER_API_KEY: "key",
        TOGETHER_BASE_URL: new URL("/v1", together).href
      }
      const server = yield* startNode([main], env, node)
      const early = Effect.flatMap(server.ended, ({ stderr, stdout }) =>
        Effect.die(new Error(`Node ${version} ended: ${stdout}${stderr}`))
      )
      yield* Effect.raceFirst(isReady(origin), early)

      const words = fileURLToPath(new URL("fixtures/speech/yes.wav", import.meta.url))
      const turn = ["--barge-in", "500ms", "--wav", words]
      const caller = yield* startNode([main, "call", origin, "--json", ...turn, "--timeout", "20s"], {}, node)
      const call = yield* caller.ended
      assert.strictEqual(call.code, 0, call.stderr)
      const summary: CallSummary = JSON.parse(call.stdout)
      assert.isTrue(summary.answered)
      const answered = summary.transcript?.some(({ by, text }) => by === "agent" && text === "We open at nine.")
      assert.isTrue(answered, call.stdout)
      const [request] = yield* chat.requests
      assert.strictEqual(request?.body.messages.at(-1)?.content, "Yes.")

      yield* server.signal("SIGTERM")
      const { code, stderr, stdout } = yield* server.ended
      assert.strictEqual(code, 0, stderr)
      const errors = stdout.split("\n").filter((line) => /"level":"(ERROR|FATAL)"/.test(line))
      assert.deepStrictEqual(errors, [])
    })
  )
})
