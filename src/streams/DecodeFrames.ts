/** Text frames of the carrier in, typed frames out; malformed ones are reported and skipped. Does not decode the audio in them. */
import { Result, Schema, Stream } from "effect"
import { InboundFrame } from "../schema/Twilio.ts"
import { type Stage } from "./Stage.ts"

const decode = Schema.decodeUnknownResult(InboundFrame)

const knownEvents: ReadonlySet<unknown> = new Set(["connected", "start", "media", "mark", "dtmf", "stop"])

/** What became of a text frame: a frame, one of a kind that is not ours to understand, or nonsense. */
export type Decoded =
  | { readonly _tag: "Frame"; readonly frame: InboundFrame }
  | { readonly _tag: "Unknown"; readonly event: string }
  | { readonly _tag: "Malformed"; readonly problem: string }

/** Decodes one text frame. */
export const decodeFrame = (text: string): Decoded => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { _tag: "Malformed", problem: "not JSON" }
  }
  const result = decode(json)
  if (Result.isSuccess(result)) return { _tag: "Frame", frame: result.success }
  const event = typeof json === "object" && json !== null && "event" in json ? json.event : undefined
  return typeof event === "string" && !knownEvents.has(event)
    ? { _tag: "Unknown", event }
    : { _tag: "Malformed", problem: knownEvents.has(event) ? `not a valid ${String(event)} frame` : "no event name" }
}

/** Decodes frames; `onMalformed` is called with the problem of each frame that is skipped. */
export const decodeFrames = (onMalformed: (problem: string) => void): Stage<string, InboundFrame> =>
  Stream.mapAccum(
    () => undefined,
    (state: undefined, text: string) => {
      const decoded = decodeFrame(text)
      if (decoded._tag === "Frame") return [state, [decoded.frame]]
      if (decoded._tag === "Malformed") onMalformed(decoded.problem)
      return [state, []]
    }
  )
