import { assert, describe, it } from "@effect/vitest"
import { BYTES_PER_MS, FRAME_BYTES, FRAME_MS, WINDOW_MS, WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { type EchoGate, makeEchoGate, SUSPECTED } from "../../src/streams/EchoGate.ts"
import { levelDb } from "../../src/streams/EnergyScore.ts"
import { decodeMulaw, encodeMulaw } from "../../src/streams/Mulaw.ts"
import { concat, loadSpeech, pinkNoise, silence } from "../support/Speech.ts"

/** What the agent says: two sentences with a breath between them, about 5.5 s. */
const agent = concat(loadSpeech("hello"), silence(300), loadSpeech("question"), silence(200))

/** What the call's clock says when the carrier's audio begins. */
const CLOCK_MS = 81_234.5

/** Audio is sent so far ahead of its time. */
const LEAD_MS = 200

/** A window of the caller's, as the gate and the line saw it. */
interface Judged {
  readonly atMs: number
  readonly explained: number
  readonly loudDb: number
  readonly echo: ReturnType<EchoGate["echo"]>
}

/** Frames come up to 15 ms late, in a fixed pattern. */
const jitterMs = (window: number): number => (window * 7) % 16

/** Plays `played` to the caller while `heard` comes from there; both go over the line in mu-law. */
const listen = (played: Int16Array, heard: Int16Array, gate: EchoGate = makeEchoGate()): ReadonlyArray<Judged> => {
  const sent = encodeMulaw(played)
  const track = decodeMulaw(encodeMulaw(heard))
  let at = 0
  return Array.from({ length: Math.floor(track.length / WINDOW_SAMPLES) }, (_, n) => {
    const endMs = (n + 1) * WINDOW_MS
    for (; at < sent.length && at / BYTES_PER_MS < endMs + LEAD_MS; at += FRAME_BYTES) {
      gate.sent(sent.subarray(at, at + FRAME_BYTES), CLOCK_MS + at / BYTES_PER_MS)
    }
    const samples = track.subarray(n * WINDOW_SAMPLES, (n + 1) * WINDOW_SAMPLES)
    const window = { atMs: n * WINDOW_MS, samples, discontinuous: false }
    const explained = gate.explained(window, CLOCK_MS + endMs + jitterMs(n))
    return { atMs: window.atMs, explained, loudDb: levelDb(samples), echo: gate.echo() }
  })
}

/** Sounds on top of each other, as long as the first one. */
const mix = (...tracks: ReadonlyArray<Int16Array>): Int16Array =>
  Int16Array.from(tracks[0] ?? [], (_, i) =>
    Math.max(
      -32768,
      Math.min(
        32767,
        tracks.reduce((sum, track) => sum + (track[i] ?? 0), 0)
      )
    )
  )

const gained = (audio: Int16Array, db: number): Int16Array =>
  audio.map((sample) => Math.round(sample * 10 ** (db / 20)))

/** What comes back of some audio. */
const echoOf = (audio: Int16Array, delayMs: number, db: number): Int16Array =>
  concat(silence(delayMs), gained(audio, db)).subarray(0, audio.length)

/** The hiss of a quiet line, about -65 dB. */
const hiss = (audio: Int16Array, seed = 3): Int16Array => pinkNoise(audio.length / BYTES_PER_MS, 0.001, seed)

const share = (judged: ReadonlyArray<Judged>, is: (one: Judged) => boolean): number =>
  judged.length === 0 ? Number.NaN : judged.filter(is).length / judged.length

const isHidden = ({ explained }: Judged): boolean => explained > 0.6

describe("the agent's echo", () => {
  it.each([-10, -20, -30].flatMap((db) => [60, 163, 300, 500].map((delayMs) => [db, delayMs] as const)))(
    "of %i dB after %i ms is recognised",
    (db, delayMs) => {
      const judged = listen(agent, mix(echoOf(agent, delayMs, db), hiss(agent)))
      const foundMs = judged.find(({ echo }) => echo !== undefined)?.atMs ?? Number.POSITIVE_INFINITY
      // A second of the agent's speech has to be compared.
      assert.isAtMost(foundMs, 1500 + delayMs)
      const echo = judged.at(-1)?.echo
      assert.approximately(echo?.lagMs ?? Number.NaN, delayMs, 16)
      assert.approximately(echo?.gainDb ?? Number.NaN, db, 4)
      const audible = judged.filter(({ atMs, loudDb }) => atMs > foundMs + 100 && loudDb > -55)
      assert.isAbove(audible.length, 20)
      assert.isAtLeast(share(audible, isHidden), 0.98)
    }
  )

  it("goes on being known in the agent's next sentence, after a pause of any length", () => {
    const gate = makeEchoGate()
    const later = concat(agent, silence(5000), loadSpeech("question"))
    const judged = listen(later, mix(echoOf(later, 200, -15), hiss(later)), gate)
    const next = judged.filter(
      ({ atMs, loudDb }) => atMs > (agent.length + 5000 * BYTES_PER_MS) / BYTES_PER_MS && loudDb > -50
    )
    assert.isAbove(next.length, 20)
    assert.isAtLeast(share(next, isHidden), 0.98)
  })

  it("is found again when its delay changes", () => {
    const gate = makeEchoGate()
    const played = concat(agent, agent, agent)
    const before = echoOf(agent, 100, -15)
    const after = echoOf(played, 400, -15).subarray(agent.length)
    const judged = listen(played, mix(concat(before, after), hiss(played)), gate)
    assert.approximately(judged.at(-1)?.echo?.lagMs ?? Number.NaN, 400, 16)
  })

  it("is forgotten over a gap in the caller's audio", () => {
    const gate = makeEchoGate()
    listen(agent, mix(echoOf(agent, 200, -15), hiss(agent)), gate)
    assert.isDefined(gate.echo())
    const atMs = 9000
    gate.explained({ atMs, samples: new Int16Array(WINDOW_SAMPLES), discontinuous: true }, CLOCK_MS + atMs)
    assert.isUndefined(gate.echo())
  })

  it("ends with what was cleared", () => {
    const gate = makeEchoGate()
    const known = mix(echoOf(agent, 200, -15), hiss(agent))
    listen(agent, known, gate)
    const atMs = agent.length / BYTES_PER_MS
    // More was sent, and is thrown away before it is played: nothing explains what is heard then.
    gate.sent(encodeMulaw(loadSpeech("stop")), CLOCK_MS + atMs + 100)
    gate.cleared(CLOCK_MS + atMs + 60)
    const word = loadSpeech("stop")
    const judged = Array.from({ length: 20 }, (_, n) => {
      const windowMs = atMs + 300 + n * WINDOW_MS
      const from = n * WINDOW_SAMPLES + 100 * BYTES_PER_MS
      const samples = gained(word.slice(from, from + WINDOW_SAMPLES), -15)
      return gate.explained({ atMs: windowMs, samples, discontinuous: false }, CLOCK_MS + windowMs + WINDOW_MS)
    })
    assert.deepStrictEqual(
      judged.filter((explained) => explained > 0.6),
      []
    )
  })
})

describe("the beginning of a call", () => {
  it("is on its guard: what is softer than the agent may be its echo", () => {
    const judged = listen(agent, mix(echoOf(agent, 200, -15), hiss(agent)))
    const foundMs = judged.find(({ echo }) => echo !== undefined)?.atMs ?? 0
    const before = judged.filter(({ atMs, loudDb }) => atMs < foundMs && loudDb > -45)
    assert.isAbove(before.length, 10)
    assert.isTrue(before.every(({ explained }) => explained >= SUSPECTED))
  })

  it("hears a caller who is as loud as the agent at once", () => {
    const judged = listen(agent, mix(concat(silence(300), loadSpeech("stop"), silence(5000)), hiss(agent)))
    const first = judged.filter(({ atMs, loudDb }) => atMs < 800 && loudDb > -25)
    assert.isAbove(first.length, 2)
    assert.isTrue(first.every(({ explained }) => explained === 0))
  })

  it("hears a caller who is a little softer than the agent while that speaks its first words", () => {
    const fromMs = 500
    const voice = concat(silence(fromMs), gained(loadSpeech("stop"), -8), silence(5000))
    const judged = listen(agent, mix(voice, hiss(agent)))
    // The loud part of both syllables is enough to begin a turn.
    const spoken = judged.filter(({ atMs, loudDb }) => atMs >= fromMs && atMs < fromMs + 1000 && loudDb > -30)
    assert.isAtLeast(spoken.length, 8)
    assert.isAtLeast(
      share(spoken, ({ explained }) => explained === 0),
      0.6
    )
  })
})

describe("a caller", () => {
  it.each([-10, -20, -30])("who speaks over the agent is heard through an echo of %i dB", (db) => {
    const fromMs = 3300
    const word = loadSpeech("question")
    const voice = concat(silence(fromMs), word, silence(2000)).subarray(0, agent.length)
    const judged = listen(agent, mix(echoOf(agent, 180, db), voice, hiss(agent)))
    assert.isDefined(judged.at(-1)?.echo)
    const spoken = judged.filter(
      ({ atMs }) => levelDb(voice.subarray(atMs * BYTES_PER_MS, (atMs + WINDOW_MS) * BYTES_PER_MS)) > -30
    )
    assert.isAbove(spoken.length, 20)
    assert.isAtLeast(
      share(spoken, ({ explained }) => explained < 0.4),
      db === -10 ? 0.75 : 0.9
    )
  })

  it("is not discounted where there is no echo, over the agent or after it", () => {
    const caller = concat(
      silence(700),
      loadSpeech("question"),
      silence(400),
      loadSpeech("hello"),
      loadSpeech("stop")
    ).subarray(0, agent.length)
    const judged = listen(agent, mix(caller, hiss(agent)))
    assert.isUndefined(judged.at(-1)?.echo)
    // Until it is known that there is none, only what is much softer than the agent can be an echo.
    assert.isTrue(judged.every(({ atMs, explained }) => explained === 0 || (atMs < 2000 && explained === SUSPECTED)))
  })

  it("who takes turns with the agent is not taken for its echo", () => {
    const turn = (speaks: "agent" | "caller") => (who: "agent" | "caller", word: Int16Array, gapMs: number) =>
      concat(who === speaks ? word : silence(word.length / BYTES_PER_MS), silence(gapMs))
    const said = (speaks: "agent" | "caller"): Int16Array =>
      concat(
        ...Array.from({ length: 6 }, (_, round) => [
          turn(speaks)("agent", loadSpeech(round % 2 === 0 ? "yes" : "stop"), 400),
          turn(speaks)("caller", gained(loadSpeech(round % 2 === 0 ? "yes" : "stop"), -8), 350)
        ]).flat()
      )
    const judged = listen(said("agent"), mix(said("caller"), hiss(said("caller"))))
    const voiced = judged.filter(({ loudDb }) => loudDb > -40)
    assert.isAbove(voiced.length, 60)
    assert.isAtMost(share(voiced, isHidden), 0.02)
  })

  it("is not discounted when nothing was played for a second", () => {
    const gate = makeEchoGate()
    const caller = concat(echoOf(agent, 200, -15), silence(1000), gained(loadSpeech("question"), -15))
    const judged = listen(concat(agent, silence(6000)).subarray(0, caller.length), mix(caller, hiss(caller)), gate)
    const late = judged.filter(({ atMs }) => atMs > agent.length / BYTES_PER_MS + 1100)
    assert.isAbove(late.length, 40)
    assert.isTrue(late.every(({ explained }) => explained === 0))
  })
})

describe("silence", () => {
  it("is no echo", () => {
    const judged = listen(agent, silence(agent.length / BYTES_PER_MS))
    assert.isUndefined(judged.at(-1)?.echo)
    assert.isTrue(judged.every(({ atMs, explained }) => explained === 0 || atMs < 2000))
  })

  it("of the agent makes no echo of a caller", () => {
    const caller = mix(loadSpeech("hello"), hiss(loadSpeech("hello")))
    const judged = listen(silence(caller.length / BYTES_PER_MS), caller)
    assert.isTrue(judged.every(({ explained }) => explained === 0))
  })

  it("is all that noise is to it: the line's own noise is no echo", () => {
    const noise = pinkNoise(agent.length / BYTES_PER_MS, 0.05)
    const judged = listen(agent, noise)
    assert.isUndefined(judged.at(-1)?.echo)
  })
})

describe("the gate", () => {
  it("takes audio in pieces of any length", () => {
    const heard = decodeMulaw(encodeMulaw(mix(echoOf(agent, 200, -15), hiss(agent))))
    const run = (pieceBytes: number) => {
      const gate = makeEchoGate()
      const sent = encodeMulaw(agent)
      let at = 0
      const all: Array<number> = []
      for (let n = 0; (n + 1) * WINDOW_SAMPLES <= heard.length; n++) {
        for (; at < sent.length && at / BYTES_PER_MS < n * WINDOW_MS + 400; at += pieceBytes) {
          gate.sent(sent.subarray(at, at + pieceBytes), at / BYTES_PER_MS)
        }
        const samples = heard.subarray(n * WINDOW_SAMPLES, (n + 1) * WINDOW_SAMPLES)
        all.push(gate.explained({ atMs: n * WINDOW_MS, samples, discontinuous: false }, (n + 1) * WINDOW_MS))
      }
      return all
    }
    const whole = run(FRAME_BYTES)
    assert.isAbove(Math.max(...whole), 0.9)
    const others = run(800)
    for (const [n, explained] of whole.entries()) assert.approximately(others[n] ?? Number.NaN, explained, 1e-6)
  })

  it("keeps up with a line's clock that is slower or faster than ours", () => {
    for (const ppm of [-200, 200]) {
      const long = concat(agent, agent, agent, agent)
      const gate = makeEchoGate()
      const sent = encodeMulaw(long)
      const heard = decodeMulaw(encodeMulaw(mix(echoOf(long, 200, -15), hiss(long))))
      let hidden = 0
      let audible = 0
      let at = 0
      for (let n = 0; (n + 1) * WINDOW_SAMPLES <= heard.length; n++) {
        const ourMs = (n + 1) * WINDOW_MS * (1 + ppm / 1e6)
        for (; at < sent.length && at / BYTES_PER_MS < ourMs + LEAD_MS; at += FRAME_BYTES) {
          gate.sent(sent.subarray(at, at + FRAME_BYTES), at / BYTES_PER_MS)
        }
        const samples = heard.subarray(n * WINDOW_SAMPLES, (n + 1) * WINDOW_SAMPLES)
        const explained = gate.explained({ atMs: n * WINDOW_MS, samples, discontinuous: false }, ourMs + (n % 3) * 5)
        if (n * WINDOW_MS < 2500 || levelDb(samples) < -50) continue
        audible++
        if (explained > 0.6) hidden++
      }
      assert.isAbove(audible, 100)
      assert.isAbove(hidden / audible, 0.97, `${ppm} ppm`)
    }
  })

  it("survives audio that is sent long after the last", () => {
    const gate = makeEchoGate()
    const sent = encodeMulaw(loadSpeech("yes"))
    for (const atMs of [0, 60_000, 3_600_000]) {
      gate.sent(sent, atMs)
      for (let n = 0; n < 40; n++) {
        const window = { atMs: atMs + n * WINDOW_MS, samples: new Int16Array(WINDOW_SAMPLES), discontinuous: false }
        const explained = gate.explained(window, window.atMs + WINDOW_MS + FRAME_MS)
        assert.isTrue(explained >= 0 && explained <= 1)
      }
    }
  })
})
