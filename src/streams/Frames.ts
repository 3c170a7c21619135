/** mu-law bytes of any length in, whole telephone frames out; owns no pacing and no codec. */
import { Stream } from "effect"
import { FRAME_BYTES, MULAW_SILENCE } from "../schema/Audio.ts"
import { type Stage } from "./Stage.ts"

/** The bytes after the last whole frame, fewer than `FRAME_BYTES`. */
export type FramesState = Uint8Array

/** Nothing carried. */
export const initial: FramesState = new Uint8Array(0)

/**
 * Adds bytes and gives out all whole frames there are now, as one chunk or none.
 *
 * With nothing carried the chunk is a view of the input, not a copy.
 */
export const step = (state: FramesState, bytes: Uint8Array): readonly [FramesState, ReadonlyArray<Uint8Array>] => {
  const total = state.length + bytes.length
  const whole = total - (total % FRAME_BYTES)
  if (state.length > 0 || whole === 0) {
    const joined = new Uint8Array(total)
    joined.set(state)
    joined.set(bytes, state.length)
    return whole === 0 ? [joined, []] : [joined.slice(whole), [joined.subarray(0, whole)]]
  }
  // Not `slice`: of a Buffer that would be a view, and hold on to all of it.
  return whole === total ? [initial, [bytes]] : [new Uint8Array(bytes.subarray(whole)), [bytes.subarray(0, whole)]]
}

/** The last frame: what is carried, filled up with silence; none if nothing is carried. */
export const end = (state: FramesState): ReadonlyArray<Uint8Array> => {
  if (state.length === 0) return []
  const frame = new Uint8Array(FRAME_BYTES).fill(MULAW_SILENCE)
  frame.set(state)
  return [frame]
}

/**
 * Cuts mu-law into chunks whose lengths are multiples of `FRAME_BYTES`; the remainder goes with the next chunk, and at
 * the end of the stream it is filled up with silence.
 */
export const alignFrames: Stage<Uint8Array, Uint8Array> = Stream.mapAccum(() => initial, step, { onHalt: end })
