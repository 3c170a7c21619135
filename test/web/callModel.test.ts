import { assert, describe, it } from "@effect/vitest"
import { type PhoneMessage } from "../../src/layers/PhoneEvents.ts"
import { type TurnOutput } from "../../src/schema/Turn.ts"
import { load } from "./load.ts"

interface Entry {
  readonly who: "caller" | "agent" | "note"
  readonly text: string
  readonly heard: string
  readonly unheard: string
  readonly status: string
  readonly detail: string
}

interface Span {
  readonly from: number
  readonly to: number | undefined
}

interface Timeline {
  readonly bands: Readonly<Record<"speech" | "turn" | "agent" | "held", ReadonlyArray<Span>>>
  readonly moments: ReadonlyArray<{ readonly text: string }>
  readonly scores: ReadonlyArray<unknown>
  readonly timeAt: (nowMs: number) => number
}

interface Model {
  readonly agent: string
  readonly answers: number
  readonly entries: ReadonlyArray<Entry>
  readonly timeline: Timeline
  readonly take: (event: PhoneMessage, nowMs: number) => void
  readonly playing: (playing: boolean, nowMs: number) => void
  readonly marked: (name: string) => void
  readonly finish: () => void
}

interface CallModule {
  readonly CallModel: new (thresholds: { readonly start: number; readonly end: number }) => Model
}

interface HeardModule {
  readonly splitHeard: (generated: string, heard: string) => { readonly heard: string; readonly unheard: string }
}

const { CallModel } = await load<CallModule>("call-model.js")
const { splitHeard } = await load<HeardModule>("heard.js")

/** A call whose clock and audio clock are 10 ms apart, told by the page's clock. */
const follow = () => {
  const model = new CallModel({ start: 0.6, end: 0.35 })
  let audioMs = 0
  const take = (event: PhoneMessage) => model.take(event, 5000 + audioMs)
  const decided = (output: TurnOutput) => take({ _tag: "Decided", output, atMs: audioMs + 10 })
  const voice = (probability: number, windows = 1) => {
    for (let n = 0; n < windows; n++) {
      take({ _tag: "Voice", audioMs, probability, atMs: audioMs + 42 })
      audioMs += 32
    }
  }
  const sentence = (epoch: number, index: number, text: string) =>
    take({ _tag: "Sentence", epoch, index, text, atMs: audioMs })
  const reply = (epoch: number, ...texts: ReadonlyArray<string>) => {
    decided({ _tag: "ReplyStarted", epoch, cue: { _tag: "Answer", text: "" } })
    decided({ _tag: "ReplyReleased", epoch })
    for (const [index, text] of texts.entries()) sentence(epoch, index, text)
  }
  const audible = (epoch: number) => take({ _tag: "Audible", epoch, atMs: audioMs })
  const heard = (epoch: number, text: string, generated: string, playedMs: number) =>
    take({ _tag: "Heard", epoch, text, generated, playedMs, atMs: audioMs } as PhoneMessage)
  return { model, take, decided, voice, reply, audible, heard, sentence, now: () => audioMs }
}

/** What is seen of an entry. */
const seen = ({ detail, heard, status, text, unheard, who }: Entry): string =>
  [who, text ?? [heard, unheard].filter((part) => part !== "").join(" | "), status, detail].join(" / ")

