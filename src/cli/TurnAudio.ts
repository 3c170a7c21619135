/** Turns as they were asked for in, their sound for the line out. Owns reading and speaking them, not when they are said. */
import { Array as Arr, Effect, FileSystem, Layer, Result, Stream } from "effect"
import { basename } from "node:path"
import { PHONE_RATE, type PcmAudio } from "../schema/Audio.ts"
import { TextToSpeech } from "../services/TextToSpeech.ts"
import { makeResampler } from "../streams/Resample.ts"
import { decodeWav, type WavAudio } from "../streams/Wav.ts"
import { AUDIBLE } from "../testing/AgentVoice.ts"
import { CallError } from "./CallError.ts"
import { type TurnRequest } from "./CallTurns.ts"

/** A turn that is ready to be said. */
export interface Turn {
  /** The words, or the name of the file. */
  readonly label: string
  /** The words, as far as they are known; "" otherwise. */
  readonly text: string
  /** 8 kHz mono PCM with something to be heard in it. */
  readonly audio: Int16Array
  /** As in {@link TurnRequest}. */
  readonly bargeInMs: number | undefined
}

const mixed = (channels: WavAudio["channels"]): Int16Array => {
  const [first = new Int16Array(0)] = channels
  if (channels.length === 1) return first
  return first.map((_, i) => Math.round(channels.reduce((sum, track) => sum + (track[i] ?? 0), 0) / channels.length))
}

const joined = (pieces: ReadonlyArray<Int16Array>): Int16Array => {
  const all = new Int16Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

const toLine = ({ sampleRate, samples }: PcmAudio): Int16Array => {
  const resampler = makeResampler(sampleRate, PHONE_RATE)
  return joined([resampler.push(samples), resampler.flush()])
}

const refuse = (message: string) => Effect.fail(new CallError({ message }))

const audible = (name: string, audio: Int16Array): Effect.Effect<Int16Array, CallError> =>
  audio.some((sample) => Math.abs(sample) >= AUDIBLE)
    ? Effect.succeed(audio)
    : refuse(`${name} cannot be said: found silence, expected something to be heard`)

/** Why a file could not be read, by what the file system says; a directory is a bad resource. */
const readProblems: Readonly<Record<string, string>> = {
  NotFound: "there is no such file",
  PermissionDenied: "this user may not read it"
}

/** The sound of a WAV file of any rate, channels mixed to one. */
export const readWav = (path: string): Effect.Effect<Int16Array, CallError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const bytes = yield* files.readFile(path).pipe(
      Effect.mapError((cause) => {
        const problem = readProblems[cause.reason._tag] ?? "it is no file that can be read"
        return new CallError({ message: `${path} cannot be said: ${problem}`, cause })
      })
    )
    const wav = decodeWav(bytes)
    if (Result.isFailure(wav)) {
      const { expected, found } = wav.failure
      return yield* refuse(`${path} cannot be said: found ${found}, expected ${expected}`)
    }
    const { channels, sampleRate } = wav.success
    const audio = yield* Effect.try({
      try: () => toLine({ samples: mixed(channels), sampleRate }),
      catch: (cause) => new CallError({ message: `${path} cannot be said: its sample rate is ${sampleRate} Hz`, cause })
    })
    return yield* audible(path, audio)
  })

/** The sound of words. */
const speak = (text: string): Effect.Effect<Int16Array, CallError, TextToSpeech> =>
  Effect.gen(function* () {
    const voice = yield* TextToSpeech
    const session = yield* voice.open
    const pieces = yield* Stream.runCollect(session.speak(Stream.make(text))).pipe(
      Effect.mapError((cause) => new CallError({ message: `"${text}" cannot be said: ${cause.message}`, cause }))
    )
    const audio = Arr.isArrayNonEmpty(pieces)
      ? toLine({ samples: joined(pieces.map(({ samples }) => samples)), sampleRate: pieces[0].sampleRate })
      : new Int16Array(0)
    return yield* audible(JSON.stringify(text), audio)
  }).pipe(Effect.scoped)

/** A voice of this machine, another one than the sandbox's agent has; started when there is something to say. */
const callerVoice: Layer.Layer<TextToSpeech> = Layer.unwrap(
  Effect.map(
    Effect.promise(() => import("../layers/SandboxTextToSpeech.ts")),
    ({ layerWith }) => layerWith({ voice: "slt" })
  )
)

/** Makes all turns ready, in order; fails with what is wrong with one that cannot be said. Without words, no voice is started. */
export const prepareTurns = (
  requests: ReadonlyArray<TurnRequest>
): Effect.Effect<ReadonlyArray<Turn>, CallError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const sources = requests.map(({ source }) => source)
    const paths = sources.flatMap((source) => (source._tag === "Wav" ? [source.path] : []))
    const texts = sources.flatMap((source) => (source._tag === "Say" ? [source.text] : []))
    const read = (yield* Effect.forEach(paths, readWav)).values()
    const spoken = texts.length === 0 ? [] : yield* Effect.provide(Effect.forEach(texts, speak), callerVoice)
    const said = spoken.values()
    const nothing = new Int16Array(0)
    return requests.map(({ bargeInMs, source }): Turn =>
      source._tag === "Wav"
        ? { label: basename(source.path), text: "", audio: read.next().value ?? nothing, bargeInMs }
        : { label: source.text, text: source.text, audio: said.next().value ?? nothing, bargeInMs }
    )
  })
