/** Several of our recorded voices at once, behind whatever a caller says: sounds for tests. The same arguments give the same samples. */
import { Stream } from "effect"
import { type MediaLink } from "../../src/services/MediaLink.ts"
import { decodeMulawBase64, encodeMulaw } from "../../src/streams/Mulaw.ts"
import { loadSpeech } from "./Speech.ts"

const TALKERS = 12

/** Seconds of it before it repeats. */
const SECONDS = 16

const levelOf = (samples: ArrayLike<number>): number => {
  let power = 0
  for (let i = 0; i < samples.length; i++) power += (samples[i] ?? 0) ** 2
  return Math.sqrt(power / samples.length)
}

/** Babble at a level in dB relative to full scale (RMS): each talker begins somewhere else, half of them slower. */
export const babble = (dbfs: number): Int16Array => {
  const voices = ["hello", "question", "stop", "yes"] as const
  const speech = voices.flatMap((name) => [...loadSpeech(name), ...new Int16Array(1200)])
  const mixed = Float32Array.from({ length: SECONDS * 8000 }, (_, n) => {
    let sum = 0
    for (let talker = 0; talker < TALKERS; talker++) {
      const at = Math.floor(n * (talker % 2 === 0 ? 1 : 0.87)) + talker * 9973
      sum += speech[at % speech.length] ?? 0
    }
    return sum
  })
  const gain = (32768 * 10 ** (dbfs / 20)) / levelOf(mixed)
  return Int16Array.from(mixed, (sample) => Math.round(sample * gain))
}

/** The link as it is when there is such a sound at the caller's end. */
export const withSound = (link: MediaLink, sound: Int16Array): MediaLink => {
  let at = 0
  return {
    ...link,
    inbound: Stream.map(link.inbound, (text) => {
      const frame = JSON.parse(text) as { readonly event: string; readonly media?: { readonly payload: string } }
      if (frame.event !== "media" || frame.media === undefined) return text
      const samples = decodeMulawBase64(frame.media.payload).map((sample) =>
        Math.max(-32768, Math.min(32767, sample + (sound[at++ % sound.length] ?? 0)))
      )
      const media = { ...frame.media, payload: Buffer.from(encodeMulaw(samples)).toString("base64") }
      return JSON.stringify({ ...frame, media })
    })
  }
}
