/** What tests of replies have in common: deadlines, and a voice. */
import { Duration, Stream } from "effect"
import { type TextToSpeechSession } from "../../src/services/TextToSpeech.ts"

export const deadlines = {
  transcript: Duration.seconds(1),
  firstToken: Duration.seconds(5),
  stall: Duration.seconds(4),
  firstAudio: Duration.seconds(3)
}

/** Says 100 ms for every sentence. */
export const voice: TextToSpeechSession = {
  speak: (sentences) =>
    Stream.map(Stream.zipWithIndex(sentences), ([, sentence]) => ({
      sentence,
      samples: new Int16Array(2400).fill(1000),
      sampleRate: 24_000
    }))
}
