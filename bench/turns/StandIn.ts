/** One stand-in for recognition, language model and voice, the same for every agent that is measured: as late as real ones are, and as wrong. Knows the truth of the call, but not who asks. */
import { Clock, Effect, Layer, Queue, type Scope, Stream } from "effect"
import type * as LanguageModel from "effect/ai/LanguageModel"
import { BYTES_PER_MS, PHONE_RATE } from "../../src/schema/Audio.ts"
import { type InterimTranscript, SpeechToText, type SpeechToTextSession } from "../../src/services/SpeechToText.ts"
import { TextToSpeech } from "../../src/services/TextToSpeech.ts"
import { audibleBounds } from "../../src/testing/AgentVoice.ts"
import { draw } from "../../src/testing/Draws.ts"
import { type GroundTruth, type GroundTruthState } from "../../src/testing/GroundTruth.ts"
import { scriptedLanguageModel } from "../../src/testing/ScriptedLanguageModel.ts"
import { type Piece, type PlannedCall } from "./Corpus.ts"

/** How long everything takes, in milliseconds. */
export const times = {
  /** From a commit to the words. */
  final: 120,
  /** From the end of a word to a belief that holds it. */
  interim: 200,
  firstToken: 250,
  token: 12,
  /** From a sentence to its first audio. */
  firstByte: 150
} as const

// ---------------------------------------------------------------------------------------------------------------
// recognition
// ---------------------------------------------------------------------------------------------------------------

/** A word as it was really said, in line milliseconds. */
interface TrueWord {
  readonly word: string
  readonly startMs: number
  readonly endMs: number
  readonly piece: Piece
  /** Whether it is the last one of its piece. */
  readonly last: boolean
}

/** What of a word has to be in the audio for it to be recognised. */
const SHARE = 0.6

/** How much later than a sample was said it reaches recognition at the most: a frame and a window, in milliseconds. */
const LATE_MS = 40

/**
 * How a transcript ends that was cut off in a sentence: recognisers do not know, and guess. Made up: shares in which
 * Whisper-like models were seen to write nothing, a comma, an ellipsis and a full stop differ with the voice.
 */
const cutEnding = (chance: number): string => (chance < 0.45 ? "" : chance < 0.6 ? "," : chance < 0.75 ? "..." : ".")

/** Share of whole sentences whose full stop is not written. */
const FORGOTTEN_STOP = 0.1

/** Share of segments without a word in them, on a noisy line, that a stock phrase is made of. */
const INVENTED = 0.4

/** What is added to the text of a segment by chance, the same for the same segment. */
interface Whim {
  readonly noisy: boolean
  readonly chance: (segment: number) => number
}

const textOf = (words: ReadonlyArray<TrueWord>, whim: Whim, segment: number): string => {
  const chance = whim.chance(segment)
  const end = words.at(-1)
  if (end === undefined) return whim.noisy && chance < INVENTED ? (chance < INVENTED / 2 ? "Thank you." : "you") : ""
  const text = words.map(({ word }) => word).join(" ")
  const bare = text.replace(/[.,;:!?…]+$/u, "")
  if (!end.last || end.piece.goesOn) return bare + cutEnding(chance)
  return chance < FORGOTTEN_STOP ? bare : text
}

const openRecognition = (
  truth: GroundTruth,
  pieces: ReadonlyMap<string, Piece>,
  whim: Whim
): Effect.Effect<SpeechToTextSession, never, Scope.Scope> =>
  Effect.gen(function* () {
    const interims = yield* Queue.unbounded<InterimTranscript>()
    /** By segment: samples heard, when the last of them was said, what was believed. */
    const heard = new Map<number, { samples: number; untilMs: number; believed: string }>()

    const lineMs = Effect.gen(function* () {
      const { originMs = 0 } = yield* truth.current
      return (yield* Clock.currentTimeMillis) - originMs
    })

    const wordsIn = (fromMs: number, untilMs: number) =>
      Effect.map(truth.current, ({ utterances }) =>
        utterances.flatMap(({ startMs, text }): ReadonlyArray<TrueWord> => {
          const piece = pieces.get(text)
          if (piece === undefined) return []
          const zeroMs = startMs - audibleBounds(piece.audio).from / BYTES_PER_MS
          return piece.words
            .map((word, index) => ({
              word: word.word,
              startMs: zeroMs + word.startMs,
              endMs: zeroMs + word.endMs,
              piece,
              last: index === piece.words.length - 1
            }))
            .filter(({ endMs, startMs }) => {
              const inside = Math.min(endMs, untilMs) - Math.max(startMs, fromMs)
              return inside >= SHARE * (endMs - startMs)
            })
        })
      )

    const believe = Effect.fnUntraced(function* (segment: number) {
      const known = heard.get(segment)
      if (known === undefined) return
      const nowMs = yield* lineMs
      const fromMs = known.untilMs - known.samples / BYTES_PER_MS
      const words = (yield* wordsIn(fromMs, known.untilMs)).filter(({ endMs }) => endMs + times.interim <= nowMs)
      const text = words
        .map(({ word }) => word)
        .join(" ")
        .replace(/[.,;:!?…]+$/u, "")
      if (text === "" || text === known.believed) return
      known.believed = text
      Queue.offerUnsafe(interims, { segment, text })
    })

    const append = Effect.fnUntraced(function* (segment: number, samples: Int16Array) {
      const known = heard.get(segment) ?? { samples: 0, untilMs: 0, believed: "" }
      known.samples += samples.length
      known.untilMs = yield* lineMs
      heard.set(segment, known)
      yield* believe(segment)
    })

    const commit = Effect.fnUntraced(function* (segment: number) {
      const known = heard.get(segment)
      if (known === undefined) return ""
      const words = yield* wordsIn(known.untilMs - LATE_MS - known.samples / BYTES_PER_MS, known.untilMs)
      // A belief may still be on its way.
      for (let waited = 0; waited < times.final; waited += 20) {
        yield* Effect.sleep(20)
        yield* believe(segment)
      }
      heard.delete(segment)
      return textOf(words, whim, segment)
    })

    return {
      append,
      commit,
      discard: (segment) => Effect.sync(() => void heard.delete(segment)),
      interims: Stream.fromQueue(interims)
    }
  })

