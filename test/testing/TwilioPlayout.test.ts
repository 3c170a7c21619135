import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import {
  initial,
  nextMarkMs,
  type PlayoutInput,
  type PlayoutOptions,
  type PlayoutOutput,
  type PlayoutState,
  step
} from "../../src/testing/TwilioPlayout.ts"

const media = (atMs: number, ms: number, value = 0x55): PlayoutInput => ({
  _tag: "Received",
  atMs,
  frame: { _tag: "Media", bytes: new Uint8Array(ms * 8).fill(value) }
})
const mark = (atMs: number, name: string): PlayoutInput => ({
  _tag: "Received",
  atMs,
  frame: { _tag: "Mark", name }
})
const clear = (atMs: number): PlayoutInput => ({ _tag: "Received", atMs, frame: { _tag: "Clear" } })
const tick = (atMs: number): PlayoutInput => ({ _tag: "Tick", atMs })

const run = (
  inputs: ReadonlyArray<PlayoutInput>,
  options: PlayoutOptions = {}
): readonly [PlayoutState, ReadonlyArray<PlayoutOutput>] => {
  let state = initial
  const outputs: Array<PlayoutOutput> = []
  for (const input of inputs) {
    const [next, more] = step(state, input, options)
    state = next
    outputs.push(...more)
  }
  return [state, outputs]
}

/** Outputs in one line each: what was heard as stretches from–to, in milliseconds. */
const told = (outputs: ReadonlyArray<PlayoutOutput>): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let from = 0
  let until = -1
  const endStretch = (): void => {
    if (until >= 0) lines.push(`heard ${from}-${until}`)
    until = -1
  }
  for (const output of outputs) {
    if (output._tag === "Played") {
      if (output.atMs !== until) {
        endStretch()
        from = output.atMs
      }
      until = output.atMs + output.bytes.length / 8
      continue
    }
    endStretch()
    if (output._tag === "MarkReturned") lines.push(`${output.atMs} mark ${output.name} ${output.reason}`)
    if (output._tag === "Cleared") lines.push(`${output.atMs} cleared ${output.flushedBytes}`)
    if (output._tag === "Underrun") lines.push(`${output.atMs} dry for ${output.durationMs} in ${output.reply}`)
    if (output._tag === "Violated") lines.push(`${output.atMs} ${output.violation.kind}`)
  }
  endStretch()
  return lines
}

