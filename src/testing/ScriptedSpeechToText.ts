/** A stand-in for speech recognition: the audio it is sent in, the words that are in it out, as late and as badly as the script says. Hears nothing that is not there. */
import { Effect, Layer, Queue, Stream } from "effect"
import { BYTES_PER_MS } from "../schema/Audio.ts"
import { type FailureReason, SpeechToTextError } from "../schema/Errors.ts"
import { type InterimTranscript, SpeechToText, type SpeechToTextSession } from "../services/SpeechToText.ts"
import * as Beliefs from "./Beliefs.ts"
import { makeWordDecoder } from "./WordHearing.ts"
import { type Lexicon } from "./WordSound.ts"

/**
 * What goes wrong with the answer to a commit.
 *
 * - `empty` — there are no words
 * - `hang` — there is no answer
 * - `twice` — what was answered comes once more, as a belief about a segment that is over
 * - `fail` — an error, for the reason that is given
 */
export type SpeechToTextFault =
  | { readonly kind: "empty" | "hang" | "twice" }
  | { readonly kind: "fail"; readonly reason: FailureReason }

/** What is special about the answer to one commit. */
export interface SpeechToTextAnswer {
  /** From the commit to the answer, in milliseconds. */
  readonly delayMs?: number
  readonly fault?: SpeechToTextFault
}

/** What the recogniser does; data, unless words come from a function. */
export interface SpeechToTextScript {
  /** The words it knows, or what it makes of a segment's audio (8 kHz PCM). */
  readonly words: Lexicon | ((samples: Int16Array, segment: number) => string)
  /** How much audio, in milliseconds, lies between two beliefs about an open segment; without it there are none. */
  readonly interimEveryMs?: number
  /** Whether the last word of a belief is wrong at first and put right by the next one; it is not by default. */
  readonly rewrites?: boolean
  /** From a commit to its answer, in milliseconds; 150 by default. */
  readonly delayMs?: number
  /** By the position of the commit in the call, from 0; where there is nothing, the answer is right and in time. */
  readonly answers?: ReadonlyArray<SpeechToTextAnswer | undefined>
}

/** From a commit to its answer when the script does not say, in milliseconds. */
export const DEFAULT_TRANSCRIPT_MS = 150

/** What was heard of one segment. */
interface Ear {
  readonly hear: (samples: Int16Array) => void
  /** The words so far, or all of them. */
  readonly words: (complete: boolean) => string
}

const lexiconEar = (lexicon: Lexicon): Ear => {
  const decoder = makeWordDecoder(lexicon)
  const heard: Array<string> = []
  return {
    hear: (samples) => {
      for (const { word } of decoder.push(samples)) heard.push(word)
    },
    words: (complete) => {
      if (complete) for (const { word } of decoder.end()) heard.push(word)
      return heard.join(" ")
    }
  }
}

const functionEar = (words: (samples: Int16Array, segment: number) => string, segment: number): Ear => {
  let heard = new Int16Array(0)
  return {
    hear: (samples) => {
      const joined = new Int16Array(heard.length + samples.length)
      joined.set(heard)
      joined.set(samples, heard.length)
      heard = joined
    },
    words: () => words(heard, segment)
  }
}

interface Segment {
  readonly ear: Ear
  samples: number
  /** Samples at which the next belief is due, and the last one. */
  nextInterim: number
  belief: Beliefs.BeliefState
}

const answerOf = (
  { answers, delayMs = DEFAULT_TRANSCRIPT_MS }: SpeechToTextScript,
  commit: number
): { readonly delayMs: number; readonly fault: SpeechToTextFault | undefined } => {
  const answer = answers?.[commit]
  return { delayMs: answer?.delayMs ?? delayMs, fault: answer?.fault }
}

const openSession = (script: SpeechToTextScript) =>
  Effect.gen(function* () {
    const interims = yield* Queue.unbounded<InterimTranscript>()
    const segments = new Map<number, Segment>()
    const every = (script.interimEveryMs ?? Number.POSITIVE_INFINITY) * BYTES_PER_MS
    let commits = 0

    const segmentOf = (id: number): Segment => {
      const known = segments.get(id)
      if (known !== undefined) return known
      const { words } = script
      const ear = typeof words === "function" ? functionEar(words, id) : lexiconEar(words)
      const segment: Segment = { ear, samples: 0, nextInterim: every, belief: Beliefs.initial }
      segments.set(id, segment)
      return segment
    }

    const believe = (id: number, segment: Segment): void => {
      segment.nextInterim += every
      const [belief, text] = Beliefs.step(segment.belief, segment.ear.words(false), script.rewrites === true)
      segment.belief = belief
      if (text !== undefined) Queue.offerUnsafe(interims, { segment: id, text })
    }

    const append = (id: number, samples: Int16Array) =>
      Effect.sync(() => {
        const segment = segmentOf(id)
        segment.ear.hear(samples)
        segment.samples += samples.length
        if (segment.samples >= segment.nextInterim) believe(id, segment)
      })

    const commit = Effect.fnUntraced(function* (id: number): Effect.fn.Return<string, SpeechToTextError> {
      const { delayMs, fault } = answerOf(script, commits++)
      const text = segmentOf(id).ear.words(true)
      segments.delete(id)
      if (fault?.kind === "hang") return yield* Effect.never
      yield* Effect.sleep(delayMs)
      switch (fault?.kind) {
        case "fail":
          return yield* new SpeechToTextError({ reason: fault.reason, message: `${fault.reason}, as scripted` })
        case "empty":
          return ""
        case "twice":
          Queue.offerUnsafe(interims, { segment: id, text })
          return text
        case undefined:
          return text
      }
    })

    return {
      append,
      commit,
      discard: (id) => Effect.sync(() => void segments.delete(id)),
      interims: Stream.fromQueue(interims)
    } satisfies SpeechToTextSession
  })

/** A recogniser that follows a script, from its beginning for each call. */
export const scriptedSpeechToText = (script: SpeechToTextScript): Layer.Layer<SpeechToText> =>
  Layer.succeed(SpeechToText, { open: openSession(script) })
