import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { FRAME_BYTES, MULAW_SILENCE } from "../../src/schema/Audio.ts"
import { settle } from "../support/Settle.ts"
import {
  defaultPlayoutSettings,
  FILLER,
  makePlayout,
  type PlayoutNews,
  type ReplyAudio
} from "../../src/streams/Playout.ts"

const quietly: PlayoutNews = { onAudible: Effect.void, onEnding: Effect.void }

type Sent =
  | { readonly atMs: number; readonly media: Uint8Array }
  | { readonly atMs: number; readonly mark: string }
  | { readonly atMs: number; readonly clear: true }

const setup = Effect.gen(function* () {
  const sent: Array<Sent> = []
  const note = (event: (atMs: number) => Sent) =>
    Effect.map(Clock.currentTimeMillis, (atMs) => void sent.push(event(atMs)))
  const playout = yield* makePlayout(
    {
      media: (media) => note((atMs) => ({ atMs, media: media.slice() })),
      mark: (mark) => note((atMs) => ({ atMs, mark })),
      clear: note((atMs) => ({ atMs, clear: true }))
    },
    defaultPlayoutSettings
  )
  return { sent, playout }
})

const audioOf = (...pieces: ReadonlyArray<readonly [sentence: number, ms: number]>): Array<ReplyAudio> =>
  pieces.map(([sentence, ms]) => ({ sentence, mulaw: new Uint8Array(Math.round(ms * 8)).fill(sentence + 1) }))

const bytesOf = (sent: ReadonlyArray<Sent>): Uint8Array =>
  Uint8Array.from(sent.flatMap((event) => ("media" in event ? [...event.media] : [])))

const marksOf = (sent: ReadonlyArray<Sent>) => sent.flatMap((event) => ("mark" in event ? [event.mark] : []))