describe("what the page knows of a call", () => {
  it("tells what the agent does", () => {
    const { audible, decided, heard, model, reply, voice } = follow()
    assert.strictEqual(model.agent, "listening")
    voice(0.9, 3)
    assert.strictEqual(model.agent, "hearing")
    voice(0.1, 3)
    assert.strictEqual(model.agent, "listening")
    decided({ _tag: "ReplyStarted", epoch: 1, cue: { _tag: "Answer", text: "" } })
    assert.strictEqual(model.agent, "listening", "a guess is not shown")
    decided({ _tag: "ReplyReleased", epoch: 1 })
    assert.strictEqual(model.agent, "thinking")
    audible(1)
    assert.strictEqual(model.agent, "speaking")
    decided({ _tag: "ReplyHeld", epoch: 1 })
    assert.strictEqual(model.agent, "held")
    decided({ _tag: "ReplyReleased", epoch: 1 })
    assert.strictEqual(model.agent, "speaking")
    heard(1, "Yes.", "Yes.", 500)
    assert.strictEqual(model.agent, "listening")
    reply(2)
    decided({ _tag: "ReplyStopped", epoch: 2, reason: "caller went on" })
    assert.strictEqual(model.agent, "listening")
    assert.strictEqual(model.answers, 1)
  })

  it("shows interim words until the final ones come, segment by segment", () => {
    const { decided, model, take } = follow()
    const interim = (segment: number, text: string) => take({ _tag: "Interim", segment, text, atMs: 0 })
    decided({ _tag: "TurnStarted", turn: 1, atMs: 0 })
    decided({ _tag: "SegmentOpened", turn: 1, segment: 1, fromMs: 0 })
    interim(1, "what")
    interim(1, "what time")
    take({ _tag: "Transcript", segment: 1, text: "What time", atMs: 0 })
    interim(1, "too late")
    decided({ _tag: "SegmentOpened", turn: 1, segment: 2, fromMs: 0 })
    interim(2, "is")
    assert.deepStrictEqual(model.entries.map(seen), ["caller / What time is / open / "])
    decided({ _tag: "TurnEnded", turn: 1, text: "What time is it?", pausedAtMs: 0, pauseMs: 0 })
    interim(2, "is it not")
    assert.deepStrictEqual(model.entries.map(seen), ["caller / What time is it? / ended / "])
  })

  it("keeps a turn that came to nothing only if there were words in it", () => {
    const { decided, model, take } = follow()
    decided({ _tag: "TurnStarted", turn: 1, atMs: 0 })
    decided({ _tag: "TurnDropped", turn: 1, reason: "no words" })
    decided({ _tag: "TurnStarted", turn: 2, atMs: 0 })
    decided({ _tag: "SegmentOpened", turn: 2, segment: 1, fromMs: 0 })
    take({ _tag: "Transcript", segment: 1, text: "mhm", atMs: 0 })
    decided({ _tag: "TurnDropped", turn: 2, reason: "backchannel" })
    decided({ _tag: "TurnStarted", turn: 3, atMs: 0 })
    decided({ _tag: "TurnEnded", turn: 3, text: "", pausedAtMs: 0, pauseMs: 0 })
    assert.deepStrictEqual(model.entries.map(seen), [
      "caller / mhm / dropped / the agent went on",
      "caller /  / ended / could not be understood"
    ])
  })

  it("shows a reply once it is heard, and how far it has come by its marks", () => {
    const { audible, model, reply, sentence } = follow()
    reply(1, "One.", "Two.")
    assert.deepStrictEqual(model.entries, [])
    audible(1)
    assert.deepStrictEqual(model.entries.map(seen), ["agent / One. | Two. / speaking / "])
    sentence(1, 2, "Three.")
    model.marked("1:0")
    assert.deepStrictEqual(model.entries.map(seen), ["agent / One. Two. | Three. / speaking / "])
    model.marked("nothing of the kind")
    model.marked("7:1")
    model.marked("1:end")
    assert.deepStrictEqual(model.entries.map(seen), ["agent / One. Two. Three. / speaking / "])
  })

  it("tells heard words from those that were not", () => {
    const { audible, decided, heard, model, reply } = follow()
    reply(1, "One two three.", "Four.")
    audible(1)
    decided({ _tag: "ReplyHeld", epoch: 1 })
    assert.deepStrictEqual(model.entries.map(seen), ["agent / One two three. | Four. / held / held"])
    decided({ _tag: "ReplyStopped", epoch: 1, reason: "barge-in" })
    heard(1, "One two", "One two three. Four.", 640)
    model.marked("1:0")
    reply(2, "Yes.")
    audible(2)
    heard(2, "Yes.", "Yes.", 300)
    assert.deepStrictEqual(model.entries.map(seen), [
      "agent / One two | three. Four. / cut / interrupted after 0.6 s",
      "agent / Yes. / heard / "
    ])
    assert.deepStrictEqual(
      model.timeline.moments.map(({ text }) => text),
      ["interrupted"]
    )
  })

  it("shows no reply of which nothing was heard", () => {
    const { decided, heard, model, reply } = follow()
    reply(1, "Never mind.")
    decided({ _tag: "ReplyStopped", epoch: 1, reason: "words changed" })
    heard(1, "", "Never mind.", 0)
    assert.deepStrictEqual(model.entries, [])
    assert.deepStrictEqual(model.timeline.moments, [])
  })

  it("draws bands on the audio clock", () => {
    const { audible, decided, model, now, voice } = follow()
    voice(0.1, 10)
    decided({ _tag: "TurnStarted", turn: 1, atMs: 320 })
    voice(0.9, 10)
    voice(0.5, 2)
    voice(0.1, 5)
    decided({ _tag: "TurnEnded", turn: 1, text: "hi", pausedAtMs: 704, pauseMs: 160 })
    audible(1)
    model.playing(true, 5000 + now())
    voice(0.1, 10)
    decided({ _tag: "ReplyHeld", epoch: 1 })
    model.playing(false, 5000 + now())
    assert.deepStrictEqual(model.timeline.bands, {
      speech: [{ from: 320, to: 704 }],
      turn: [{ from: 320, to: 864 }],
      agent: [{ from: 864 + 32, to: 1184 + 32 }],
      held: [{ from: 1184, to: undefined }]
    })
  })

  it("lets the audio clock go on between two windows, but not for ever", () => {
    const { model, voice } = follow()
    assert.strictEqual(model.timeline.timeAt(5000), 0)
    voice(0.1)
    assert.strictEqual(model.timeline.timeAt(5000), 32)
    assert.strictEqual(model.timeline.timeAt(5020), 52)
    assert.strictEqual(model.timeline.timeAt(99_000), 2032)
  })

  it("keeps no more than a minute of scores", () => {
    const { model, voice } = follow()
    voice(0.5, 10_000)
    assert.isAtMost(model.timeline.scores.length, 60_000 / 32 + 256)
  })

  it("settles what is open when the call ends", () => {
    const { audible, decided, model, reply, take, voice } = follow()
    voice(0.9, 3)
    decided({ _tag: "TurnStarted", turn: 1, atMs: 0 })
    reply(1, "One.", "Two.")
    audible(1)
    model.marked("1:0")
    reply(2, "Three.", "Four.")
    audible(2)
    take({ _tag: "Failed", stage: "text to speech", message: "gone", atMs: 0 })
    model.finish()
    assert.deepStrictEqual(model.entries.map(seen), [
      "caller /  / ended / the call ended",
      "agent / One. Two. / heard / ",
      "agent / Three. | Four. / cut / the call ended",
      "note / text to speech: gone /  / "
    ])
    assert.isTrue(Object.values(model.timeline.bands).every((spans) => spans.every(({ to }) => to !== undefined)))
  })

  it("takes events it does not know for granted", () => {
    const { model, take } = follow()
    take({ _tag: "Novelty", atMs: 0 } as unknown as PhoneMessage)
    take({ _tag: "Decided", output: { _tag: "Novelty" }, atMs: 0 } as unknown as PhoneMessage)
    assert.strictEqual(model.agent, "listening")
  })
})

describe("splitting a reply", () => {
  it.each([
    ["One two. Three.", "One two. Three.", "One two. Three.", ""],
    ["One two. Three.", "One", "One", "two. Three."],
    ["One two. Three.", "", "", "One two. Three."],
    ["One. Silent. Three. Four.", "One. Three.", "One. Three.", "Four."]
  ])("%j of which %j was heard", (generated, text, heard, unheard) => {
    assert.deepStrictEqual(splitHeard(generated, text), { heard, unheard })
  })
})
