import { assert, describe, it } from "@effect/vitest"
import { FRAME_BYTES, MULAW_SILENCE } from "../../src/schema/Audio.ts"
import { FILLER, type ReplyAudio } from "../../src/streams/ReplyRecord.ts"
import { makeUnsentAudio, type OutboundMessage } from "../../src/streams/UnsentAudio.ts"

const MESSAGE_BYTES = 8 * FRAME_BYTES

const piece = (sentence: number, bytes: number, fill = 1): ReplyAudio => ({
  sentence,
  mulaw: new Uint8Array(bytes).fill(fill)
})

const takeAll = (unsent: ReturnType<typeof makeUnsentAudio>): Array<OutboundMessage> => {
  const messages: Array<OutboundMessage> = []
  for (;;) {
    const message = unsent.take()
    if (message === undefined) return messages
    messages.push(message)
  }
}

/** Length in bytes and last sentence of each message. */
const shapes = (...pieces: ReadonlyArray<ReplyAudio>) => {
  const unsent = makeUnsentAudio(MESSAGE_BYTES)
  pieces.forEach(unsent.add)
  return takeAll(unsent).map(({ mulaw, sentence }) => [mulaw.length, sentence])
}

describe("messages", () => {
  it("hold as much as has come, and no more than one may", () => {
    assert.deepStrictEqual(shapes(piece(0, 800)), [[800, 0]])
    assert.deepStrictEqual(shapes(piece(0, 800), piece(0, 800), piece(0, 800)), [
      [1280, 0],
      [1120, 0]
    ])
    assert.deepStrictEqual(shapes(piece(0, 3000)), [
      [1280, 0],
      [1280, 0],
      [320, 0]
    ])
    assert.deepStrictEqual(shapes(piece(0, 159)), [])
    assert.deepStrictEqual(shapes(piece(0, 0)), [])
  })

  it("tell the sentence at their end; less than a frame of it is not in them", () => {
    assert.deepStrictEqual(shapes(piece(0, 400), piece(1, 800)), [[1120, 1]])
    assert.deepStrictEqual(shapes(piece(0, 320), piece(1, 159)), [[320, 0]])
    assert.deepStrictEqual(shapes(piece(0, 1200), piece(1, 400)), [
      [1280, 1],
      [320, 1]
    ])
  })

  it("hold a filler or the reply, not both, but for the filler's last part of a frame", () => {
    assert.deepStrictEqual(shapes(piece(FILLER, 320), piece(0, 320)), [
      [320, FILLER],
      [320, 0]
    ])
    assert.deepStrictEqual(shapes(piece(FILLER, 400), piece(0, 400)), [
      [320, FILLER],
      [480, 0]
    ])
    assert.deepStrictEqual(shapes(piece(FILLER, 100), piece(0, 100)), [[160, 0]])
  })

  it("are views where they can be", () => {
    const unsent = makeUnsentAudio(MESSAGE_BYTES)
    const whole = piece(0, 2 * MESSAGE_BYTES)
    unsent.add(whole)
    for (const { mulaw } of takeAll(unsent)) assert.strictEqual(mulaw.buffer, whole.mulaw.buffer)
  })

  it("are all of the audio, in order, and silence to the end of the last frame, however it is cut and taken", () => {
    const sizes = [0, 1, 33, 159, 160, 161, 480, 799, 1280, 1281, 5000]
    for (let seed = 1; seed <= 200; seed++) {
      let state = seed
      const draw = (below: number): number => {
        state = (state * 48_271) % 2_147_483_647
        return state % below
      }
      const unsent = makeUnsentAudio(MESSAGE_BYTES)
      const given: Array<number> = []
      const taken: Array<number> = []
      const keep = (message: OutboundMessage | undefined): void => {
        if (message === undefined) return
        assert.strictEqual(message.mulaw.length % FRAME_BYTES, 0)
        assert.isAtMost(message.mulaw.length, MESSAGE_BYTES)
        taken.push(...message.mulaw)
      }
      for (let n = 0; n < 20; n++) {
        const mulaw = Uint8Array.from({ length: sizes[draw(sizes.length)] ?? 0 }, () => draw(250))
        given.push(...mulaw)
        unsent.add({ sentence: 0, mulaw })
        for (let takes = draw(3); takes > 0; takes--) keep(unsent.take())
      }
      unsent.end()
      takeAll(unsent).forEach(keep)
      assert.isFalse(unsent.isReady())
      while (given.length % FRAME_BYTES !== 0) given.push(MULAW_SILENCE)
      assert.deepStrictEqual(taken, given, `seed ${seed}`)
    }
  })
})