describe("sending", () => {
  it.effect("keeps a small lead over real time, however fast audio comes", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const track = yield* playout.begin(1)
      yield* playout.release(1)
      yield* Effect.forkChild(track.play(Stream.fromIterable(audioOf([0, 2000])), quietly))
      for (let elapsed = 0; elapsed <= 1500; elapsed += 50) {
        const aheadMs = bytesOf(sent).length / 8 - elapsed
        if (elapsed > 0) assert.isAtLeast(aheadMs, defaultPlayoutSettings.leadMs - 50, `lead at ${elapsed} ms`)
        assert.isAtMost(aheadMs, defaultPlayoutSettings.leadMs + defaultPlayoutSettings.messageMs)
        yield* settle
        yield* TestClock.adjust("50 millis")
        yield* settle
      }
    })
  )

  it.effect("catches up after the process was held up, without a gap or a drift", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const track = yield* playout.begin(1)
      yield* playout.release(1)
      yield* Effect.forkChild(track.play(Stream.fromIterable(audioOf([0, 3000])), quietly))
      yield* settle
      yield* TestClock.adjust("150 millis")
      yield* settle
      yield* TestClock.adjust("173 millis")
      yield* settle
      yield* TestClock.adjust("677 millis")
      yield* settle
      assert.isAtLeast(bytesOf(sent).length / 8, 1000 + defaultPlayoutSettings.leadMs)
    })
  )

  it.effect(
    "sends what is there at once, and full messages when there is more; the line never runs low between them",
    () =>
      Effect.gen(function* () {
        const { playout, sent } = yield* setup
        const track = yield* playout.begin(1)
        yield* playout.release(1)
        // Made five times as fast as it is heard, in pieces of 100 ms.
        const made = Stream.fromIterable(audioOf(...Array.from({ length: 20 }, () => [0, 100] as const))).pipe(
          Stream.rechunk(1),
          Stream.mapEffect((piece) => Effect.delay(Effect.succeed(piece), 20))
        )
        yield* Effect.forkChild(track.play(made, quietly))
        for (let ms = 0; ms < 2500; ms += 5) {
          yield* settle
          yield* TestClock.adjust("5 millis")
        }
        yield* settle
        const messages = sent.flatMap((event) =>
          "media" in event ? [{ atMs: event.atMs, ms: event.media.length / 8 }] : []
        )
        assert.deepStrictEqual(messages[0], { atMs: 20, ms: 100 })
        assert.deepStrictEqual(
          messages.slice(4, -1).map(({ ms }) => ms),
          messages.slice(4, -1).map(() => defaultPlayoutSettings.messageMs)
        )
        assert.isAtMost(messages.length, Math.ceil(2000 / defaultPlayoutSettings.messageMs) + 3)
        let endsMs = 20
        messages.forEach(({ atMs, ms }, index) => {
          if (index > 2) assert.isAtLeast(endsMs - atMs, defaultPlayoutSettings.leadMs - 5, `at ${atMs} ms`)
          assert.isAtMost(endsMs - atMs, defaultPlayoutSettings.leadMs + 1, `at ${atMs} ms`)
          endsMs += ms
        })
        assert.strictEqual(endsMs, 2020)
      })
  )

  it.effect("sends whole frames only and fills the last one with silence", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const track = yield* playout.begin(1)
      yield* playout.release(1)
      const pieces = [7, 161, 1, 399, 33].map((bytes) => ({ sentence: 0, mulaw: new Uint8Array(bytes).fill(9) }))
      yield* Effect.forkChild(track.play(Stream.fromIterable(pieces), quietly))
      yield* settle
      yield* TestClock.adjust("3 seconds")
      yield* settle
      for (const event of sent) if ("media" in event) assert.strictEqual(event.media.length % FRAME_BYTES, 0)
      const bytes = bytesOf(sent)
      assert.strictEqual(bytes.length, 640)
      assert.deepStrictEqual(
        [...bytes.subarray(0, 601)],
        Array.from({ length: 601 }, () => 9)
      )
      assert.deepStrictEqual(
        [...bytes.subarray(601)],
        Array.from({ length: 39 }, () => MULAW_SILENCE)
      )
    })
  )

  it.effect("sends nothing before the reply is released", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const track = yield* playout.begin(1)
      let audible = false
      yield* Effect.forkChild(
        track.play(Stream.fromIterable(audioOf([0, 500])), {
          ...quietly,
          onAudible: Effect.sync(() => void (audible = true))
        })
      )
      yield* settle
      yield* TestClock.adjust("5 seconds")
      yield* settle
      assert.deepStrictEqual(sent, [])
      assert.isFalse(audible)
      yield* playout.release(1)
      yield* settle
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.isAbove(sent.length, 0)
      assert.isTrue(audible)
    })
  )

  it.effect("marks the end of each sentence and of the reply", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const track = yield* playout.begin(3)
      yield* playout.release(3)
      yield* Effect.forkChild(track.play(Stream.fromIterable(audioOf([0, 200], [0, 100], [1, 300])), quietly))
      yield* settle
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.deepStrictEqual(marksOf(sent), ["3:0", "3:end"])
    })
  )
})

describe("holding a reply", () => {
  it.effect("goes on where it was held, without a gap in what is said and without repeating any of it", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const track = yield* playout.begin(1)
      yield* playout.release(1)
      const audio = Uint8Array.from({ length: 24000 }, (_, i) => i % 251)
      yield* Effect.forkChild(track.play(Stream.make({ sentence: 0, mulaw: audio }), quietly))
      yield* settle
      yield* TestClock.adjust("700 millis")
      yield* settle
      yield* playout.hold(1)
      const before = bytesOf(sent).length
      yield* settle
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.isAtMost(bytesOf(sent).length - before, 0)
      assert.isAtMost(before / 8, 700 + defaultPlayoutSettings.leadMs + defaultPlayoutSettings.messageMs)
      yield* playout.release(1)
      yield* settle
      yield* TestClock.adjust("4 seconds")
      yield* settle
      assert.deepStrictEqual(bytesOf(sent), audio)
      assert.isFalse(sent.some((event) => "clear" in event))
    })
  )

  it.effect("tells when little is left to be heard, once", () =>
    Effect.gen(function* () {
      const { playout } = yield* setup
      const track = yield* playout.begin(1)
      yield* playout.release(1)
      const endings: Array<number> = []
      const onEnding = Effect.map(Clock.currentTimeMillis, (atMs) => void endings.push(atMs))
      yield* Effect.forkChild(track.play(Stream.fromIterable(audioOf([0, 3000])), { ...quietly, onEnding }))
      yield* settle
      yield* TestClock.adjust("5 seconds")
      yield* settle
      assert.strictEqual(endings.length, 1)
      assert.approximately(endings[0] ?? 0, 2000, defaultPlayoutSettings.messageMs)
    })
  )
})