describe("TwilioPlayout", () => {
  it.each<readonly [string, ReadonlyArray<PlayoutInput>, ReadonlyArray<string>]>([
    [
      "plays media in order, whenever it came",
      [media(10, 20), media(12, 20), media(13, 20), tick(1000)],
      ["heard 10-70"]
    ],
    ["plays nothing that is not due", [media(0, 1000), tick(15)], ["heard 0-15"]],
    [
      "returns a mark when what was queued before it was played",
      [media(0, 40), mark(1, "a"), media(2, 20), mark(3, "b"), tick(100)],
      ["heard 0-40", "40 mark a played", "heard 40-60", "60 mark b played"]
    ],
    [
      "returns marks at once when nothing is queued",
      [mark(5, "a"), mark(5, "b"), media(10, 20), tick(40), mark(41, "c")],
      ["5 mark a empty", "5 mark b empty", "heard 10-30", "41 mark c empty"]
    ],
    [
      "returns a mark that comes the moment the queue runs dry",
      [media(0, 20), mark(20, "a")],
      ["heard 0-20", "20 mark a empty"]
    ],
    [
      "returns all pending marks right after a clear has emptied the queue",
      [media(0, 100), mark(0, "a"), media(0, 100), mark(0, "b"), clear(30), tick(500)],
      ["heard 0-30", "30 cleared 1360", "30 mark a cleared", "30 mark b cleared"]
    ],
    [
      "clears only what is left after a mark was played",
      [media(0, 20), mark(0, "a"), media(0, 20), mark(0, "b"), clear(25)],
      ["heard 0-20", "20 mark a played", "heard 20-25", "25 cleared 120", "25 mark b cleared"]
    ],
    ["clears an empty queue", [clear(7)], ["7 cleared 0"]],
    [
      "goes on after a clear with what comes then",
      [media(0, 100), clear(10), media(12, 20), tick(100)],
      ["heard 0-10", "10 cleared 720", "heard 12-32"]
    ],
    [
      "refuses frames that break the rules and goes on",
      [
        media(0, 20),
        { _tag: "Received", atMs: 5, frame: { _tag: "Violation", kind: "NotJson", detail: "" } },
        tick(30)
      ],
      ["heard 0-5", "5 NotJson", "heard 5-20"]
    ]
  ])("%s", (_, inputs, expected) => {
    assert.deepStrictEqual(told(run(inputs)[1]), expected)
  })

  it("tells of marks to come", () => {
    const [state] = run([media(0, 40), mark(0, "a"), media(0, 20), mark(0, "b")])
    assert.strictEqual(nextMarkMs(state), 40)
    assert.strictEqual(nextMarkMs(step(state, tick(41))[0]), 60)
    assert.strictEqual(nextMarkMs(step(state, tick(60))[0]), undefined)
  })

  it("is exact to the sample for audio of any length", () => {
    const bytes = new Uint8Array(101)
    const [state, outputs] = run([{ _tag: "Received", atMs: 3, frame: { _tag: "Media", bytes } }, mark(3, "a")])
    assert.deepStrictEqual(outputs, [])
    assert.strictEqual(nextMarkMs(state), 15.625)
    assert.deepStrictEqual(told(step(state, tick(15.5))[1]), ["heard 3-15.5"])
    assert.deepStrictEqual(told(step(state, tick(15.625))[1]), ["heard 3-15.625", "15.625 mark a played"])
  })

  it("hears the bytes that were sent", () => {
    const [, outputs] = run([media(0, 2, 1), media(0, 3, 2), tick(1), tick(4), tick(9)])
    const bytes = outputs.flatMap((output) => (output._tag === "Played" ? Array.from(output.bytes) : []))
    assert.deepStrictEqual(bytes, [...Array(16).fill(1), ...Array(24).fill(2)])
  })

  it("lets no time pass when time goes backwards", () => {
    const [state, outputs] = run([tick(100), media(50, 20), tick(90)])
    assert.strictEqual(state.atSample, 800)
    assert.deepStrictEqual(outputs, [])
    assert.deepStrictEqual(told(step(state, tick(120))[1]), ["heard 100-120"])
  })

  it("counts ragged frames, and takes audio without a single byte for none", () => {
    const frames = [160, 320, 100, 161, 0].map((length): PlayoutInput => ({
      _tag: "Received",
      atMs: 0,
      frame: { _tag: "Media", bytes: new Uint8Array(length) }
    }))
    const [state] = run(frames)
    assert.strictEqual(state.totals.raggedFrames, 2)
    assert.strictEqual(state.totals.receivedBytes, 741)
    assert.strictEqual(state.reply, 1)
  })
})

describe("TwilioPlayout, underruns", () => {
  it.each<readonly [string, ReadonlyArray<PlayoutInput>, PlayoutOptions, ReadonlyArray<string>]>([
    ["are dry stretches inside a reply", [mark(0, "x"), media(0, 20), media(50, 20)], {}, ["20 dry for 30 in 1"]],
    ["are not where audio joins on", [media(0, 20), media(20, 20)], {}, []],
    ["are not between replies", [media(0, 20), mark(0, "end"), media(50, 20)], {}, []],
    ["are not before a mark that comes late", [media(0, 20), mark(40, "end"), media(50, 20)], {}, []],
    ["are not after a clear", [mark(0, "x"), media(0, 20), clear(30), media(50, 20)], {}, []],
    [
      "are found behind marks that do not end a reply",
      [media(0, 20), mark(0, "1:0"), media(50, 20), mark(50, "1:end"), media(90, 20)],
      { endsReply: (name) => name.endsWith(":end") },
      ["20 dry for 30 in 1"]
    ],
    ["may last long once marks were sent", [mark(0, "x"), media(0, 20), media(9020, 20)], {}, ["20 dry for 9000 in 1"]],
    [
      "end with a reply when no mark was ever sent",
      [media(0, 20), media(2019, 20), media(4039, 20)],
      {},
      ["20 dry for 1999 in 1"]
    ],
    ["end where it is said they do", [media(0, 20), media(70, 20)], { replyGapMs: 50 }, []]
  ])("%s", (_, inputs, options, expected) => {
    const [state, outputs] = run(inputs, options)
    const underruns = outputs.filter((output) => output._tag === "Underrun")
    assert.deepStrictEqual(told(underruns), expected)
    assert.strictEqual(state.totals.underruns, expected.length)
    assert.strictEqual(
      state.totals.underrunMs,
      underruns.reduce((sum, { durationMs }) => sum + durationMs, 0)
    )
  })

  it("number replies by their first media", () => {
    const [, outputs] = run([
      media(0, 20),
      mark(0, "a"),
      media(0, 20),
      media(0, 20),
      clear(50),
      media(60, 20),
      tick(99)
    ])
    const replies = outputs.flatMap((output) => (output._tag === "Played" ? [output.reply] : []))
    assert.deepStrictEqual(replies, [1, 2, 2, 3])
  })
})