// ---------------------------------------------------------------------------------------------------------------
// voice
// ---------------------------------------------------------------------------------------------------------------

/** Speed of the agent's speech, in milliseconds a character. */
const MS_PER_CHARACTER = 1000 / 15

/** Time that synthesis takes for each second of audio, in seconds, and audio in one piece, in milliseconds. */
const REAL_TIME_FACTOR = 0.1
const PIECE_MS = 100

/** Silence at the end of a sentence, in milliseconds. */
const TAIL_MS = 100

/** Speech for sentences: as long as they are, out of a long recording. It does not say what they say. */
const makeVoice = (speech: Int16Array) => {
  let at = 0
  return (text: string): Int16Array => {
    const length = Math.round(text.length * MS_PER_CHARACTER * BYTES_PER_MS)
    // Sentences begin with a sound.
    while (Math.abs(speech[at % speech.length] ?? 0) < 1000) at++
    const said = new Int16Array(length + TAIL_MS * BYTES_PER_MS)
    for (let i = 0; i < length; i++) said[i] = speech[(at + i) % speech.length] ?? 0
    at += length
    return said
  }
}

const textToSpeech = (speech: Int16Array): Layer.Layer<TextToSpeech> =>
  Layer.succeed(TextToSpeech, {
    open: Effect.sync(() => {
      const voice = makeVoice(speech)
      return {
        speak: <E, R>(sentences: Stream.Stream<string, E, R>) =>
          sentences.pipe(
            Stream.zipWithIndex,
            Stream.buffer({ capacity: 8 }),
            Stream.flatMap(([text, sentence]) =>
              Stream.suspend(() => {
                const audio = voice(text)
                const length = PIECE_MS * BYTES_PER_MS
                const pieces = Array.from({ length: Math.ceil(audio.length / length) }, (_, n) =>
                  audio.subarray(n * length, (n + 1) * length)
                )
                return Stream.fromIterable(pieces).pipe(
                  Stream.mapEffect((samples, n) =>
                    Effect.as(Effect.sleep(n === 0 ? times.firstByte : PIECE_MS * REAL_TIME_FACTOR), {
                      samples,
                      sampleRate: PHONE_RATE,
                      sentence
                    })
                  )
                )
              })
            )
          )
      }
    })
  })

// ---------------------------------------------------------------------------------------------------------------
// all of it
// ---------------------------------------------------------------------------------------------------------------

/** What the agent is to say now: what was planned for the last turn that has begun. */
const replyNow = (plan: PlannedCall, pieceId: string | undefined): string =>
  plan.turns[Number(pieceId?.split(".")[0] ?? 0)]?.reply ?? ""

/** The services of one call; `latest` is the truth as it is now. */
export const standIn = (
  plan: PlannedCall,
  truth: GroundTruth,
  latest: () => GroundTruthState,
  agentSpeech: Int16Array
): Layer.Layer<SpeechToText | LanguageModel.LanguageModel | TextToSpeech> => {
  const pieces = new Map(plan.turns.flatMap((turn) => turn.pieces.map((piece) => [piece.id, piece] as const)))
  const whim: Whim = {
    noisy: plan.condition !== "quiet" && plan.condition !== "echo",
    chance: (segment) => draw(plan.seed, 9, segment)
  }
  return Layer.mergeAll(
    Layer.succeed(SpeechToText, { open: openRecognition(truth, pieces, whim) }),
    scriptedLanguageModel({
      replies: () => replyNow(plan, latest().utterances.at(-1)?.text),
      firstTokenMs: times.firstToken,
      tokensPerSecond: 1000 / times.token
    }),
    textToSpeech(agentSpeech)
  )
}