describe("the end of a reply", () => {
  const playing = (ms: number) =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const track = yield* playout.begin(1)
      track.sentence(0, "One two three four")
      yield* playout.release(1)
      const fiber = yield* Effect.forkChild(track.play(Stream.fromIterable(audioOf([0, ms])), quietly))
      const over = () => fiber.pollUnsafe() !== undefined
      return { playout, sent, fiber, over }
    })

  it.effect("is when its last mark came back", () =>
    Effect.gen(function* () {
      const { over, playout } = yield* playing(1000)
      yield* settle
      yield* TestClock.adjust("1080 millis")
      yield* settle
      assert.isFalse(over())
      yield* playout.marked("1:end")
      yield* settle
      yield* TestClock.adjust("0 millis")
      yield* settle
      assert.isTrue(over())
      assert.deepStrictEqual(yield* playout.stop(1), {
        text: "One two three four",
        answer: "One two three four",
        generated: "One two three four",
        playedMs: 1000
      })
    })
  )

  it.effect("is not put off for ever by a mark that is lost", () =>
    Effect.gen(function* () {
      const { over } = yield* playing(1000)
      yield* settle
      yield* TestClock.adjust(1000 + defaultPlayoutSettings.markGraceMs - 10)
      yield* settle
      assert.isFalse(over())
      yield* settle
      yield* TestClock.adjust("10 millis")
      yield* settle
      assert.isTrue(over())
    })
  )

  it.effect("is not believed before its audio can have been played", () =>
    Effect.gen(function* () {
      const { over, playout } = yield* playing(1000)
      yield* settle
      yield* TestClock.adjust("850 millis")
      yield* settle
      yield* playout.marked("1:end")
      yield* settle
      yield* TestClock.adjust("140 millis")
      yield* settle
      assert.isFalse(over())
      yield* settle
      yield* TestClock.adjust("10 millis")
      yield* settle
      assert.isTrue(over())
    })
  )

  it.effect("comes at once for a reply without audio", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const track = yield* playout.begin(1)
      yield* playout.release(1)
      yield* track.play(Stream.empty, quietly)
      assert.deepStrictEqual(sent, [])
      assert.strictEqual((yield* playout.stop(1)).playedMs, 0)
    })
  )
})

