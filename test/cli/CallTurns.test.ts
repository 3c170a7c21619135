import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  DEFAULT_INTERRUPTION,
  DEFAULT_QUESTION,
  flagOrder,
  type TurnFlags,
  type TurnRequest,
  turnsOf
} from "../../src/cli/CallTurns.ts"

const say = (text: string, bargeInMs?: number): TurnRequest => ({ source: { _tag: "Say", text }, bargeInMs })
const wav = (path: string, bargeInMs?: number): TurnRequest => ({ source: { _tag: "Wav", path }, bargeInMs })

const none: TurnFlags = { say: [], wav: [], "barge-in": [] }

describe("flagOrder", () => {
  it.each<readonly [ReadonlyArray<string>, ReadonlyArray<string>]>([
    [
      ["call", "--wav", "a", "--say", "b", "--wav", "c"],
      ["wav", "say", "wav"]
    ],
    [
      ["--say=a", "http://x", "--barge-in=1s", "--wav=b"],
      ["say", "barge-in", "wav"]
    ],
    [["--sayings", "--wave=1", "-say", "say", "--json"], []],
    [["--from=--say", "--say", "say"], ["say"]],
    [["--say", "a", "--", "--wav", "b"], ["say"]]
  ])("finds in %o the flags %o", (args, order) => {
    assert.deepStrictEqual(flagOrder(args), order)
  })
})

describe("turnsOf", () => {
  it.each<readonly [name: string, args: string, flags: Partial<TurnFlags>, turns: ReadonlyArray<TurnRequest>]>([
    ["a question if nothing is asked for", "call", {}, [say(DEFAULT_QUESTION)]],
    [
      "the turns in the order they are given",
      "--wav --say --wav",
      { say: ["b"], wav: ["a", "c"] },
      [wav("a"), say("b"), wav("c")]
    ],
    [
      "an interruption of the turn after it",
      "--say --barge-in --wav",
      { say: ["a"], wav: ["b"], "barge-in": [800] },
      [say("a"), wav("b", 800)]
    ],
    [
      "an interruption of the greeting",
      "--barge-in --say --say",
      { say: ["a", "b"], "barge-in": [0] },
      [say("a", 0), say("b")]
    ],
    [
      "some words if nothing is there to interrupt with",
      "--say --barge-in",
      { say: ["a"], "barge-in": [800] },
      [say("a"), say(DEFAULT_INTERRUPTION, 800)]
    ],
    ["the question as an interruption", "--barge-in", { "barge-in": [800] }, [say(DEFAULT_QUESTION, 800)]],
    [
      "each interruption for its own turn",
      "--barge-in --say --barge-in --say",
      { say: ["a", "b"], "barge-in": [1, 2] },
      [say("a", 1), say("b", 2)]
    ]
  ])("gives %s", (_, args, flags, turns) => {
    assert.deepStrictEqual(turnsOf(args.split(" "), { ...none, ...flags }), Result.succeed(turns))
  })

  it("refuses two interruptions in a row", () => {
    const flags = { ...none, say: ["a"], "barge-in": [1, 2] }
    assert.deepStrictEqual(
      turnsOf(["--barge-in", "1ms", "--barge-in", "2ms", "--say", "a"], flags),
      Result.fail("--barge-in is there twice in a row: expected --say or --wav after each, which is what interrupts")
    )
  })
})
