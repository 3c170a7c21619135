import { assert, describe, it } from "@effect/vitest"
import { makeLoadPlayout } from "../../src/cli/LoadPlayout.ts"
import { encodeMulaw } from "../../src/streams/Mulaw.ts"

/** So many milliseconds of a sound. */
const sound = (ms: number, level = 8000): Uint8Array => encodeMulaw(new Int16Array(ms * 8).fill(level))

const silence = (ms: number): Uint8Array => sound(ms, 0)

/** Everything that is heard up to a time: from, until, and whether it goes on. */
const heardTo = (playout: ReturnType<typeof makeLoadPlayout>, atMs: number) => {
  const heard: Array<readonly [number, number, boolean]> = []
  playout.playTo(atMs, (fromMs, untilMs, goesOn) => heard.push([fromMs, untilMs, goesOn]))
  return heard
}

describe("the carrier's queue", () => {
  it("plays audio one after the other, from the moment it comes, and tells of what is audible in it", () => {
    const playout = makeLoadPlayout()
    assert.deepStrictEqual(playout.media(100, silence(40)), { aheadMs: undefined })
    assert.deepStrictEqual(playout.media(110, sound(60)), { aheadMs: 30 })
    assert.deepStrictEqual(heardTo(playout, 140), [])
    assert.deepStrictEqual(heardTo(playout, 160), [[140, 160, false]])
    assert.isTrue(playout.hasMore())
    assert.deepStrictEqual(heardTo(playout, 500), [[160, 200, true]])
    assert.isFalse(playout.hasMore())
    assert.strictEqual(playout.heardUntilMs(), 200)
  })

  it("finds the audible part of a message", () => {
    const playout = makeLoadPlayout()
    playout.media(0, Buffer.concat([silence(5), sound(10), silence(5)]))
    assert.deepStrictEqual(heardTo(playout, 20), [[5, 15, false]])
  })

  it("takes what comes after 200 ms of silence for something new", () => {
    const playout = makeLoadPlayout()
    playout.media(0, Buffer.concat([sound(20), silence(199), sound(20), silence(200), sound(20)]))
    playout.media(0, silence(20))
    playout.media(0, sound(20))
    const goesOn = heardTo(playout, 1000).map(([, , goesOn]) => goesOn)
    // Pauses within a message are not looked at: messages are short.
    assert.deepStrictEqual(goesOn, [false, true])
  })

  it("says how much too late audio was, unless something new begins with it", () => {
    const playout = makeLoadPlayout()
    playout.media(0, sound(20))
    assert.deepStrictEqual(playout.media(50, sound(20)), { aheadMs: -30 })
    assert.deepStrictEqual(playout.media(1071, sound(20)), { aheadMs: undefined })
    playout.interrupt()
    assert.deepStrictEqual(playout.media(1100, sound(20)), { aheadMs: undefined })
  })

  it("gives marks back when what came before them is played, at once if there is nothing", () => {
    const playout = makeLoadPlayout()
    assert.strictEqual(playout.markDueMs(5), 5)
    playout.media(10, sound(100))
    assert.strictEqual(playout.markDueMs(20), 110)
    playout.clear(30)
    assert.strictEqual(playout.markDueMs(31), 31)
  })

  it("throws away what is not played yet", () => {
    const playout = makeLoadPlayout()
    playout.media(0, sound(100))
    playout.media(0, sound(100))
    assert.deepStrictEqual(heardTo(playout, 40), [[0, 40, false]])
    playout.clear(50)
    assert.deepStrictEqual(heardTo(playout, 500), [[40, 50, true]])
    assert.deepStrictEqual(playout.media(500, sound(20)), { aheadMs: undefined })
  })
})
