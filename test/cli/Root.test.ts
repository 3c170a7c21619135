import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Runtime } from "effect"
import { TestConsole } from "effect/testing"
import { run } from "../../src/cli/Root.ts"
import { version } from "../../src/layers/Version.ts"

/** Runs the command line; gives what it wrote and the exit code. */
const runs = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(run(args))
    const code = Exit.isSuccess(exit) ? 0 : Runtime.getErrorExitCode(Cause.squash(exit.cause))
    const out = (yield* TestConsole.logLines).map(String)
    const err = (yield* TestConsole.errorLines).map(String).flatMap((text) => text.split("\n"))
    return { code, out, err }
  }).pipe(Effect.provide(TestConsole.layer))

describe("the command line", () => {
  it.live("tells the version", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* runs(["--version"]), { code: 0, out: [`parley ${version}`], err: [] })
    })
  )

  it.live.each<readonly [args: ReadonlyArray<string>, mentions: ReadonlyArray<string>]>([
    [["--help"], ["serve", "call", "doctor", "--version"]],
    [
      ["call", "--help"],
      ["<url>", "--say", "--wav", "--barge-in", "--record", "--embedded", "--json", "EXAMPLES"]
    ],
    [["serve", "--help"], ["environment"]]
  ])("helps with %o, in lines that fit a terminal", ([args, mentions]) =>
    Effect.gen(function* () {
      const { code, err, out } = yield* runs(args)
      assert.deepStrictEqual([code, err], [0, []])
      const help = out.join("\n")
      for (const mention of mentions) assert.include(help, mention)
      assert.isAtMost(Math.max(...help.split("\n").map((line) => line.length)), 120)
    })
  )

  it.live.each<readonly [args: ReadonlyArray<string>, sentence: string, help: string]>([
    [["--bogus"], "There is no flag --bogus", "parley"],
    [["cal"], `There is no command "cal": did you mean call?`, "parley"],
    [["serve", "now"], `"now" is one argument too many`, "parley serve"],
    [["call", "--wavs", "a.wav"], "There is no flag --wavs: did you mean --wav?", "parley call"],
    [["call", "http://a", "http://b"], `"http://b" is one argument too many`, "parley call"],
    [["call", "--barge-in", "8"], `--barge-in is "8": expected a duration such as 800ms, 1.5s or 2m`, "parley call"],
    [
      ["call", "--timeout", "soon"],
      `--timeout is "soon": expected a duration such as 800ms, 1.5s or 2m, and 100ms at least`,
      "parley call"
    ],
    [["call", "--say"], "--say has no value: expected text", "parley call"],
    [["call", "--say", ""], "--say has no value: expected words", "parley call"],
    [
      ["loadtest", "--embedded", "--provider", "nobody"],
      `--provider is "nobody": expected one of stand-in, sandbox, together`,
      "parley loadtest"
    ],
    [["call", "--record", "a", "--record", "b"], `--record is "2 occurrences": expected at most 1 value`, "parley call"]
  ])("says in a sentence what is wrong with %o", ([args, sentence, help]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* runs(args), { code: 1, out: [], err: [sentence, `See \`${help} --help\`.`] })
    })
  )

  it.live.each<readonly [args: ReadonlyArray<string>, sentence: string]>([
    [
      ["call", "localhost:3001"],
      `"localhost:3001" cannot be called: expected an http, https, ws or wss URL such as http://127.0.0.1:3001`
    ],
    [
      ["call", "http://127.0.0.1:9", "--embedded"],
      "--embedded brings a server of its own: expected no URL beside it, found http://127.0.0.1:9"
    ],
    [["call", "--wav", "/nowhere/a.wav"], "/nowhere/a.wav cannot be said: there is no such file"],
    [
      ["call", "--wav", import.meta.filename],
      `${import.meta.filename} cannot be said: found no RIFF/WAVE header, expected one at the start`
    ],
    [["doctor", "--request", "/nowhere/request.txt"], "/nowhere/request.txt cannot be read: there is no such file"],
    [["doctor", "--request", "/"], "/ cannot be read: it is no file that can be read"],
    [["call", "--record", "/nowhere/a.wav"], "/nowhere/a.wav cannot be recorded to: there is no such directory"],
    [["call", "--record", "/"], "/ cannot be recorded to: it is a directory"],
    [
      ["call", "--barge-in", "1s", "--barge-in", "1s", "--say", "a"],
      "--barge-in is there twice in a row: expected --say or --wav after each, which is what interrupts"
    ]
  ])("does not call with %o, and says why", ([args, sentence]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* runs(args), { code: 1, out: [], err: [sentence] })
    })
  )
})
