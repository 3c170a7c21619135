/** Text and a script in, the pieces it is said in and the bytes they are sent as out. Pure but for the waits a script asks for. */
import { Effect } from "effect"
import { TTS_RATE } from "../schema/TogetherTts.ts"
import { encodeWav } from "../streams/Wav.ts"
import { tone, type TtsEmulatorScript, type TtsItem } from "./TtsScript.ts"

/** Sizes of deltas when the script has none: odd ones, tiny ones, and some that are long. */
const RAGGED: ReadonlyArray<number> = [1, 959, 4801, 333, 9600, 2, 1921, 7]

const CHARACTERS_PER_SECOND = 15

/** Bytes of the header that `encodeWav` writes. */
const HEADER_BYTES = 44

/** Where a header is cut that comes in two. */
const HEADER_CUT = 30

/** How the session was asked to divide text. */
export interface Segmenting {
  readonly mode: "sentence" | "immediate" | "never"
  readonly maxPartialLength: number
}

const sentenceEnd = /^[\s\S]*?[.!?]+["')\]]*(?=\s|$)/

/** Divides a buffer: the pieces that can be said now, and what is left. `ended` says that nothing more will be added. */
export const divide = (
  buffer: string,
  { maxPartialLength, mode }: Segmenting,
  ended: boolean
): readonly [pieces: ReadonlyArray<string>, rest: string] => {
  if (mode !== "sentence") {
    const whole = ended || mode === "immediate"
    return whole && buffer.trim() !== "" ? [[buffer.trim()], ""] : [[], whole ? "" : buffer]
  }
  const pieces: Array<string> = []
  let rest = buffer
  for (;;) {
    const end = sentenceEnd.exec(rest)?.[0].length
    // A full stop at the end of the buffer may be the middle of a number.
    if (end !== undefined && (ended || end < rest.length)) {
      pieces.push(rest.slice(0, end).trim())
      rest = rest.slice(end).trimStart()
      continue
    }
    if (rest.length <= maxPartialLength) break
    const space = rest.lastIndexOf(" ", maxPartialLength)
    const cut = space > 0 ? space : maxPartialLength
    pieces.push(rest.slice(0, cut).trim())
    rest = rest.slice(cut).trimStart()
  }
  if (ended && rest.trim() !== "") return [[...pieces, rest.trim()], ""]
  return [pieces, rest]
}

/** The bytes of an item in the sizes of the script, header and all; `first` says that it is the first of its connection. */
export const cutUp = (script: TtsEmulatorScript, samples: Int16Array, first: boolean): ReadonlyArray<Uint8Array> => {
  const header = script.header ?? "never"
  const file = encodeWav({ channels: [samples], sampleRate: script.sampleRate ?? TTS_RATE })
  const headed = header === "item" || header === "split" || (header === "connection" && first)
  const bytes = headed ? file : file.subarray(HEADER_BYTES)
  const sizes = script.deltaBytes ?? RAGGED
  const deltas: Array<Uint8Array> = []
  let at = 0
  if (header === "split") {
    deltas.push(bytes.subarray(0, HEADER_CUT))
    at = HEADER_CUT
  }
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1)
    deltas.push(bytes.subarray(at, at + size))
    at += size
  }
  return deltas
}

/** The audio of an item. */
export const audioOf = (script: TtsEmulatorScript, item: TtsItem): Int16Array => {
  if (script.audio !== undefined) return script.audio(item)
  const durationMs = (item.text.length * 1000) / (script.charactersPerSecond ?? CHARACTERS_PER_SECOND)
  return tone(item.number, durationMs, script.sampleRate ?? TTS_RATE)
}

/** Waits until an item's audio begins. */
export const firstAudioOf = ({ firstAudio }: TtsEmulatorScript, item: TtsItem): Effect.Effect<void> => {
  const wait = typeof firstAudio === "function" ? firstAudio(item) : (firstAudio ?? 0)
  return Effect.isEffect(wait) ? wait : Effect.sleep(wait)
}
