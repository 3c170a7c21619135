/** The command as a process of its own, against servers on real sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type CallSummary } from "../../src/cli/CallSummary.ts"
import { decodeWav } from "../../src/streams/Wav.ts"
import { audibleStretches } from "../../src/testing/Timeline.ts"
import { startParley } from "../support/Parley.ts"
import { startNode } from "../support/process.ts"
import { mutteringAgent, nobody, speech } from "./Targets.ts"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

/** Runs `call` to its end, away from any configuration. */
const call = (...args: ReadonlyArray<string>) =>
  Effect.flatMap(startNode([main, "call", ...args]), ({ ended }) => ended)

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "parley-call-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

// Side by side: calls last as long as what is said in them.
describe("call", { timeout: 120_000, concurrent: true }, () => {
  it.live("holds a conversation with the server, interrupts it, records it, and says how long it took", () =>
    Effect.gen(function* () {
      const parley = yield* startParley({
        // The recorded words have breaks in them; they are to reach recognition in one piece here.
        turns: { commitPauseMs: 450 },
        stt: { words: ["Yes.", "Wait, stop."], latency: "60 millis" },
        tts: { firstAudio: "80 millis" },
        chat: {
          replies: ({ number }) => ({
            // The first one is long enough to be interrupted by a machine that has much else to do.
            text: number === 0 ? "We open at nine in the morning. ".repeat(15) : "Sorry, go ahead.",
            pace: { firstToken: "100 millis", tokensPerSecond: 100 }
          })
        }
      })
      const path = join(yield* directory, "call.wav")
      const turns = ["--wav", speech("yes"), "--barge-in", "800ms", "--wav", speech("stop")]
      const { code, stderr, stdout } = yield* call(parley.url.href, ...turns, "--record", path, "--timeout", "20s")

      assert.strictEqual(code, 0, stderr)
      assert.match(stdout, /^Call to http:\/\/127\.0\.0\.1:\d+\/twiml, [\d.]+ s, caller hung up\n/)
      assert.match(stdout, /^ {2}greeting, from the start +\d+ ms$/m)
      assert.match(stdout, /^ {2}1 {2}yes\.wav +\d+ ms$/m)
      assert.match(stdout, /^ {2}2 {2}stop\.wav +\d+ ms +\d+ ms$/m)
      assert.isTrue(stdout.endsWith(`Recorded to ${path}: caller on the left channel, agent on the right\n`))
      assert.match(
        stderr,
        /^Calling http:\/\/127.*\/twiml\n.*waiting for the greeting\n.*agent speaks\n.*caller: yes\.wav\n/
      )
      assert.notInclude(stdout + stderr, "\u001b")

      // What was measured is in the recording: both turns on the one side, three times the agent on the other.
      const { channels, sampleRate } = Result.getOrThrow(decodeWav(readFileSync(path)))
      assert.deepStrictEqual([channels.length, sampleRate], [2, 8000])
      const [caller = new Int16Array(0), agent = new Int16Array(0)] = channels
      assert.strictEqual(audibleStretches(caller, 800).length, 2)
      assert.isAtLeast(audibleStretches(agent, 800).length, 3)
      const requests = yield* parley.chat.requests
      assert.strictEqual(requests.at(-1)?.body.messages.at(-1)?.content, "Wait, stop.")
    })
  )

  it.live("brings a server of its own where there is none, and stops it", () =>
    Effect.gen(function* () {
      const turns = ["--barge-in", "500ms", "--wav", speech("stop")]
      const { code, stderr, stdout } = yield* call("--embedded", "--json", ...turns)
      assert.strictEqual(code, 0, stderr)
      assert.include(stderr, "Calling the sandbox at http://127.0.0.1:")
      const summary: CallSummary = JSON.parse(stdout)
      assert.isTrue(summary.answered)
      assert.isFalse(
        summary.notes.some((note) => note.includes("fail")),
        summary.notes.join("\n")
      )
      assert.approximately(summary.turns[0]?.bargeIn?.afterMs ?? 0, 500, 20)
      assert.isAbove(summary.turns[0]?.voiceToVoiceMs ?? 0, 0)
      const [greeting, caller, answer] = summary.transcript ?? []
      assert.deepStrictEqual([greeting?.by, caller?.by, answer?.by], ["agent", "caller", "agent"])
      assert.notStrictEqual(greeting?.unheard, "")
      assert.include(answer?.text, "interrupted")
    })
  )

  it.live("ends at once when it is told to, without a word", () =>
    Effect.gen(function* () {
      const { called, url } = yield* mutteringAgent
      const { ended, signal } = yield* startNode([main, "call", url, "--wav", speech("yes")])
      yield* called
      yield* signal("SIGINT")
      const { code, stderr, stdout } = yield* ended
      assert.strictEqual(code, 130)
      assert.strictEqual(stdout, "")
      assert.notMatch(stderr, /error|interrupt/i)
    })
  )

  it.live("says in a sentence why there is no call", () =>
    Effect.gen(function* () {
      const url = yield* nobody
      const { code, stderr, stdout } = yield* call(url, "--wav", speech("yes"))
      const sentence = `${url}/twiml cannot be called: nothing listens there; start a server there, or let the call bring its own with --embedded`
      assert.deepStrictEqual([code, stdout, stderr], [1, "", `Calling ${url}/twiml\n${sentence}\n`])
    })
  )
})
