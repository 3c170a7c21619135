/** Synthesised speech of any rate in, mu-law for the line out, sentence by sentence. Owns no pacing. */
import { Stream } from "effect"
import { PHONE_RATE } from "../schema/Audio.ts"
import { type SpeechAudio } from "../services/TextToSpeech.ts"
import { encodeMulaw } from "./Mulaw.ts"
import { type ReplyAudio } from "./Playout.ts"
import { makeResampler, type Resampler } from "./Resample.ts"
import { type Stage } from "./Stage.ts"

interface State {
  readonly sampleRate: number
  readonly resampler: Resampler | undefined
  readonly sentence: number
}

const initial: State = { sampleRate: 0, resampler: undefined, sentence: 0 }

const emit = (sentence: number, samples: Int16Array): ReadonlyArray<ReplyAudio> =>
  samples.length === 0 ? [] : [{ sentence, mulaw: encodeMulaw(samples) }]

const drain = (state: State): ReadonlyArray<ReplyAudio> =>
  state.resampler === undefined ? [] : emit(state.sentence, state.resampler.flush())

const push = (state: State, audio: SpeechAudio): readonly [State, ReadonlyArray<ReplyAudio>] => {
  if (audio.samples.length === 0) return [state, []]
  const changed = state.resampler === undefined || state.sampleRate !== audio.sampleRate
  const resampler =
    state.resampler === undefined || changed ? makeResampler(audio.sampleRate, PHONE_RATE) : state.resampler
  const before = changed ? drain(state) : []
  const now = emit(audio.sentence, resampler.push(audio.samples))
  return [{ sampleRate: audio.sampleRate, resampler, sentence: audio.sentence }, [...before, ...now]]
}

/** Brings speech to the line's rate and code; the resampler runs on across sentences, so that their seams cannot be heard. */
export const speechToLine: Stage<SpeechAudio, ReplyAudio> = Stream.mapAccum(
  () => initial,
  (before: State, audio: SpeechAudio): readonly [State, ReadonlyArray<ReplyAudio>] => {
    const [state, spoken] = push(before, audio)
    if (audio.brokeOff === undefined) return [state, spoken]
    // All that there is of it goes ahead of the news.
    const end: ReplyAudio = { sentence: audio.sentence, mulaw: new Uint8Array(0), brokeOff: audio.brokeOff }
    return [initial, [...spoken, ...drain(state), end]]
  },
  { onHalt: (state) => [...drain(state)] }
)
