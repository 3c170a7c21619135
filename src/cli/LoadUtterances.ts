/** Prepared turns in, what load callers say out: cut into frames once, so that saying it costs nothing. Pure. */
import { BYTES_PER_MS, FRAME_BYTES, FRAME_MS } from "../schema/Audio.ts"
import { encodeMulaw } from "../streams/Mulaw.ts"
import { audibleBounds } from "../testing/AgentVoice.ts"
import { type LoadUtterance } from "./LoadCaller.ts"
import { type KnownUtterance, UNKNOWN_WORDS } from "./LoadStandInSound.ts"
import { type Turn } from "./TurnAudio.ts"

/** What is said if nothing else is asked for. */
export const DEFAULT_TEXTS: ReadonlyArray<string> = [
  "What time do you open tomorrow morning?",
  "Can I bring it in on a Saturday?",
  "How much would that cost me?"
]

/** Cuts a turn into frames; the last one is filled up with silence. */
export const toUtterance = ({ audio, label }: Pick<Turn, "audio" | "label">): LoadUtterance => {
  const frames = Math.ceil(audio.length / FRAME_BYTES)
  const samples = new Int16Array(frames * FRAME_BYTES)
  samples.set(audio)
  const mulaw = encodeMulaw(samples)
  const { from, until } = audibleBounds(audio)
  return {
    label,
    payloads: Array.from({ length: frames }, (_, n) =>
      Buffer.from(mulaw.subarray(n * FRAME_BYTES, (n + 1) * FRAME_BYTES)).toString("base64")
    ),
    fromMs: from / BYTES_PER_MS,
    untilMs: until / BYTES_PER_MS
  }
}

/** What a provider without ears has to know of it. */
export const toKnown = ({ audio, text }: Pick<Turn, "audio" | "text">): KnownUtterance => ({
  text: text === "" ? UNKNOWN_WORDS : text,
  durationMs: Math.ceil(audio.length / FRAME_BYTES) * FRAME_MS
})