describe("stopping a reply", () => {
  it.effect("clears the line, sends nothing of it any more, and tells what was heard", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const track = yield* playout.begin(1)
      track.sentence(0, "First of all.")
      track.sentence(1, "Then there is the second thing to say.")
      yield* playout.release(1)
      yield* Effect.forkChild(track.play(Stream.fromIterable(audioOf([0, 500], [1, 2000])), quietly))
      yield* settle
      yield* TestClock.adjust("1500 millis")
      yield* settle
      const heard = yield* playout.stop(1)
      assert.deepStrictEqual(heard, {
        text: "First of all. Then there is the",
        answer: "First of all. Then there is the",
        generated: "First of all. Then there is the second thing to say.",
        playedMs: 1500
      })
      assert.deepStrictEqual(sent.at(-1), { atMs: 1500, clear: true })
      const count = sent.length
      yield* settle
      yield* TestClock.adjust("10 seconds")
      yield* settle
      assert.strictEqual(sent.length, count)
    })
  )

  it.effect("tells what was heard of a filler, and of what came after it", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const track = yield* playout.begin(1)
      track.sentence(FILLER, "One moment, please.")
      track.sentence(0, "First of all.")
      yield* playout.release(1)
      const news: Array<string> = []
      yield* Effect.forkChild(
        track.play(Stream.fromIterable(audioOf([FILLER, 1000], [0, 1000])), {
          onFiller: Effect.sync(() => void news.push(`filler at ${sent.length} of ${track.isAudible()}`)),
          onAudible: Effect.sync(() => void news.push(`answer of ${track.isAudible()}`)),
          onEnding: Effect.void
        })
      )
      yield* settle
      assert.isFalse(track.isAudible())
      yield* TestClock.adjust("1500 millis")
      yield* settle
      assert.deepStrictEqual(news, ["filler at 1 of false", "answer of true"])
      assert.deepStrictEqual(yield* playout.stop(1), {
        text: "One moment, please. First",
        answer: "First",
        generated: "One moment, please. First of all.",
        playedMs: 1500
      })
    })
  )

  it.effect("knows a reply that was cut off in its filler", () =>
    Effect.gen(function* () {
      const { playout } = yield* setup
      const track = yield* playout.begin(1)
      track.sentence(FILLER, "One moment, please.")
      track.sentence(0, "First of all.")
      yield* playout.release(1)
      yield* Effect.forkChild(track.play(Stream.fromIterable(audioOf([FILLER, 1000], [0, 1000])), quietly))
      yield* settle
      yield* TestClock.adjust("500 millis")
      yield* settle
      assert.deepInclude(yield* playout.stop(1), { text: "One", answer: "" })
    })
  )

  it.effect("clears nothing when nothing was sent", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const track = yield* playout.begin(1)
      track.sentence(0, "Held back.")
      yield* Effect.forkChild(track.play(Stream.fromIterable(audioOf([0, 500])), quietly))
      yield* settle
      yield* TestClock.adjust("1 seconds")
      yield* settle
      assert.deepStrictEqual(yield* playout.stop(1), {
        text: "",
        answer: "",
        generated: "Held back.",
        playedMs: 0
      })
      yield* playout.release(1)
      yield* settle
      yield* TestClock.adjust("1 seconds")
      yield* settle
      assert.deepStrictEqual(sent, [])
    })
  )

  it.effect("starts the next reply at once, whatever the last one had ahead", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const first = yield* playout.begin(1)
      yield* playout.release(1)
      yield* Effect.forkChild(first.play(Stream.fromIterable(audioOf([0, 5000])), quietly))
      yield* settle
      yield* TestClock.adjust("1010 millis")
      yield* settle
      yield* playout.stop(1)
      const second = yield* playout.begin(2)
      yield* playout.release(2)
      yield* Effect.forkChild(second.play(Stream.fromIterable(audioOf([0, 500])), quietly))
      yield* settle
      yield* TestClock.adjust("0 millis")
      yield* settle
      assert.strictEqual(sent.at(-1)?.atMs, 1010)
      assert.isTrue("media" in (sent.at(-1) ?? {}))
    })
  )

  it.effect("takes no mark that comes back by the clear for one that was heard", () =>
    Effect.gen(function* () {
      const { playout } = yield* setup
      const first = yield* playout.begin(1)
      yield* playout.release(1)
      yield* Effect.forkChild(first.play(Stream.fromIterable(audioOf([0, 250])), quietly))
      yield* settle
      yield* TestClock.adjust("200 millis")
      yield* settle
      yield* playout.stop(1)
      yield* playout.marked("1:end")
      const second = yield* playout.begin(2)
      yield* playout.release(2)
      const fiber = yield* Effect.forkChild(second.play(Stream.fromIterable(audioOf([0, 1000])), quietly))
      yield* settle
      yield* TestClock.adjust("500 millis")
      yield* settle
      yield* playout.marked("1:end")
      yield* playout.marked("never sent")
      yield* settle
      yield* TestClock.adjust("100 millis")
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
    })
  )

  it.effect("reckons with the way to the caller, as marks tell it", () =>
    Effect.gen(function* () {
      const { playout } = yield* setup
      const track = yield* playout.begin(1)
      track.sentence(0, "a")
      track.sentence(1, "b")
      yield* playout.release(1)
      yield* Effect.forkChild(track.play(Stream.fromIterable(audioOf([0, 400], [1, 4000])), quietly))
      yield* settle
      yield* TestClock.adjust("700 millis")
      yield* settle
      // Due when the first message after the first sentence was played, at 500 ms.
      yield* playout.marked("1:0")
      yield* settle
      yield* TestClock.adjust("1300 millis")
      yield* settle
      assert.strictEqual((yield* playout.stop(1)).playedMs, 1800)
    })
  )

  it.effect("takes no mark for late that was sent when there was nothing left to be played", () =>
    Effect.gen(function* () {
      const { playout, sent } = yield* setup
      const first = yield* playout.begin(1)
      yield* playout.release(1)
      const filler = Stream.fromIterable(audioOf([FILLER, 1000]))
      const comesToNothing = Stream.drain(Stream.fromEffect(Effect.sleep("5 seconds")))
      yield* Effect.forkChild(first.play(Stream.concat(filler, comesToNothing), quietly))
      yield* settle
      yield* TestClock.adjust("5 seconds")
      yield* settle
      assert.deepStrictEqual(marksOf(sent), ["1:end"])
      yield* playout.marked("1:end")
      yield* settle
      yield* playout.stop(1)

      const second = yield* playout.begin(2)
      yield* playout.release(2)
      yield* Effect.forkChild(second.play(Stream.fromIterable(audioOf([0, 4000])), quietly))
      yield* settle
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.strictEqual((yield* playout.stop(2)).playedMs, 2000)
    })
  )
})

