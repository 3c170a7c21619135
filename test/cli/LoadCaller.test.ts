import { assert, describe, it } from "@effect/vitest"
import { quantile } from "../../src/cli/Histogram.ts"
import { type LoadManners, makeLoadCaller } from "../../src/cli/LoadCaller.ts"
import { makeTally } from "../../src/cli/LoadTally.ts"
import { toUtterance } from "../../src/cli/LoadUtterances.ts"
import { encodeMulaw } from "../../src/streams/Mulaw.ts"
import { makeTwilioFrames } from "../../src/testing/TwilioFrames.ts"

const silentFrame = Buffer.alloc(160, 0xff).toString("base64")
const loudFrame = Buffer.from(encodeMulaw(new Int16Array(160).fill(8000))).toString("base64")

/** 400 ms, of which the first and the last 100 are silent. */
const audio = new Int16Array(3200).fill(8000, 800, 2400)

const manners: LoadManners = {
  utterances: [toUtterance({ label: "question", audio })],
  pauseMs: 200,
  timeoutMs: 3000,
  bargeIn: 0
}

/** An agent in virtual time: what it does at a time, in milliseconds of the line, given when the caller was last heard. */
type Agent = (line: {
  readonly nowMs: number
  readonly callerUntilMs: number | undefined
  readonly say: (durationMs: number) => void
  readonly send: (message: object) => void
}) => void

/** What a caller sends. */
interface SentFrame {
  readonly event: string
  readonly media?: { readonly chunk: string; readonly timestamp: string; readonly payload: string }
  readonly mark?: { readonly name: string }
}

/** How far ahead of being played the agent sends its audio, in milliseconds. */
const LEAD_MS = 60

/** Holds a call in steps of 20 ms; gives what the caller sent and what was counted. */
const hold = (agent: Agent, durationMs: number, given: Partial<LoadManners> = {}, measureFromMs = 0) => {
  const tally = makeTally()
  const sent: Array<{ readonly atMs: number; readonly frame: SentFrame }> = []
  let due: Array<{ readonly atMs: number; readonly act: () => void }> = []
  let nowMs = 0
  let callerUntilMs: number | undefined
  let sayUntilMs = 0
  let nextSayMs = 0
  const caller = makeLoadCaller({
    manners: { ...manners, ...given },
    number: 0,
    frames: makeTwilioFrames({ accountSid: "AC1", callSid: "CA1", streamSid: "MZ1" }),
    send: (text) => {
      const frame = JSON.parse(text)
      sent.push({ atMs: nowMs, frame })
      if (frame.media?.payload === loudFrame) callerUntilMs = nowMs
    },
    at: (atMs, act) => void due.push({ atMs, act }),
    tally,
    originMs: 0,
    measureFromMs,
    measureUntilMs: Infinity
  })
  const send = (message: object) => caller.receive(nowMs, JSON.stringify(message))
  for (nowMs = 0; nowMs <= durationMs; nowMs += 20) {
    const now = due.filter(({ atMs }) => atMs <= nowMs)
    due = due.filter(({ atMs }) => atMs > nowMs)
    for (const { act } of now) act()
    if (caller.nextMs() <= nowMs) caller.tick(nowMs)
    agent({
      nowMs,
      callerUntilMs,
      say: (ms) => {
        nextSayMs = nowMs
        sayUntilMs = nowMs + ms
      },
      send: (message) => {
        if ("event" in message && message.event === "clear") sayUntilMs = 0
        send(message)
      }
    })
    for (; nextSayMs < sayUntilMs && nextSayMs <= nowMs + LEAD_MS; nextSayMs += 20) {
      send({ event: "media", media: { payload: loudFrame } })
    }
  }
  const spoken = sent.filter(({ frame }) => frame.event === "media" && frame.media?.payload !== silentFrame)
  return { tally, sent, spoken, wasAnswered: caller.wasAnswered() }
}

/** Greets for a second, and answers so long after the caller's last sound for a second. */
const polite = (afterMs: number): Agent => {
  let answered = 0
  return ({ callerUntilMs, nowMs, say }) => {
    if (nowMs === 100) say(1000)
    if (callerUntilMs !== undefined && callerUntilMs > answered && nowMs - callerUntilMs === afterMs) {
      answered = nowMs
      say(1000)
    }
  }
}