describe("TwilioPlayout, whatever is sent", () => {
  const events = Arbitrary.array(
    Arbitrary.schema(
      Schema.Struct({
        afterMs: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 })),
        kind: Schema.Literals(["media", "media", "media", "mark", "mark", "clear", "tick"]),
        bytes: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 700 }))
      })
    ),
    { maxLength: 40 }
  )
  const inputsOf = (list: typeof events extends Arbitrary.Arbitrary<infer A> ? A : never): Array<PlayoutInput> => {
    let atMs = 0
    return list.map(({ afterMs, bytes, kind }, index): PlayoutInput => {
      atMs += afterMs
      switch (kind) {
        case "media":
          return {
            _tag: "Received",
            atMs,
            frame: { _tag: "Media", bytes: Uint8Array.from({ length: bytes }, (_, i) => (index * 31 + i) % 256) }
          }
        case "mark":
          return mark(atMs, String(index))
        case "clear":
          return clear(atMs)
        case "tick":
          return tick(atMs)
      }
    })
  }
  const end = (inputs: ReadonlyArray<PlayoutInput>): PlayoutInput => tick((inputs.at(-1)?.atMs ?? 0) + 10_000)
  const marks = (outputs: ReadonlyArray<PlayoutOutput>) => outputs.filter((output) => output._tag === "MarkReturned")

  it.prop("every mark goes back once, in the order they came", [events], ([list]) => {
    const inputs = inputsOf(list)
    const sent = inputs.flatMap((input) =>
      input._tag === "Received" && input.frame._tag === "Mark" ? [input.frame.name] : []
    )
    const [, outputs] = run([...inputs, end(inputs)])
    assert.deepStrictEqual(
      marks(outputs).map(({ name }) => name),
      sent
    )
  })

  it.prop("bytes received are played, flushed or queued at any time, and played in the end", [events], ([list]) => {
    const inputs = inputsOf(list)
    let state = initial
    for (const input of [...inputs, end(inputs)]) {
      state = step(state, input)[0]
      const { flushedBytes, playedBytes, receivedBytes } = state.totals
      assert.strictEqual(receivedBytes, playedBytes + flushedBytes + state.queuedBytes)
    }
    assert.strictEqual(state.queuedBytes, 0)
  })

  it.prop("a mark goes back when the audio before it was heard, to the sample", [events], ([list]) => {
    const inputs = inputsOf(list)
    // The plain reckoning: audio starts when the audio before it ends, or when it comes.
    let endsMs = 0
    const due = new Map<string, number>()
    for (const input of inputs) {
      if (input._tag !== "Received") continue
      if (input.frame._tag === "Media") endsMs = Math.max(endsMs, input.atMs) + input.frame.bytes.length / 8
      if (input.frame._tag === "Mark") due.set(input.frame.name, Math.max(endsMs, input.atMs))
      if (input.frame._tag === "Clear") {
        for (const [name, atMs] of due) if (atMs > input.atMs) due.set(name, input.atMs)
        endsMs = Math.min(endsMs, input.atMs)
      }
    }
    const [, outputs] = run([...inputs, end(inputs)])
    for (const { atMs, name } of marks(outputs)) assert.strictEqual(atMs, due.get(name))
  })

  it.prop("what is heard does not depend on how often time is told", [events], ([list]) => {
    const inputs = inputsOf(list)
    const heard = (all: ReadonlyArray<PlayoutInput>) => {
      const track = new Map<number, number>()
      for (const output of run(all)[1]) {
        if (output._tag === "Played") output.bytes.forEach((byte, i) => track.set(output.atMs * 8 + i, byte))
      }
      return [...track]
    }
    const often = inputs.flatMap((input, index) => {
      const before = inputs[index - 1]?.atMs ?? 0
      return [...Array.from({ length: input.atMs - before }, (_, ms) => tick(before + ms)), input]
    })
    assert.deepStrictEqual(heard([...often, end(inputs)]), heard([...inputs, end(inputs)]))
  })
})
