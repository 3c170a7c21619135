/** Speech synthesis on this machine: sentences in, speech out, without any service. Owns how a reply is cut up and put together, not the thread that speaks. */
import { Duration, Effect, Exit, Layer, Stream } from "effect"
import { type TextToSpeechError } from "../schema/Errors.ts"
import { type SpeechAudio, TextToSpeech, type TextToSpeechSession } from "../services/TextToSpeech.ts"
import { makeVoice, type VoiceLane } from "./SandboxVoice.ts"
import { type SandboxVoiceName, type VoiceSound } from "./SandboxVoiceProgram.ts"
import { spokenPieces } from "./SandboxVoiceText.ts"
import { startVoiceThread } from "./SandboxVoiceThread.ts"

/** Pieces of text that are asked for ahead of the one whose sound is being taken. */
const LOOK_AHEAD = 3

/** Length of the pieces of sound that are given out, in milliseconds. */
const SOUND_MS = 100

/** Silence that is left before the first sound of a reply, and between the pieces of a sentence, in milliseconds. */
const LEAD_MS = 30

/** How long after its start the voice is warmed up, unless somebody has needed it before. */
const WARM_UP_AFTER = Duration.millis(500)

/** Below this, the synthesizer is silent. */
const SILENCE = 200

/** Something to say in one go: a sentence or a part of one. */
interface Piece {
  readonly sentence: number
  /** It follows a pause of its own: the silence it begins with is needed. */
  readonly afterPause: boolean
  readonly text: string
}

interface Progress {
  readonly sentence: number
  /** What was said last ended a sentence. */
  readonly paused: boolean
}

const endsSentence = /[.!?]["')\]]*$/

const cutUp = (progress: Progress, sentence: string): readonly [Progress, ReadonlyArray<Piece>] => {
  let { paused } = progress
  const pieces = spokenPieces(sentence).map((text): Piece => {
    const piece = { sentence: progress.sentence, afterPause: paused, text }
    paused = endsSentence.test(text)
    return piece
  })
  return [{ sentence: progress.sentence + 1, paused }, pieces]
}

/** The sound of a piece in {@link SOUND_MS}, without the silence before it unless that is needed. */
const soundOf = (piece: Piece, { sampleRate, samples }: VoiceSound): ReadonlyArray<SpeechAudio> => {
  const first = samples.findIndex((sample) => sample > SILENCE || sample < -SILENCE)
  const lead = Math.round((LEAD_MS / 1000) * sampleRate)
  const size = Math.round((SOUND_MS / 1000) * sampleRate)
  const sounds: Array<SpeechAudio> = []
  for (let at = piece.afterPause ? 0 : Math.max(0, first - lead); at < samples.length; at += size) {
    sounds.push({ sentence: piece.sentence, samples: samples.subarray(at, at + size), sampleRate })
  }
  return sounds
}

/** Synthesis for one call, on its lane of the voice. */
export const sessionOn = (lane: VoiceLane): TextToSpeechSession => ({
  speak: <E, R>(sentences: Stream.Stream<string, E, R>): Stream.Stream<SpeechAudio, TextToSpeechError | E, R> => {
    const say = (piece: Piece) =>
      Effect.map(
        Effect.exit(lane.say(piece.text)),
        Exit.map((sound) => soundOf(piece, sound))
      )
    return sentences.pipe(
      Stream.mapAccum((): Progress => ({ sentence: 0, paused: false }), cutUp),
      Stream.mapEffect(say, { concurrency: LOOK_AHEAD + 1 }),
      // A failure waits its turn, so that everything before it is heard.
      Stream.flatMap((sounds) =>
        Exit.isFailure(sounds) ? Stream.failCause(sounds.cause) : Stream.fromIterable(sounds.value)
      ),
      Stream.rechunk(1),
      Stream.withSpan("TextToSpeech.speak")
    )
  }
})

/**
 * Speech synthesis by Flite with one of its voices, `rms` unless another one is named; 16 kHz.
 *
 * One thread for the process, started and warmed up in the background. Never fails: what is wrong is told by `speak`.
 */
export const layerWith = (options?: { readonly voice?: SandboxVoiceName }): Layer.Layer<TextToSpeech> =>
  Layer.effect(
    TextToSpeech,
    Effect.gen(function* () {
      const voice = yield* makeVoice(startVoiceThread, options?.voice ?? "rms")
      // The first words of the first call must not wait for the thread, nor for its code to become fast. The server's own
      // start goes first: it may have only one processor to share.
      yield* Effect.flatMap(voice.lane, (lane) => lane.say("This is a warm up.")).pipe(
        Effect.delay(WARM_UP_AFTER),
        Effect.catch((error) => Effect.logWarning(error.message)),
        Effect.forkScoped
      )
      return TextToSpeech.of({ open: Effect.map(voice.lane, (lane) => sessionOn(lane)) })
    })
  )

/** {@link layerWith} its usual voice. */
export const layer: Layer.Layer<TextToSpeech> = layerWith()
