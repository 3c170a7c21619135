import { assert, describe, it } from "@effect/vitest"
import { Effect, Predicate, Stream } from "effect"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { runCall } from "../../src/streams/Call.ts"
import { type CallServices } from "../../src/streams/CallSession.ts"
import { hangUp, interrupt, listen, pause, say } from "../../src/testing/CallerScript.ts"
import { checkCall, hearsEverything, invariants, type Limits } from "../../src/testing/Invariants.ts"
import { simulate, type SimulationOptions } from "../../src/testing/Simulation.ts"
import { spoken } from "../../src/testing/WordSound.ts"

const scenario: SimulationOptions = {
  script: [
    listen(),
    say(spoken("Where can I park my car?")),
    interrupt({ afterMs: 1500, say: spoken("Actually, never mind about parking, I will take a train.") }),
    listen(),
    pause(7000),
    hangUp
  ],
  services: {
    languageModel: {
      replies: ["Behind our house there are plenty of places, all free after seven.", "Then see you at dinner."]
    }
  }
}

const everything = { ...invariants, hearsEverything }

type Run = (link: MediaLink) => Effect.Effect<void, never, CallServices>

/** Names of the invariants that do not hold when something comes between the agent and the line. */
const broken = (run: Run, limits: Partial<Limits> = {}) =>
  Effect.map(simulate({ ...scenario, run }), (report) => [
    ...new Set(checkCall(report, everything, limits).map(({ invariant }) => invariant))
  ])

/** An agent that says other things than it wants to: each of its frames becomes those that `change` gives. */
const saying =
  (change: (frame: string, sent: number) => ReadonlyArray<string>): Run =>
  (link) =>
    Effect.suspend(() => {
      let sent = 0
      return runCall({
        ...link,
        send: (frame) => Effect.suspend(() => Effect.forEach(change(frame, sent++), link.send, { discard: true }))
      })
    })

const payloadOf = (frame: string): string | undefined => {
  const json: unknown = JSON.parse(frame)
  const media = Predicate.hasProperty(json, "media") ? json.media : undefined
  return Predicate.hasProperty(media, "payload") ? String(media.payload) : undefined
}

const isClear = (frame: string): boolean => frame.includes('"event":"clear"')

describe("what must hold", () => {
  it.live("holds in a good call", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* broken(runCall), [])
    })
  )

  it.live("is broken by what is left over", () =>
    Effect.gen(function* () {
      const forgetful: Run = (link) => Effect.andThen(Effect.forkDetach(Effect.never), runCall(link))
      assert.deepStrictEqual(yield* broken(forgetful), ["endsCleanly"])
      const endless: Run = (link) => Effect.andThen(runCall(link), Effect.never)
      assert.deepStrictEqual(yield* broken(endless), ["endsCleanly"])
      const slow: Run = (link) => Effect.andThen(runCall(link), Effect.sleep("2 seconds"))
      assert.deepStrictEqual(yield* broken(slow), ["endsCleanly"])
      assert.deepStrictEqual(yield* broken(slow, { doneMs: 2000 }), [])
      const failing: Run = (link) => Effect.andThen(runCall(link), Effect.logError("something went wrong"))
      assert.deepStrictEqual(yield* broken(failing), ["endsCleanly"])
      assert.include(yield* broken(() => Effect.die("broken")), "endsCleanly")
    })
  )

  it.live("is broken by frames the carrier refuses", () =>
    Effect.gen(function* () {
      const wrong = saying((frame, sent) => (sent === 3 ? ["{}", frame] : [frame]))
      assert.deepStrictEqual(yield* broken(wrong), ["speaksTheProtocol"])
    })
  )

  it.live("is broken by audio that is sent after a clear", () =>
    Effect.gen(function* () {
      let last = ""
      const stale = saying((frame) => {
        if (payloadOf(frame) !== undefined) last = frame
        return isClear(frame) ? [frame, last, last] : [frame]
      })
      assert.include(yield* broken(stale), "clearsForGood")
    })
  )

  it.live("is broken by audio that is said twice or out of place", () =>
    Effect.gen(function* () {
      const all: Array<string> = []
      const stutter = saying((frame) => {
        if (payloadOf(frame) !== undefined) all.push(frame)
        // The mark at a reply's end: all that was said so far is said again before it.
        return frame.includes(":end") ? [...all, frame] : [frame]
      })
      assert.include(yield* broken(stutter), "saysItOnce")
    })
  )

  it.live("is broken by audio that is not heard", () =>
    Effect.gen(function* () {
      const gaps = saying((frame, sent) => (payloadOf(frame) !== undefined && sent % 4 === 0 ? [] : [frame]))
      assert.include(yield* broken(gaps), "remembersWhatWasHeard")
    })
  )

  it.live("is broken by an agent that does not let anyone get a word in", () =>
    Effect.gen(function* () {
      const hush = (frame: string): boolean => isClear(frame) || frame.includes('"event":"mark"')
      const tone = Buffer.alloc(160, 0x20).toString("base64")
      const bluster = saying((frame) => {
        const payload = payloadOf(frame)
        if (payload === undefined) return hush(frame) ? [] : [frame]
        const more = JSON.stringify({ ...(JSON.parse(frame) as object), media: { payload: tone } })
        return [frame, ...Array.from({ length: 60 }, () => more)]
      })
      assert.include(yield* broken(bluster), "yields")
    })
  )

  it.live("is broken by an agent that says nothing", () =>
    Effect.gen(function* () {
      const mute = saying((frame) => (payloadOf(frame) === undefined ? [frame] : []))
      assert.include(yield* broken(mute, { silenceMs: 5000 }), "answers")
    })
  )

  it.live("is broken by an agent that does not hear, or hears twice", () =>
    Effect.gen(function* () {
      const deaf: Run = (link) => {
        let frames = 0
        const hears = (frame: string) => !frame.includes('"media"') || frames++ % 50 < 40
        return runCall({ ...link, inbound: Stream.filter(link.inbound, hears) })
      }
      assert.include(yield* broken(deaf), "hearsEverything")
      const repeats = yield* simulate({
        ...scenario,
        services: {
          ...scenario.services,
          speechToText: { words: () => "Where can I park my car? Where can I park my car?" }
        }
      })
      assert.include(
        checkCall(repeats).map(({ invariant }) => invariant),
        "repeatsNothing"
      )
    })
  )

  it.live("is told in words, with times", () =>
    Effect.gen(function* () {
      const mute = saying((frame) => (payloadOf(frame) === undefined ? [frame] : []))
      const report = yield* simulate({ ...scenario, run: mute })
      const [problem] = checkCall(report, { answers: invariants.answers }, { silenceMs: 4000 })
      assert.match(
        problem?.message ?? "",
        /^the caller waited 4000 ms for an answer to ".+", which ended at \d+\.\d{3} s$/
      )
    })
  )
})
