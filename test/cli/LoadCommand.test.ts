/** The command as a process of its own: a small load on real sockets, and what it says to those who ask for something else. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { type LoadSummary } from "../../src/cli/LoadSummary.ts"
import { startNode } from "../support/process.ts"
import { nobody, speech, webhook } from "./Targets.ts"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

/** Runs `loadtest` to its end, away from any configuration. */
const loadtest = (...args: ReadonlyArray<string>) =>
  Effect.flatMap(startNode([main, "loadtest", ...args]), ({ ended }) => ended)

describe("loadtest", { timeout: 120_000, concurrent: true }, () => {
  it.live("places calls on a server of its own, and measures them", () =>
    Effect.gen(function* () {
      const load = ["--embedded", "--calls", "3", "--ramp", "300ms", "--duration", "9s", "--callers", "2"]
      const speaking = ["--wav", speech("question"), "--barge-in", "0.5"]
      const { code, stderr, stdout } = yield* loadtest(...load, ...speaking, "--json")
      assert.strictEqual(code, 0, stderr)
      const summary: LoadSummary = JSON.parse(stdout)
      assert.deepStrictEqual([summary.placed, summary.answered, summary.failed], [3, 3, 0])
      assert.isAbove(summary.turns.answered, 0)
      assert.strictEqual(summary.turns.unanswered, 0)
      // The provider alone takes 520 ms from the caller's last sound, of which some is saved by asking ahead.
      assert.isAbove(summary.voiceToVoice?.p50 ?? 0, 300)
      assert.isAbove(summary.bargeIn?.count ?? 0, 0)
      assert.isAbove(summary.audio.messages, 50)
      assert.isAbove(summary.server?.cpuMsPerCallSecond ?? 0, 0)
      assert.strictEqual(summary.server?.memory, "in use")
      assert.strictEqual(summary.callers.processes, 2)
      assert.isAbove(summary.callers.frames, 3 * 50 * 8)
      assert.include(stderr, "Starting a server\nWarming up with one call\n")
      assert.include(stderr, "Calling a server of its own with a stand-in provider\n")
    })
  )

  it.live("says why calls failed, and fails", () =>
    Effect.gen(function* () {
      const busy = yield* webhook("<Response><Say>Busy.</Say></Response>", "text/xml")
      const { code, stderr, stdout } = yield* loadtest(
        "--url",
        busy,
        "--calls",
        "2",
        "--ramp",
        "0ms",
        "--wav",
        speech("yes")
      )
      assert.strictEqual(code, 1)
      assert.match(stdout, /^ {2}failed +2\n {4}turned away: the call document has no media stream +2$/m)
      assert.isTrue(stderr.endsWith("2 calls of 2 failed.\n"), stderr)

      const url = yield* nobody
      const none = yield* loadtest("--url", url, "--calls", "1", "--wav", speech("yes"))
      assert.strictEqual(none.code, 1)
      assert.include(none.stdout, `${url}/twiml cannot be called: nothing listens there`)
    })
  )

  it.live.each<readonly [ReadonlyArray<string>, string]>([
    [["--calls", "0"], '--calls is "0": expected a whole number from 1 to 5000'],
    [["--calls", "many"], '--calls is "many": expected a whole number from 1 to 5000'],
    [["--duration", "25000m"], '--duration is "25000m": expected a duration such as 800ms, 1.5s or 2m, up to 1440m'],
    [["--barge-in", "10%"], '--barge-in is "10%": expected a share from 0 to 1, such as 0.1'],
    [["--provider", "sandbox"], "--provider is for the server that --embedded brings: expected --embedded beside it"],
    [["--embedded", "--pid", "1"], "--embedded brings a server of its own: expected no --pid beside it"],
    [
      ["--embedded", "--url", "http://x"],
      "--embedded brings a server of its own: expected no --url beside it, found http://x"
    ],
    [
      ["--url", "nowhere"],
      '"nowhere" cannot be called: expected an http, https, ws or wss URL such as http://127.0.0.1:3001'
    ],
    [["--wav", "/nothing.wav"], "/nothing.wav cannot be said: there is no such file"],
    [["--cals", "3"], "There is no flag --cals: did you mean --calls"]
  ])("%j is refused in a sentence", ([args, sentence]) =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* loadtest(...args)
      assert.strictEqual(code, 1)
      assert.strictEqual(stdout, "")
      assert.strictEqual(stderr.split("\n")[0]?.startsWith(sentence), true, stderr)
    })
  )
})
