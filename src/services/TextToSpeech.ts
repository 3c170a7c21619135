/** Contract: sentences in, speech out. Owns the voice and its connection, not pacing, the line's format or what was heard. */
import { Context, type Effect, type Scope, type Stream } from "effect"
import { type PcmAudio } from "../schema/Audio.ts"
import { type TextToSpeechError } from "../schema/Errors.ts"

/** A piece of speech. `sentence` is the position (from 0, never decreasing) of the sentence it speaks. */
export interface SpeechAudio extends PcmAudio {
  readonly sentence: number
  /**
   * After this piece, which may have no samples, no more of the sentence comes though not all of it did: surely, or
   * perhaps, in which case its length is left to tell. So history has no words that were never spoken.
   */
  readonly brokeOff?: "surely" | "perhaps"
}

/** Synthesis for one call. */
export interface TextToSpeechSession {
  /**
   * Speaks one reply: each element of `sentences` is spoken, in order, the next one being sent while the previous one
   * is still coming. The stream ends when all of them were spoken; interrupting it cancels what is left.
   */
  readonly speak: <E, R>(sentences: Stream.Stream<string, E, R>) => Stream.Stream<SpeechAudio, TextToSpeechError | E, R>
}

/** Speech synthesis. */
export class TextToSpeech extends Context.Service<
  TextToSpeech,
  {
    /** A session for one call. Connects in the background and never fails: what goes wrong is told by `speak`. */
    readonly open: Effect.Effect<TextToSpeechSession, never, Scope.Scope>
  }
>()("parley/services/TextToSpeech") {}