describe("what is known of a reply", () => {
  const played = (pieces: ReadonlyArray<ReplyAudio>, ...texts: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const { playout } = yield* setup
      const track = yield* playout.begin(1)
      texts.forEach((text, index) => track.sentence(index, text))
      yield* playout.release(1)
      yield* Effect.forkChild(track.play(Stream.fromIterable(pieces), quietly))
      yield* settle
      yield* TestClock.adjust("20 seconds")
      yield* settle
      return { playout, track, heard: yield* playout.stop(1) }
    })
  const brokeOff = (sentence: number, how: "surely" | "perhaps"): ReplyAudio => ({
    sentence,
    mulaw: new Uint8Array(0),
    brokeOff: how
  })
  // At the usual pace a second each.
  const texts = ["One two three.", "Four five six."]

  it.effect("is what there was of a sentence that broke off", () =>
    Effect.gen(function* () {
      const pieces = [...audioOf([0, 600]), brokeOff(0, "surely"), ...audioOf([1, 1000])]
      const { heard } = yield* played(pieces, ...texts)
      assert.strictEqual(heard.text, "One two Four five six.")
      const last = yield* played([...audioOf([0, 1000], [1, 700]), brokeOff(1, "surely")], ...texts)
      assert.strictEqual(last.heard.text, "One two three. Four five")
    })
  )

  it.effect("is all of a sentence that another voice said again", () =>
    Effect.gen(function* () {
      const pieces = [...audioOf([0, 200]), brokeOff(0, "surely"), ...audioOf([0, 1000], [1, 1000])]
      const { heard } = yield* played(pieces, ...texts)
      assert.strictEqual(heard.text, "One two three. Four five six.")
    })
  )

  it.effect("is reckoned at the pace of this voice, as its whole sentences tell it", () =>
    Effect.gen(function* () {
      const slow = Array.from({ length: 6 }, (_, n) => [n, 3000] as const)
      const { track } = yield* played(
        audioOf(...slow, [6, 900], [7, 1000]),
        ...slow.map(() => texts[0] ?? ""),
        "One two three."
      )
      assert.isTrue(track.mayBeWhole(0))
      assert.isFalse(track.mayBeWhole(6))
    })
  )
})

it.effect("keeps synthesis waiting when too much audio is waiting already", () =>
  Effect.gen(function* () {
    const { playout } = yield* setup
    const track = yield* playout.begin(1)
    const taken = yield* Queue.unbounded<number>()
    const endless = Stream.iterate(0, (n) => n + 1).pipe(
      Stream.tap((n) => Queue.offer(taken, n)),
      Stream.map(() => ({ sentence: 0, mulaw: new Uint8Array(160) }))
    )
    const fiber = yield* Effect.forkChild(track.play(endless, quietly))
    yield* settle
    yield* TestClock.adjust("1 minute")
    yield* settle
    const keptMs = (yield* Queue.takeAll(taken)).length * 20
    assert.approximately(keptMs, defaultPlayoutSettings.backlogMs, 100)
    yield* Fiber.interrupt(fiber)
  })
)
