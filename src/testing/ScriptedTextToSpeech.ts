/** A stand-in for speech synthesis: sentences in, audio that carries their words out, at the pace and with the faults of the script. Has no voice of its own: see `WordSound.ts`. */
import { Effect, Layer, Stream } from "effect"
import { type FailureReason, TextToSpeechError } from "../schema/Errors.ts"
import { type SpeechAudio, TextToSpeech, type TextToSpeechSession } from "../services/TextToSpeech.ts"
import { soundOf } from "./WordSound.ts"

/**
 * What goes wrong with a sentence; `afterMs` is how much of its audio comes before that, none if it is left out.
 *
 * - `fail` — an error, for the reason that is given
 * - `hang` — nothing more comes
 * - `no end` — all of the audio comes, but never that it is all
 * - `silent` — there is no audio
 */
export type TextToSpeechFault =
  | { readonly kind: "fail"; readonly reason: FailureReason; readonly afterMs?: number }
  | { readonly kind: "hang"; readonly afterMs?: number }
  | { readonly kind: "no end" | "silent" }

/** What is special about one sentence. */
export interface TextToSpeechAnswer {
  /** From its turn to its first audio, in milliseconds. */
  readonly firstByteMs?: number
  readonly fault?: TextToSpeechFault
}

/** What the synthesiser does; data only. */
export interface TextToSpeechScript {
  /** 8000, 16000 or 24000 Hz; 24000 by default. */
  readonly sampleRate?: number
  /** From a sentence's turn to its first audio, in milliseconds; 100 by default. */
  readonly firstByteMs?: number
  /** Time that synthesis takes for each second of audio, in seconds; 0.1 by default. */
  readonly realTimeFactor?: number
  /** Audio in one piece, in milliseconds; 100 by default. */
  readonly pieceMs?: number
  /** Silence at the end of each sentence, in milliseconds; 100 by default. */
  readonly tailMs?: number
  /** By the position of the sentence in the call, from 0; where there is nothing, it is spoken in time and to its end. */
  readonly sentences?: ReadonlyArray<TextToSpeechAnswer | undefined>
}

/** What holds when a script does not say otherwise. */
export const defaultTextToSpeechScript = {
  sampleRate: 24_000,
  firstByteMs: 100,
  realTimeFactor: 0.1,
  pieceMs: 100,
  tailMs: 100
} as const satisfies TextToSpeechScript

/** Sentences that are taken in while earlier ones are spoken. */
const LOOK_AHEAD = 8

/** The audio of a sentence, at the script's rate. */
export const speechOf = (script: TextToSpeechScript, text: string): Int16Array => {
  const { sampleRate, tailMs } = { ...defaultTextToSpeechScript, ...script }
  const sound = soundOf(text, { sampleRate })
  const speech = new Int16Array(sound.length + Math.round((tailMs * sampleRate) / 1000))
  speech.set(sound)
  return speech
}

const piecesOf = (samples: Int16Array, length: number): ReadonlyArray<Int16Array> =>
  Array.from({ length: Math.ceil(samples.length / length) }, (_, i) => samples.subarray(i * length, (i + 1) * length))

/** One sentence, number `position` of the call and `sentence` of its reply. */
const speakOne = (
  script: TextToSpeechScript,
  position: number,
  sentence: number,
  text: string
): Stream.Stream<SpeechAudio, TextToSpeechError> => {
  const { firstByteMs, pieceMs, realTimeFactor, sampleRate } = { ...defaultTextToSpeechScript, ...script }
  const answer = script.sentences?.[position]
  const { fault } = answer ?? {}
  const perMs = sampleRate / 1000
  const whole = fault?.kind === "silent" ? new Int16Array(0) : speechOf(script, text)
  const cutMs = fault?.kind === "fail" || fault?.kind === "hang" ? (fault.afterMs ?? 0) : Number.POSITIVE_INFINITY
  const spoken = whole.subarray(0, Math.round(Math.min(cutMs * perMs, whole.length)))
  const pieces = Stream.fromIterable(piecesOf(spoken, Math.max(1, Math.round(pieceMs * perMs)))).pipe(
    Stream.mapEffect((samples) =>
      // Whole milliseconds, as timers have it.
      Effect.as(Effect.sleep(Math.round((samples.length / perMs) * realTimeFactor)), { samples, sampleRate, sentence })
    )
  )
  const first = Stream.drain(Stream.fromEffect(Effect.sleep(answer?.firstByteMs ?? firstByteMs)))
  const speech = Stream.concat(first, pieces)
  const cutOff = Stream.make<[SpeechAudio]>({ samples: new Int16Array(0), sampleRate, sentence, brokeOff: "surely" })
  switch (fault?.kind) {
    case undefined:
    case "silent":
      return speech
    case "fail":
      return Stream.concat(
        speech.pipe(Stream.concat(spoken.length === 0 || spoken.length === whole.length ? Stream.empty : cutOff)),
        Stream.fail(new TextToSpeechError({ reason: fault.reason, message: `${fault.reason}, as scripted` }))
      )
    case "hang":
    case "no end":
      return Stream.concat(speech, Stream.never)
  }
}

const openSession = (script: TextToSpeechScript): TextToSpeechSession => {
  let position = 0
  return {
    speak: (sentences) =>
      sentences.pipe(
        Stream.zipWithIndex,
        Stream.buffer({ capacity: LOOK_AHEAD }),
        Stream.flatMap(([text, sentence]) => Stream.suspend(() => speakOne(script, position++, sentence, text)))
      )
  }
}

/** A synthesiser that follows a script, from its beginning for each call. */
export const scriptedTextToSpeech = (script: TextToSpeechScript = {}): Layer.Layer<TextToSpeech> =>
  Layer.succeed(TextToSpeech, { open: Effect.sync(() => openSession(script)) })