describe("a load caller", () => {
  it("sends a frame every 20 ms, numbered as the carrier numbers them", () => {
    const { sent, tally } = hold(() => {}, 1000)
    const media = sent.map(({ atMs, frame }) => [atMs, frame.media?.chunk, frame.media?.timestamp])
    assert.deepStrictEqual(media.slice(0, 2), [
      [20, "1", "0"],
      [40, "2", "20"]
    ])
    assert.strictEqual(media.length, 50)
    assert.deepStrictEqual([tally.frames, tally.ownLateness.max], [50, 0])
  })

  it("hears the greeting out, waits, says something, and hears the answer", () => {
    const { sent, spoken, tally, wasAnswered } = hold(polite(600), 7000)
    // Greeting from 100 to 1100, 800 ms until that is known to be its end, 200 ms of pause, then 100 ms of silence.
    const [first] = spoken
    assert.strictEqual(first?.atMs, 2220)
    assert.isTrue(wasAnswered)
    assert.deepStrictEqual([tally.turns, tally.unanswered, tally.early, tally.underruns], [2, 0, 0, 0])
    // The last audible sample is at the end of its frame, which is when the frame is sent.
    assert.strictEqual(quantile(tally.voiceToVoice, 0.5), 600)
    assert.isTrue(sent.every(({ frame }, n) => frame.event !== "media" || frame.media?.chunk === String(n + 1)))
  })

  it("begins after five seconds with an agent that does not", () => {
    const { spoken, wasAnswered } = hold(() => {}, 6000)
    assert.strictEqual(spoken[0]?.atMs, 5120)
    assert.isFalse(wasAnswered)
  })

  it("goes on when an answer takes too long, and counts it", () => {
    let greeted = false
    const mute: Agent = ({ nowMs, say }) => {
      if (!greeted && nowMs >= 100) say(500)
      greeted ||= nowMs >= 100
    }
    const { spoken, tally } = hold(mute, 12_000)
    assert.deepStrictEqual([tally.turns, tally.unanswered], [0, 2])
    const begins = spoken.filter(({ atMs }, n) => n === 0 || atMs - (spoken[n - 1]?.atMs ?? 0) > 100)
    assert.strictEqual(begins.length, 3)
  })

  it("interrupts 800 ms into what the agent says, and measures until the agent is silent", () => {
    let interrupted: number | undefined
    const agent: Agent = ({ callerUntilMs, nowMs, say, send }) => {
      if (nowMs === 100) say(20_000)
      if (callerUntilMs === undefined) return
      interrupted ??= nowMs
      // Stops sending after 100 ms, clears after another 100, answers a second later.
      if (nowMs - interrupted === 100) send({ event: "clear" })
      if (nowMs - interrupted === 1200) say(500)
    }
    const { spoken, tally } = hold(agent, 4000, { bargeIn: 1 })
    assert.strictEqual(spoken[0]?.atMs, 1020)
    assert.deepStrictEqual([tally.bargeIn.count, tally.turns, tally.underruns], [1, 1, 0])
    // The caller is heard from 1000 on, which the agent is sent 20 ms later; it clears after 100 more.
    assert.strictEqual(quantile(tally.bargeIn, 0.5), 120)
    assert.strictEqual(quantile(tally.voiceToVoice, 0.5), 2220 - 1200)
  })

  it("counts an answer that comes before the end of the turn apart", () => {
    const eager: Agent = ({ callerUntilMs, nowMs, say }) => {
      if (nowMs === 100) say(500)
      if (callerUntilMs === nowMs && nowMs === 1840) say(1500)
    }
    const { tally } = hold(eager, 3000)
    assert.deepStrictEqual([tally.turns, tally.early, tally.voiceToVoice.count], [1, 1, 0])
  })

  it("sees where the agent's audio had a gap, but not while the caller speaks", () => {
    const halting: Agent = ({ nowMs, say }) => {
      if (nowMs === 100) say(200)
      if (nowMs === 360) say(200)
    }
    const { tally } = hold(halting, 1000)
    assert.deepStrictEqual([tally.underruns, tally.underrunMs, quantile(tally.late, 1)], [1, 60, 60])
  })

  it("gives marks back when they are due, and all of them when the line is cleared", () => {
    const agent: Agent = ({ nowMs, say, send }) => {
      if (nowMs === 100) say(20)
      if (nowMs === 100) for (const name of ["a", "b"]) send({ event: "mark", mark: { name } })
      if (nowMs === 300) {
        for (let n = 0; n < 10; n++) send({ event: "media", media: { payload: loudFrame } })
        send({ event: "mark", mark: { name: "c" } })
      }
      if (nowMs === 340) send({ event: "clear" })
    }
    const { sent } = hold(agent, 1000)
    const marks = sent.flatMap(({ atMs, frame }) => (frame.event === "mark" ? [[atMs, frame.mark?.name]] : []))
    assert.deepStrictEqual(marks, [
      [120, "a"],
      [120, "b"],
      [340, "c"]
    ])
  })

  it("does not count what is before the time that counts", () => {
    const { tally } = hold(polite(600), 7000, {}, 3000)
    assert.deepStrictEqual([tally.turns, tally.frames], [1, 201])
  })

  it("is not put off by what makes no sense", () => {
    const { sent } = hold(({ nowMs, send }) => {
      if (nowMs === 100) for (const message of [{}, { event: "media" }, { event: "mark", mark: 7 }, []]) send(message)
    }, 200)
    assert.strictEqual(sent.length, 10)
  })

  it.each([
    [0, 0],
    [0.25, 4],
    [0.1, 2],
    [1, 16]
  ])("a share of %d interrupts %d of 16 turns", (bargeIn, expected) => {
    // An agent that never stops by itself is only spoken to by those who interrupt; this one answers for two seconds.
    let since: number | undefined
    const agent: Agent = ({ callerUntilMs, nowMs, say, send }) => {
      if (nowMs === 100) say(2000)
      if (callerUntilMs === undefined || callerUntilMs === since) return
      if (nowMs - callerUntilMs < 200) return
      since = callerUntilMs
      send({ event: "clear" })
      say(2000)
    }
    const { tally } = hold(agent, 120_000, { bargeIn })
    assert.approximately(tally.bargeIn.count / tally.turns, expected / 16, 0.07)
  })
})
